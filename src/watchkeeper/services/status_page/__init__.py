"""The public status page: what it shows, what appears on it by itself, and what operators post."""

from watchkeeper.services.status_page.acts import Posting
from watchkeeper.services.status_page.reading import StatusPageReader

__all__ = ["Posting", "StatusPageReader"]
