"""Which key does what, readable without script: whatever a key does is also a link or a button."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.faces.web import pages

GO = (
    ("g b", "Bridge", "/"), ("g i", "Incidents", "/incidents"), ("g r", "Runs", "/runs"), ("g l", "Log", "/log"),
    ("g n", "Messages", "/notifications"), ("g w", "Windows and silences", "/windows"),
)  # fmt: skip
HERE = (
    ("/", "To the search or filter of this page"),
    ("j", "Next row"), ("k", "Row before"), ("Enter", "Open the row"),
    ("a", "To the button that acknowledges"), ("n", "To the note"), ("e", "To escalate; it asks who and why"),
    ("v", "To the step that waits for approval"),
    ("Esc", "Out of a field, then back"), ("?", "This page"),
)  # fmt: skip


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page."""
    return pages.render(request, "keys.html", pages.shared(application()) | {"go": GO, "here": HERE})
