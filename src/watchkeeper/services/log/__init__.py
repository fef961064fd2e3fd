"""The operations log: written, read, asked, proven."""

from watchkeeper.services.log.entries import Log

__all__ = ["Log"]
