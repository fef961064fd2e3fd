"""Tables of the roll-ups: version 1 to 2 of the readings store, in both databases."""

SQLITE = ""
POSTGRESQL = "select 1"
