"""Turning off one kind of finding for one document, with a reason: ``<!-- watchkeeper lint-off no-rollback: why -->``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from watchkeeper.core.runbooks.values import Silence

_COMMENT: Final = re.compile(r"^\s*<!--\s*watchkeeper\s+lint-off\b(?P<rest>.*?)-->\s*$", re.DOTALL)
KEY: Final = "lint_off"
"""The same in the front matter: ``watchkeeper: {lint_off: {no-rollback: why}}``."""


def read_silences(html: str, line: int) -> tuple[Silence, ...] | None:
    """What a comment turns off; None when it is another comment. A missing reason is kept as "" for `lint` to name."""
    match = _COMMENT.match(html)
    if match is None:
        return None
    codes, _, reason = match.group("rest").partition(":")
    words = [word for word in re.split(r"[\s,]+", codes) if word]
    return tuple(Silence(line, word, " ".join(reason.split())) for word in words or [""])


def front_silences(own: Mapping[str, object]) -> tuple[Silence, ...]:
    """What the front matter turns off: code to reason."""
    entry = own.get(KEY)
    if entry is None:
        return ()
    if not isinstance(entry, dict):
        words = entry if isinstance(entry, list) else [entry]
        return tuple(Silence(1, str(word), "") for word in words)
    return tuple(Silence(1, str(code), str(reason or "").strip()) for code, reason in entry.items())
