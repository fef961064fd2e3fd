"""How a message arrives: which channel, when, and together with which others. Pure: every time is passed in."""
