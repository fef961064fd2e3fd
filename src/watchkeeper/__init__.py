"""watchkeeper stands the watch over a small team's services."""

__version__ = "0.1.0"
