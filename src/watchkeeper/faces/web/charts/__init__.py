"""Charts drawn on the server: what they have in common, and the chart of one check over an hour to a year."""
