"""What kind of document it is: a log of what happened, or instructions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from watchkeeper.core.importing.elements import Element

Form = Literal["log", "instructions"]

_MONTHS = r"jan\w*|feb\w*|mar\w*|apr\w*|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec\w*"
_DATED = re.compile(
    rf"\b(?:19|20)\d\d-[01]\d-[0-3]\d|\b[0-3]?\d[./][01]?\d[./](?:19|20)\d\d|\b(?:{_MONTHS})\s+[0-3]?\d(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d"
    rf"|\b[0-3]?\d\.?\s+(?:{_MONTHS})\s+(?:19|20)\d\d|^\W*[0-2]?\d:[0-5]\d\b|(?:19|20)\d\d年\d",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:log|logs|logbook|journal|diary|shift|hand-?over|worklog|feedback|changelog)\b|日誌|日志", re.I
)
_MANUAL = re.compile(r"\b(?:runbook|manual|procedures?|guide|how[- ]?to|playbook|handbook)\b", re.I)


def form_of(heads: Sequence[Element]) -> tuple[Form, str]:
    """(form, the reason in half a sentence). heads: the headings of the document.

    A log is known by its dated headings: three of them and a third of all down to level 3, or one of them below a
    title that says log.
    """
    near = [each for each in heads if each.level <= 3]
    dated = [each for each in near if _DATED.search(each.text)]
    titled = bool(near) and bool(_NAMED.search(near[0].text)) and not _MANUAL.search(near[0].text)
    share = len(dated) / len(near) if near else 0.0
    if (len(dated) >= 3 and share >= 0.3) or (titled and dated):
        return "log", f"{len(dated)} of {len(near)} headings are dated"
    return "instructions", "its headings name what to do, not when it was done"
