"""On call: who has the watch when, by layers of rotation, holidays and overrides."""
