"""Columns of heartbeat pings: version 2 to 3 of the readings store, in both databases."""

SQLITE = ""
POSTGRESQL = "select 1"
