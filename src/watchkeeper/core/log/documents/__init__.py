"""Operations logs that teams wrote in their own shapes: `reading.read` gives their entries, without losing a line."""
