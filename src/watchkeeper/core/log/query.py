"""The one language in which the log is asked.

    severity>=high since:30d type:deployment service:shop operator:ana status:failed tag:x component:queue
    is:corrected has:attachment "exact words" -word

All parts must hold. ``a,b`` is one of both, ``-`` before a part is its contrary, ``*`` in a value stands for any text.
What has no colon is text: it must stand somewhere in the entry, in any case. `parse` reads the words, `select` gives
them their meaning with the team's vocabulary, its time zone and the present moment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from watchkeeper.core.errors import Usage
from watchkeeper.core.log.facets import HAS, IS, Indexed
from watchkeeper.core.log.facets import indexed as indexed  # whoever judges needs both
from watchkeeper.core.log.search import fold, matches
from watchkeeper.core.log.spans import fault, span
from watchkeeper.core.log.values import Draft
from watchkeeper.core.log.vocabulary import Vocabulary, folded

LONGEST = 1000
MOST_PARTS = 40
MOST_STARS = 4
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,39}")

KEYS: Mapping[str, str] = {
    "severity": "severity>=high", "type": "type:deployment", "status": "status:failed", "operator": "operator:ana",
    "service": "service:shop", "host": "host:app1", "component": "component:queue", "location": "location:rack-2",
    "tag": "tag:quarter-end", "incident": "incident:12", "run": "run:40", "reviewed": "reviewed:ben",
    "approved": "approved:ben", "thread": "thread:12", "corrects": "corrects:12", "is": "is:corrected",
    "has": "has:attachment", "entry": "entry:120..140",
    "since": "since:30d", "until": "until:yesterday", "on": "on:2026-11-21",
}  # fmt: skip
"""What can be asked, each with an example."""
ALIASES: Mapping[str, str] = {
    "sev": "severity", "by": "operator", "actor": "operator", "who": "operator", "after": "since", "from": "since",
    "before": "until", "to": "until", "date": "on", "day": "on", "month": "on", "number": "entry", "n": "entry",
    "label": "tag", "tags": "tag", "reviewed-by": "reviewed", "approved-by": "approved",
    "server": "host", "kind": "type", "state": "status",
}  # fmt: skip
_PART = re.compile(
    r"""(?P<minus>-)?(?:(?P<key>[A-Za-z][A-Za-z0-9_-]*)(?P<sign>>=|<=|:|=|>|<)(?P<value>"[^"]*"|[^\s"]*(?:"[^"]*"[^\s"]*)*)
    |(?P<quoted>"[^"]*")|(?P<word>[^\s"]+))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a question as it was written. place: of its first character, from 1. key "": text."""

    key: str
    sign: str
    value: str
    negated: bool
    place: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was read. text: as it was asked."""

    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold of an entry. about: column (type, severity, status), ``facet NAME``, ``number`` or ``gone``.

    values: folded; one of them must match, with ``*`` for any text. least, most: of a number, both within.
    """

    about: str
    values: tuple[str, ...] = ()
    negated: bool = False
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """A question with its meaning. since <= at < until, epoch seconds; words: (folded text, must not be there)."""

    conditions: tuple[Condition, ...] = ()
    words: tuple[tuple[str, bool], ...] = ()
    since: float | None = None
    until: float | None = None


# ---- reading ---------------------------------------------------------------------------------------------------------


def parse(text: str) -> Question:
    """The parts of a question. Raises `Usage` that names the place of the first mistake."""
    if len(text) > LONGEST:
        raise Usage(f"The question has {len(text)} characters; at most {LONGEST} are read.", "Ask for less at once.")
    parts = tuple(_parts(text))
    if len(parts) > MOST_PARTS:
        raise Usage(f"The question has {len(parts)} parts; at most {MOST_PARTS} are read.", "Ask for less at once.")
    return Question(text, parts)


def _parts(text: str) -> Iterator[Part]:
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position >= len(text):
            return
        found = _PART.match(text, position)
        if found is None or (text[position] == '"' and found.group("quoted") is None):
            raise fault(text, position, "a quotation mark is not closed", 'Exact words stand in two: "worker count".')
        yield _part(text, found, position)
        position = found.end()


def _part(text: str, found: re.Match[str], position: int) -> Part:
    minus = bool(found.group("minus"))
    if found.group("quoted") is not None:
        value = found.group("quoted")[1:-1]
        if not value.strip():
            raise fault(text, position, "nothing stands between the quotation marks")
        return Part("", "", value, minus, position + 1)
    if found.group("word") is not None:
        word = found.group("word")
        if word in ("OR", "AND", "NOT", "||", "&&"):
            meant = "tag:a,b asks for one of both; all parts of a question must hold; -word leaves out."
            raise fault(text, position, f"{word} is not understood", meant)
        if word == "-":
            raise fault(text, position, "nothing follows the '-'", "-word leaves out entries with that word.")
        return Part("", "", word, minus, position + 1)
    key = found.group("key").lower()
    if found.group("value").startswith("//"):  # an address is text, not a key
        return Part("", "", f"{found.group('key')}:{found.group('value')}", minus, position + 1)
    name = ALIASES.get(key, key)
    if name not in KEYS:
        near = difflib.get_close_matches(key, [*KEYS, *ALIASES], 1, 0.7)
        hint = f"Did you mean {KEYS[ALIASES.get(near[0], near[0])]}? " if near else ""
        hint += f"It knows {', '.join(KEYS)}; text with a colon stands in quotation marks."
        raise fault(text, position, f"'{key}' is nothing that can be asked", hint)
    value = found.group("value").replace('"', "").strip()
    if not value:
        raise fault(
            text, position, f"nothing follows {found.group('key')}{found.group('sign')}", f"Example: {KEYS[name]}"
        )
    sign = ":" if found.group("sign") == "=" else found.group("sign")
    if sign != ":" and name not in ("severity", "entry"):
        raise fault(text, position, f"{name} cannot be compared with {sign}", f"Example: {KEYS[name]}")
    part = Part(name, sign, value, minus, position + 1)
    _checked(text, part)
    return part


def _checked(text: str, part: Part) -> None:
    """Values that need neither the vocabulary nor the clock."""
    if part.value.count("*") > MOST_STARS:
        raise fault(text, part.place - 1, f"more than {MOST_STARS} stars stand in it", "One star stands for any text.")
    if part.key in ("is", "has"):
        known = IS if part.key == "is" else HAS
        for value in _alternatives(part.value):
            if value not in known:
                near = difflib.get_close_matches(value, known, 1, 0.6)
                meant = f"Did you mean {part.key}:{near[0]}? " if near else ""
                raise fault(
                    text, part.place - 1, f"nothing is '{part.key}:{value}'", f"{meant}One of: {', '.join(known)}."
                )
    if part.key == "entry":
        _numbers(text, part)
    if part.key in ("since", "until", "on"):
        span(part.value, datetime(2026, 7, 1, 12, tzinfo=None).timestamp(), None, text, part.place - 1)
    if part.key in ("since", "until") and part.negated:
        raise fault(
            text, part.place - 1, f"-{part.key} says nothing", f"Write {'until' if part.key == 'since' else 'since'}:"
        )


def _alternatives(value: str) -> list[str]:
    return [each for each in (folded(part) for part in value.split(",")) if each]


def _numbers(text: str, part: Part) -> tuple[int | None, int | None]:
    first, dots, last = part.value.partition("..")
    if not first.isascii() or not (first + last).isdigit() or len(first) > 15 or len(last) > 15 or (dots and not first):
        raise fault(text, part.place - 1, f"'{part.value[:20]}' is no number of an entry", f"Example: {KEYS['entry']}")
    low = int(first)
    if dots:
        return low, int(last) if last else None
    bounds = {":": (low, low), ">=": (low, None), ">": (low + 1, None), "<=": (None, low), "<": (None, low - 1)}
    return bounds[part.sign]


# ---- meaning ---------------------------------------------------------------------------------------------------------


def select(question: Question, vocabulary: Vocabulary, zone: tzinfo, now: float) -> Selection:
    """What a question means at this moment. Raises `Usage` for a word that the vocabulary does not know."""
    conditions: list[Condition] = []
    words: list[tuple[str, bool]] = []
    since: float | None = None
    until: float | None = None
    for part in question.parts:
        if not part.key:
            words.append((fold(part.value), part.negated))
        elif part.key in ("since", "until", "on"):
            start, end = span(part.value, now, zone, question.text, part.place - 1)
            if part.key == "on" and part.negated:
                raise fault(question.text, part.place - 1, "-on cannot be asked", "Write since: or until:")
            if part.key != "until":
                since = start if since is None else max(since, start)
            if part.key != "since":
                until = end if until is None else min(until, end)
        elif part.key == "severity":
            condition = _severity(question, part, vocabulary)
            conditions += [condition] if condition else []
        elif part.key in ("type", "status"):
            conditions.append(_word(question, part, vocabulary))
        elif part.key == "entry":
            least, most = _numbers(question.text, part)
            conditions.append(Condition("number", (), part.negated, least, most))
        elif part.key == "is" and "gone" in _alternatives(part.value):
            if _alternatives(part.value) != ["gone"]:
                raise fault(question.text, part.place - 1, "is:gone stands alone", "Write it as a part of its own.")
            conditions.append(Condition("gone", (), part.negated))
        else:
            conditions.append(Condition(f"facet {part.key}", tuple(_alternatives(part.value)), part.negated))
    return Selection(tuple(conditions), tuple(words), since, until)


def _severity(question: Question, part: Part, vocabulary: Vocabulary) -> Condition | None:
    names = [word.name for word in vocabulary.severities]
    wanted: set[str] = set()
    unknown: list[str] = []
    for value in _alternatives(part.value):
        name, _ = vocabulary.severity(value)
        if name not in names:
            if part.sign != ":":
                _unknown(question, part, value, names)
            unknown.append(value)
            continue
        place = names.index(name)
        chosen = {
            ":": [name],
            ">=": names[: place + 1],
            ">": names[:place],
            "<=": names[place:],
            "<": names[place + 1 :],
        }
        wanted |= set(chosen[part.sign])
    if wanted == set(names) and part.sign != ":" and not part.negated:
        return None
    if unknown and not all("*" in each for each in unknown):
        _unknown(question, part, unknown[0], names)
    spelled = dict.fromkeys(each for name in names if name in wanted for each in vocabulary.spellings("severity", name))
    return Condition("severity", (*spelled, *unknown), part.negated)


def _word(question: Question, part: Part, vocabulary: Vocabulary) -> Condition:
    """A type or a status; one that the vocabulary does not know may still stand in an old entry, as it was written."""
    look = vocabulary.type_of if part.key == "type" else vocabulary.status_of
    words = vocabulary.types if part.key == "type" else vocabulary.statuses
    names = {word.name for word in words}
    found: list[str] = []
    for value in _alternatives(part.value):
        name = value if "*" in value else look(value)[0]
        found += vocabulary.spellings(part.key, name) if name in names else [folded(value)]
    return Condition(part.key, tuple(dict.fromkeys(found)), part.negated)


def _unknown(question: Question, part: Part, value: str, names: list[str]) -> None:
    near = difflib.get_close_matches(value, [name.casefold() for name in names], 1, 0.6)
    meant = f"Did you mean {near[0]}? " if near else ""
    what = f"'{value[:40]}' is no {part.key} of your log"
    raise fault(question.text, part.place - 1, what, f"{meant}The worst first: {', '.join(names)}.")


# ---- judging ---------------------------------------------------------------------------------------------------------


def holds(selection: Selection, entry: Indexed) -> bool:
    """Whether an entry is asked for, but for its text."""
    if selection.since is not None and entry.at < selection.since:
        return False
    if selection.until is not None and entry.at >= selection.until:
        return False
    return all(_holds(condition, entry) for condition in selection.conditions)


def _holds(condition: Condition, entry: Indexed) -> bool:
    return _is(condition, entry) != condition.negated


def _is(condition: Condition, entry: Indexed) -> bool:
    if condition.about == "number":
        low, high = condition.least, condition.most
        return (low is None or entry.number >= low) and (high is None or entry.number <= high)
    if condition.about == "gone":
        return entry.gone
    if condition.about.startswith("facet "):
        name = condition.about[6:]
        return any(like(value, each) for facet, each in entry.facets if facet == name for value in condition.values)
    own = {"type": entry.type, "severity": entry.severity, "status": entry.status}[condition.about]
    return any(like(value, own) for value in condition.values)


def like(pattern: str, value: str) -> bool:
    """Whether a folded value matches a folded pattern, in which ``*`` stands for any text."""
    if "*" not in pattern:
        return pattern == value
    return re.fullmatch(".*".join(re.escape(each) for each in pattern.split("*")), value, re.DOTALL) is not None


def says(selection: Selection, draft: Draft) -> bool:
    """Whether the text of an entry holds what is asked for, and nothing that is left out."""
    return all(matches(draft, word) != negated for word, negated in selection.words)
