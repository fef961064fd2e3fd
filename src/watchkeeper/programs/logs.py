"""Our own log: levels, one line per event on standard error, as text or as JSON, without secrets.

What an operator wants to find stands in fields: ``at``, ``level``, ``program``, ``logger``, ``message`` and, of a fault,
``error`` and ``trace``. Before a line is written everything that looks like a secret, and every value of the team's
secrets that is known by then, is taken out.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

LEVELS, FORMS = ("debug", "info", "warning", "error"), ("text", "json")
LEVEL_VARIABLE, FORM_VARIABLE = "WATCHKEEPER_LOG_LEVEL", "WATCHKEEPER_LOG_FORMAT"
_hide: list[Callable[[str], str]] = []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--log-level`` and ``--log-format``, with defaults from the environment; a word there that is none is left out."""
    level, form = os.environ.get(LEVEL_VARIABLE, "").lower(), os.environ.get(FORM_VARIABLE, "").lower()
    parser.add_argument("--log-level", default=level if level in LEVELS else "info", choices=LEVELS)
    parser.add_argument("--log-format", default=form if form in FORMS else "text", choices=FORMS)


def set_up(program: str, level: str, form: str) -> None:
    """From now on everything that is logged in this process goes to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(program) if form == "json" else Lines(program))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)  # statements hold what is kept


def hide_by(redact: Callable[[str], str]) -> None:
    """Take out by this too, once the secrets of the team are known. It must not wait for anything slow."""
    _hide[:] = [redact]


def without_secrets(text: str) -> str:
    """What may be written."""
    from watchkeeper.core.redaction import Redactor

    try:
        return _hide[0](text) if _hide else Redactor().text(text)
    except Exception:
        return "[a line that could not be cleared of secrets]"


class Lines(logging.Formatter):
    """``2026-11-21 19:02:11,042 watch WARNING message``."""

    def __init__(self, program: str) -> None:
        super().__init__(f"%(asctime)s {program} %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One event; a trace follows on lines of its own."""
        return without_secrets(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        """One event, whatever its message holds."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told: dict[str, str] = {
            "at": at, "level": record.levelname.lower(), "program": self._program, "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }  # fmt: skip
        if record.exc_info and record.exc_info[0] is not None:
            told["error"] = record.exc_info[0].__name__
            told["trace"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False)
