"""Words, times and tables for a terminal. Colour belongs to state and to nothing else."""

from __future__ import annotations

import os
import sys

from watchkeeper.faces.cli.parsers import terminal_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

COLOURS = {"CRIT": "31;1", "WARN": "33", "UNKNOWN": "35", "OK": "32"}
STATE_ORDER = {"CRIT": 0, "WARN": 1, "UNKNOWN": 2, "OK": 3}
RISK_WORDS = {"read": "reads", "change": "changes", "destroy": "destroys"}
_ESCAPED = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)] if code not in (9, 10)}
_ESCAPED |= {code: f"\\u{code:04x}" for code in [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]}


def clean(text: object) -> str:
    """Text from hosts and documents without power over the terminal: control and direction characters are spelled."""
    return str(text).replace("\r\n", "\n").translate(_ESCAPED)


def line(text: object) -> str:
    """`clean`, on one line."""
    return " ".join(clean(text).split())


def has_colour(stream: Any = None) -> bool:
    """Colour only on a terminal, without NO_COLOR (any value) and not with TERM=dumb."""
    out = stream or sys.stdout
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and out.isatty()


def state(word: object, width: int = 0) -> str:
    """A state word, padded, in its colour where there is colour."""
    text = line(word).ljust(width)
    code = COLOURS.get(str(word), "")
    return f"\x1b[{code}m{text}\x1b[0m" if code and has_colour() else text


def parse_time(text: object) -> float | None:
    """Epoch seconds of an API time (UTC text with Z), or None."""
    if isinstance(text, int | float):
        return float(text)
    if not isinstance(text, str) or not text:
        return None
    from datetime import UTC, datetime

    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def clock(text: object, now: float | None = None) -> str:
    """An API time in the zone of this terminal (TZ): ``03:12:40`` today, ``11-20 03:12`` else; empty when none."""
    at = parse_time(text)
    if at is None:
        return ""
    from datetime import datetime

    moment = datetime.fromtimestamp(at)
    today = datetime.now() if now is None else datetime.fromtimestamp(now)
    if moment.date() == today.date():
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%m-%d %H:%M" if moment.year == today.year else "%Y-%m-%d %H:%M")


def age(since: object, now: object) -> str:
    """How long between two API times: ``4 min``; empty when one is missing."""
    from watchkeeper.core.times import format_duration

    start, end = parse_time(since), parse_time(now)
    return "" if start is None or end is None else format_duration(max(end - start, 0.0))


def now_text() -> str:
    """The present as the API writes times."""
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table(rows: Sequence[Sequence[object]], head: Sequence[str] = (), indent: int = 0, state_column: int = -1) -> str:
    """Columns as wide as needed; the last one wraps under itself, so nothing is cut on a narrow terminal."""
    cells = [[line(cell) for cell in row] for row in rows]
    shown = [list(head), *cells] if head else cells
    if not shown:
        return ""
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]) - 1)]
    left = indent + sum(widths) + 2 * len(widths)
    room = terminal_width() - left
    lines = []
    for number, row in enumerate(shown):
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        if state_column >= 0 and (number or not head):
            padded[state_column] = state(row[state_column], widths[state_column])
        first, *following = wrap(row[-1], room) if room >= 24 else [row[-1]]
        lines.append((" " * indent + "  ".join([*padded, first])).rstrip())
        lines += [" " * left + part for part in following]
    return "\n".join(lines)


def wrap(text: str, width: int) -> list[str]:
    """Words in lines of at most `width`; a longer word stands alone, uncut (paths and commands stay copyable)."""
    lines, current = [], ""
    for word in text.split(" "):
        if current and len(current) + 1 + len(word) > width:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, current]


def block(text: object, margin: str = "  | ") -> str:
    """Exact bytes of a command or an output, behind a ruled margin."""
    return "\n".join(margin + part for part in clean(text).rstrip("\n").split("\n"))


def worst(states: Iterable[object]) -> str:
    """The worst of some states; OK when there is none."""
    return min((str(one) for one in states), key=lambda one: STATE_ORDER.get(one, 2), default="OK")


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 check``, ``12 checks``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def all_ok(number: int) -> str:
    """``All 12 checks are OK.``"""
    return "The one check is OK." if number == 1 else f"All {number} checks are OK."


def show_json(answer: Mapping[str, Any]) -> None:
    """The one JSON object of a command; indented for a person at a terminal."""
    import json

    print(json.dumps(answer, indent=2 if sys.stdout.isatty() else None, ensure_ascii=True))


def note(text: str) -> None:
    """A message to the person, on standard error, so that standard output stays the answer."""
    print(clean(text), file=sys.stderr, flush=True)


def confirm(question: str, yes: bool, expected: str = "y") -> bool:
    """Ask once on the terminal. expected: what has to be typed (a host for what destroys). `yes` answers beforehand.

    Raises `Usage` when nobody is there to be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        from watchkeeper.core.errors import Usage

        raise Usage(
            "Nothing was done: this asks for a decision, and nobody can answer here (standard input is no terminal).",
            "Read what would happen, then add --yes.",
        )
    print(f"{clean(question)} ", end="", file=sys.stderr, flush=True)
    typed = sys.stdin.readline().strip()
    return typed.lower() in ("y", "yes") if expected == "y" else typed == expected


def ask_code() -> str:
    """A code of the authenticator, typed on the terminal; "" where nobody is there or nothing was typed."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    question = "This needs your second factor. Code of your authenticator, or a recovery code: "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def ask_hidden(question: str) -> str:
    """What somebody types without it being shown; "" where nobody is there."""
    if not sys.stdin.isatty():
        return ""
    from getpass import getpass

    return getpass(f"{question} ")
