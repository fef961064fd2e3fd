"""What the first page of a process would have to read, read before anybody asks for it."""

from __future__ import annotations

import logging
import threading
import time

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.web import draw, pages

log = logging.getLogger(__name__)


def start() -> None:
    """Read the past of all checks in a thread of its own. A fault is none: the first page tells it."""
    threading.Thread(target=_read, name="warm", daemon=True).start()


def _read() -> None:
    began = time.monotonic()
    try:
        app = application()
        draw.traces(app, app.clock(), pages.zone_of(app))
        draw.day_line(app, app.clock(), pages.zone_of(app))
    except Exception as error:
        log.info("the past could not be read ahead: %s", error)
        return
    log.debug(
        "the past of %d checks was read ahead in %.1f s", len(app.holder.current.checks), time.monotonic() - began
    )
