"""What is kept of readings for long: sketches of numbers, roll-ups of hours and days, trends, availability. All pure."""
