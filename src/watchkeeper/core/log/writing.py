"""What a person writes into the log, before it is a draft: flags, a form, or a Markdown template. Nothing written is lost.

The template is Markdown that any editor colours: a heading, one line per field, a heading per section. Empty fields and
sections are left out; remarks in ``<!-- wk: ... -->`` are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from watchkeeper.core.errors import Usage
from watchkeeper.core.log.values import Attachment, Draft
from watchkeeper.core.log.vocabulary import Vocabulary, folded
from watchkeeper.core.times import zone_of

FIELDS: Mapping[str, str] = {
    "operator": "Took part", "reviewed_by": "Reviewed by", "approved_by": "Approved by", "location": "Location",
    "component": "Component", "duration": "Duration", "cost": "Cost", "availability": "Availability Impact",
    "handed_off_to": "Handed off to",
}  # fmt: skip
"""Name of a flag -> label of a line of the entry."""
SECTIONS: Mapping[str, str] = {
    "change": "Change", "problem": "Problem", "reason": "Reason", "procedure": "Procedure",
    "verification": "Verification", "impact": "Impact", "results": "Results", "rollback": "Rollback Procedure",
    "documentation": "Documentation Updated", "lessons": "Lessons Learned", "related": "Related Issues",
    "follow_up": "Follow-up Actions", "next": "Next Steps",
}  # fmt: skip
"""Name of a flag -> heading of a section of the entry, in the order of the template."""
LONGEST_TITLE, LONGEST_FIELD, LONGEST_TAG = 300, 500, 60
MOST_FIELDS, MOST_SECTIONS, MOST_TAGS, MOST_FILES = 40, 60, 20, 20
MOST_WORD = 120
LONGEST_ENTRY = 1_000_000
LARGEST_FILE = 10 * 1024 * 1024
EARLIEST = 631_152_000.0
"""1990: an entry before it is a slip of the pen."""
AHEAD_S = 120.0
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_TAG = re.compile(r"[^\s,;#<>\"']{1,60}\Z")
_REMARK = re.compile(r"<!--\s*wk:.*?-->", re.DOTALL)
_FIELD = re.compile(r"\s*\*\*(?P<label>[^*:]{1,60}?)\s*:?\*\*\s*:?\s*(?P<text>.*)$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_OWN = {"type": "type", "severity": "severity", "status": "status", "time": "at", "at": "at", "tags": "tags",
        "service": "service", "host": "host", "attach": "attach"}  # fmt: skip
_SECTION_OF = {folded(each): each for each in SECTIONS.values()}
_BY_LABEL = {folded(label): label for label in FIELDS.values()} | {folded(each): each for each in SECTIONS.values()}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. at: words of a time, "" for now. Empty type, severity, status: what is usual."""

    title: str = ""
    type: str = ""
    severity: str = ""
    status: str = ""
    at: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    sections: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    service: str = ""
    host: str = ""
    corrects: int | None = None
    status_of: int | None = None
    thread: int | None = None
    attach: tuple[str, ...] = ()
    """Paths on the machine of who writes; the program there reads them."""

    def texts(self) -> Iterator[str]:
        """Everything in it that is text."""
        yield from (self.title, self.type, self.severity, self.status, self.service, self.host, *self.tags)
        for pair in (*self.fields, *self.sections):
            yield from pair


@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake in a template. line: from 1."""

    line: int
    sentence: str


def assert_no_key(name: str, data: bytes) -> None:
    """Raises `Usage` when a private key stands there: the log is for ever, and everybody reads it."""
    if _PRIVATE_KEY.search(data):
        raise Usage(
            f"A private key stands in {name}, so nothing was written: an entry is kept for ever and read by everybody.",
            "Take it out; name the place where the key is kept instead.",
        )


def draft_of(
    written: Written, actor: str, now: float, zone: str, vocabulary: Vocabulary, files: Sequence[Attachment] = ()
) -> Draft:
    """The draft of what was written. Raises `Usage` that names every mistake."""
    mistakes = list(_mistakes(written, vocabulary, zone, now))
    if mistakes:
        first, *more = mistakes
        sentence = " ".join([first.sentence, *(each.sentence for each in more)])
        raise Usage(sentence, first.hint, mistakes=len(mistakes))
    chosen = {
        "type": vocabulary.demand_type(written.type or usual_type(vocabulary)),
        "severity": vocabulary.demand_severity(written.severity or vocabulary.severities[-1].name),
        "status": vocabulary.demand_status(written.status or usual_status(vocabulary)),
    }
    facts = {name: getattr(written, name) for name in ("service", "host") if getattr(written, name)}
    return Draft(
        at=moment_of(written.at, now, zone),
        title=" ".join(written.title.split()),
        actor=actor,
        type=chosen["type"][0],
        severity=chosen["severity"][0],
        status=chosen["status"][0],
        sections=merged(written.sections),
        facts=facts,
        corrects=written.corrects,
        fields=tuple((label, " ".join(text.split())) for label, text in written.fields if text.strip()),
        words={name: word for name, (_, word) in chosen.items() if word and folded(word) != folded(chosen[name][0])},
        tags=tuple(dict.fromkeys(tag.lstrip("#") for tag in written.tags if tag.lstrip("#"))),
        attachments=tuple(files),
        status_of=written.status_of,
        thread=written.thread,
    )


def usual_type(vocabulary: Vocabulary) -> str:
    """What an entry is when nobody says: Maintenance, or the first type of the team."""
    names = [word.name for word in vocabulary.types]
    return "Maintenance" if "Maintenance" in names else names[0]


def usual_status(vocabulary: Vocabulary) -> str:
    """Complete, or the first status of the team."""
    names = [word.name for word in vocabulary.statuses]
    return "Complete" if "Complete" in names else names[0]


def merged(sections: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Sections in the order in which they begin, those of one heading together, empty ones left out."""
    found: dict[str, str] = {}
    for heading, text in sections:
        name = " ".join(heading.split())
        if text.strip():
            found[name] = f"{found[name]}\n{text.strip()}" if name in found else text.strip("\n").rstrip()
    return tuple(found.items())


def _mistakes(written: Written, vocabulary: Vocabulary, zone: str, now: float) -> Iterator[Usage]:
    title = " ".join(written.title.split())
    if not title:
        yield Usage("The entry has no title.", 'Give one: wk log add "Rotated the signing key".')
    if len(title) > LONGEST_TITLE:
        hint = "Put the rest into a section, such as --change."
        yield Usage(f"The title has {len(title)} characters; at most {LONGEST_TITLE} are kept.", hint)
    for demand, word in (
        (vocabulary.demand_type, written.type), (vocabulary.demand_severity, written.severity),
        (vocabulary.demand_status, written.status),
    ):  # fmt: skip
        try:
            demand(word) if word.strip() else None
        except Usage as error:
            yield error
    try:
        moment_of(written.at, now, zone)
    except Usage as error:
        yield error
    yield from _sizes(written)


def _sizes(written: Written) -> Iterator[Usage]:
    for word in (written.type, written.severity, written.status):
        if len(word) > MOST_WORD:
            yield Usage(
                f"'{word[:40]}' has {len(word)} characters; a word has at most {MOST_WORD}.",
                "Longer text is a section.",
            )
    for label, text in written.fields:
        if len(text) > LONGEST_FIELD or not label.strip() or len(label) > LONGEST_TAG or "*" in label:
            yield Usage(
                f"'{label[:40]}' has {len(text)} characters; a line of an entry has a label and at most {LONGEST_FIELD}.",
                "Longer text is a section.",
            )
    for heading, _ in written.sections:
        if not heading.strip() or len(heading) > 100 or "*" in heading:
            yield Usage(f"'{heading[:40]}' cannot be the heading of a section.", "A few words, such as Reason.")
    for tag in written.tags:
        if not _TAG.match(tag.lstrip("#")):
            yield Usage(f"'{tag[:40]}' is no tag.", "A tag is one word without spaces or commas: quarter-end.")
    for found, most, noun in (
        (len(written.fields), MOST_FIELDS, "lines"), (len(written.sections), MOST_SECTIONS, "sections"),
        (len(written.tags), MOST_TAGS, "tags"), (sum(map(len, written.texts())), LONGEST_ENTRY, "characters"),
    ):  # fmt: skip
        if found > most:
            yield Usage(
                f"The entry has {found} {noun}; at most {most} are kept.", "Attach a long text as a file: --attach."
            )


def moment_of(words: str, now: float, zone: str | None) -> float:
    """Epoch seconds of when it happened, not in the future; now when nothing is said. Raises `Usage`.

    zone: IANA name; None: the zone of this process.
    """
    from watchkeeper.core.log.spans import span

    text = " ".join(words.split())
    if not text:
        return now
    try:
        where = None if zone is None else zone_of(zone)
        at = span(_with_date(text, now, where), now, where)[0]
    except Usage:
        hint = "Write 2026-11-21 14:00, 14:00, yesterday or 2h."
        raise Usage(f"'{text[:40]}' is no time at which something happened.", hint) from None
    if at > now + AHEAD_S:
        raise Usage(
            f"{text[:40]} lies in the future; an entry tells of what has happened.",
            "A plan is a window: wk window add.",
        )
    if at < EARLIEST:
        raise Usage(f"{text[:40]} lies before 1990.", "Write the year with four digits.")
    return min(at, now)


def _with_date(text: str, now: float, zone: tzinfo | None) -> str:
    """``14:00`` of today, ``yesterday 14:00``, and an hour of one digit."""
    from datetime import datetime, timedelta

    found = re.fullmatch(r"(?:(today|yesterday)\s+)?(\d{1,2}:\d{2}(?::\d{2})?)", text, re.IGNORECASE)
    if not found:
        return re.sub(r"(?<=\d)[ T](\d):", r" 0\1:", text)
    day = datetime.fromtimestamp(now, zone).date() - timedelta(days=(found.group(1) or "").lower() == "yesterday")
    return f"{day.isoformat()} {found.group(2).zfill(5)}"


# ---- the template ----------------------------------------------------------------------------------------------------


def template(vocabulary: Vocabulary, written: Written | None = None, remarks: Sequence[str] = ()) -> str:
    """The text that an editor opens. remarks: mistakes of the last try, on top."""
    known = written or Written()
    given = {folded(label): text for label, text in known.fields}
    lines = [f"<!-- wk: {each.replace('--', '- -')} -->" for each in remarks]
    lines += ["<!-- wk: What stays empty is left out. These remarks are not kept. -->", f"# {known.title}".rstrip(), ""]
    for name, words in (
        ("Type", vocabulary.types),
        ("Severity", vocabulary.severities),
        ("Status", vocabulary.statuses),
    ):
        value = getattr(known, name.lower())
        lines.append(f"**{name}**: {value}".rstrip() + f"  <!-- wk: {' | '.join(word.name for word in words)} -->")
    lines.append(f"**Time**: {known.at}".rstrip() + "  <!-- wk: now; or 2026-11-21 14:00, 14:00, 2h -->")
    lines += [f"**{name}**: {getattr(known, name.lower())}".rstrip() for name in ("Service", "Host")]
    for label in FIELDS.values():
        lines.append(f"**{label}**: {given.pop(folded(label), '')}".rstrip())
    lines += [f"**{label}**: {text}" for label, text in known.fields if folded(label) in given]
    lines += [f"**Tags**: {' '.join(known.tags)}".rstrip(), f"**Attach**: {' '.join(known.attach)}".rstrip()]
    there = dict(merged(known.sections))
    for heading in (*SECTIONS.values(), *(each for each in there if each not in SECTIONS.values())):
        lines += ["", f"## {heading}", *([there[heading]] if heading in there else [""])]
    return "\n".join(lines) + "\n"


def read_template(text: str) -> tuple[Written, tuple[Slip, ...]]:
    """What a filled template says, and every line that cannot be read. Words and times are judged by `draft_of`.

    A text without a heading may come too: what stands before the first section is the section Change.
    """
    lines = list(enumerate(_without_remarks(text), 1))
    title, slips = "", list[Slip]()
    own: dict[str, str] = {}
    fields: list[tuple[str, str]] = []
    sections: list[tuple[str, list[str]]] = []
    fence = ""
    for number, line in lines:
        marked = _FENCE.match(line)
        if marked and (not fence or (line.strip().startswith(fence) and not line.strip().strip(fence[0]))):
            fence = "" if fence else marked.group(1)
        heading = None if fence or marked else re.match(r"(#{1,2})(?:[ \t]+(.*?))?[ \t]*#*[ \t]*$", line)
        field = None if fence or marked else _FIELD.match(line)
        section = _SECTION_OF.get(folded(field.group("label"))) if field else None
        if heading and heading.group(1) == "#" and not sections and not title:
            title = (heading.group(2) or "").strip()
        elif heading and heading.group(1) == "##":
            sections.append((_BY_LABEL.get(folded(heading.group(2) or ""), (heading.group(2) or "").strip()), []))
            if not sections[-1][0]:
                slips.append(Slip(number, f"Line {number}: the section has no heading."))
        elif field and section:  # the form of the log itself: **Reason**: on a line of its own
            sections.append((section, [field.group("text")] if field.group("text") else []))
        elif field and not sections:
            slips += _take(field, number, own, fields)
        elif sections:
            sections[-1][1].append(line)
        elif line.strip() and not line.strip().startswith("**"):
            sections.append(("Change", [line]))
        elif line.strip():
            slips.append(Slip(number, f"Line {number}: '{line.strip()[:40]}' is no field; expected **Label**: text."))
    texts = [(heading, "\n".join(each).strip("\n")) for heading, each in sections]
    written = Written(
        title=title,
        type=own.get("type", ""),
        severity=own.get("severity", ""),
        status=own.get("status", ""),
        at=own.get("at", ""),
        fields=tuple(fields),
        sections=tuple((heading, text) for heading, text in texts if _says(text)),
        tags=tuple(own.get("tags", "").replace(",", " ").replace(";", " ").split()),
        service=own.get("service", ""),
        host=own.get("host", ""),
        attach=tuple(own.get("attach", "").split()),
    )
    return written, tuple(slips)


def _take(found: re.Match[str], number: int, own: dict[str, str], fields: list[tuple[str, str]]) -> Iterator[Slip]:
    label, text = " ".join(found.group("label").split()), found.group("text").strip()
    name = _OWN.get(folded(label))
    if not text:
        return
    if name is None:
        fields.append((_BY_LABEL.get(folded(label), label), text))
    elif name in own:
        yield Slip(number, f"Line {number}: {label} stands there twice.")
    else:
        own[name] = text


def _without_remarks(text: str) -> list[str]:
    """Lines without our remarks; a remark over several lines leaves as many empty ones."""
    clean = _REMARK.sub(lambda found: "\n" * found.group().count("\n"), text.replace("\r\n", "\n").lstrip("\ufeff"))
    return [line.rstrip() for line in clean.split("\n")]


def _says(text: str) -> bool:
    """Whether a section says anything: an empty task does not."""
    return any(re.sub(r"^\s*(?:[-*+]|\d+[.)])?\s*(?:\[[ xX]?\])?\s*", "", line).strip() for line in text.split("\n"))


def follow_ups(texts: Iterable[str]) -> str:
    """Follow-ups as open tasks of a list."""
    lines = [" ".join(text.split()) for text in texts if text.strip()]
    return "\n".join(line if re.match(r"[-*] \[[ xX]\] ", line) else f"- [ ] {line}" for line in lines)
