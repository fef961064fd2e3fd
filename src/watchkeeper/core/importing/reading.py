"""One document read as far as it is understood: its sections, what is cut out of it, and what its prose and tables name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from watchkeeper.core.importing.documents import Document
from watchkeeper.core.importing.elements import Element, elements_of, headings, normal
from watchkeeper.core.importing.forms import Form, form_of
from watchkeeper.core.importing.hosts import HostStub, hosts_of
from watchkeeper.core.importing.naming import file_of
from watchkeeper.core.importing.routines import Due, due_of
from watchkeeper.core.importing.secrets import Hidden, without_secrets
from watchkeeper.core.importing.sections import Range, Section, piece, ranges_without, rows_of, sections_of
from watchkeeper.core.importing.sightings import Sighting, of_text, sightings_of, web_address
from watchkeeper.core.runbooks import Procedure, Runbook, read_runbook
from watchkeeper.core.runbooks.attributes import read_front_matter
from watchkeeper.core.runbooks.phases import plain, role_of
from watchkeeper.core.runs.planning import PHASE_ORDER

_CODE: Final = re.compile(r"`([^`\n]{6,300})`")
_ASKS: Final = re.compile(
    r"(?:sudo\s+)?(?:curl|wget|systemctl|journalctl|docker|podman|docker-compose|supervisorctl|pm2|df|nc|openssl)\s"
)
_HEALTH_URL: Final = re.compile(
    r"https?://[^\s`'\"<>)\]|*,]+/(?:[\w-]*health[\w-]*|livez|readyz|ready|live|ping)\b(?![\w/])"
)
_SERVICE: Final = re.compile(
    r"^(?:services?|applications?|apps?|components?|systems?|process|daemons?|サービス|服务)(?:\s+name)?$", re.I
)
_COLUMNS: Final = (
    ("url", re.compile(r"^(?:url|endpoint|health(?:\s*(?:check|endpoint|url))?|link|address)s?\b", re.I)),
    ("port", re.compile(r"^(?:port)s?\b|ポート|端口", re.I)),
    ("container", re.compile(r"^(?:docker\s+)?containers?\b", re.I)),
    ("unit", re.compile(r"^(?:systemd|unit|systemd\s+(?:unit|service))s?\b", re.I)),
    ("host", re.compile(r"^(?:host|server|machine|node|runs on|location)s?\b", re.I)),
)


@dataclass(frozen=True, slots=True)
class RoutineCut:
    """One checklist section. name: of its file. due: when, None for one that is done on occasion. ranges: its lines,
    without those of checklists inside it that have a time of their own."""

    section: Section
    name: str
    due: Due | None
    ranges: tuple[Range, ...]

    def holds(self, line: int) -> bool:
        """Whether a line of the document is part of it."""
        return any(first <= line <= last for first, last in self.ranges)


@dataclass(frozen=True, slots=True)
class ProcedureCut:
    """One procedure that gets a file of its own. ranges: its exact lines, the headings above it first."""

    procedure: Procedure
    path: str
    ranges: tuple[Range, ...]


@dataclass(slots=True)
class Reading:
    """All of one document. text: without secret values. copied: where the whole of it goes.

    seen: what its commands and its prose speak of.
    """

    document: Document
    text: str
    hidden: tuple[Hidden, ...]
    book: Runbook
    elements: tuple[Element, ...]
    heads: tuple[Element, ...]
    sections: tuple[Section, ...]
    form: Form
    why: str
    front: Range | None
    stubs: tuple[HostStub, ...] = ()
    unfilled: tuple[tuple[int, str], ...] = ()
    copied: str = ""
    seen: list[Sighting] = field(default_factory=list)
    routines: list[RoutineCut] = field(default_factory=list)
    procedures: list[ProcedureCut] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The document as the person called it."""
        return self.document.name

    def above(self, line: int) -> list[Section]:
        """The sections around a line, the innermost first."""
        around = [each for each in self.sections if each.head.line <= line <= each.last]
        return sorted(around, key=lambda each: -each.head.line)


def read(document: Document, taken: set[str], occupied: Mapping[str, str] | None = None) -> Reading:
    """Read one document. taken: stems of the copies before it; its own is added. occupied: files of somebody else."""
    text, hidden = without_secrets(document.text)
    stem, number = document.stem, 2
    there = occupied or {}
    while stem in taken or any(there.get(f"{folder}/{stem}.md", text) != text for folder in ("docs", "runbooks")):
        stem, number = f"{document.stem}-{number}", number + 1
    taken.add(stem)
    book = read_runbook(text, document.name)
    elements = elements_of(text)
    heads = headings(elements)
    rows = normal(text).split("\n")
    form, why = form_of(heads)
    front_lines = read_front_matter(rows).lines
    reading = Reading(
        document, text, hidden, book, elements, heads, sections_of(heads, len(rows_of(text))), form, why,
        (1, front_lines) if front_lines else None,
    )  # fmt: skip
    reading.stubs, reading.unfilled = hosts_of(document.name, text, book, elements)
    reading.seen = _sightings(reading)
    if form == "instructions":
        reading.routines = _routines(reading, rows)
        reading.procedures = _procedures(reading, stem)
    whole = form == "instructions" and not reading.procedures and bool(_planned(book.procedures, reading))
    reading.copied = f"{'runbooks' if whole else 'docs'}/{stem}.md"
    return reading


# ---- routines --------------------------------------------------------------------------------------------------------


def _routines(reading: Reading, rows: list[str]) -> list[RoutineCut]:
    """The sections that hold checklists: the one that says when, else the one that holds the boxes."""
    signed = {task.line for each in reading.book.procedures for task in each.tasks if task.kind == "sign-off"}
    chosen: dict[int, tuple[Section, Due | None]] = {}
    for box in reading.elements:
        if box.kind != "checkbox" or box.line not in signed:
            continue
        around = [each for each in reading.above(box.line) if each.head.level > 1 or len(reading.heads) == 1]
        due, section = _due_section(around, rows, reading.elements, _label(box.line, rows))
        if section is None and around and _is_list(around[0], reading):
            section = around[0]
        if section is not None:
            chosen.setdefault(section.head.line, (section, due))
    _together(chosen, reading)
    found: list[RoutineCut] = []
    for line, (section, due) in sorted(chosen.items()):
        name = base = file_of(re.sub(r"\s*\(.*?\)", "", section.head.text), 50, "checklist")
        number = 2
        while any(each.name == name for each in found):
            name, number = f"{base}-{number}", number + 1
        nested = [(each.head.line, each.last) for at, (each, _) in chosen.items() if line < at <= section.last]
        found.append(RoutineCut(section, name, due, ranges_without((line, section.last), nested)))
    return found


MANY = 3
"""More checklists without a time than these are parts of a larger one, where they stand below one heading."""


def _together(chosen: dict[int, tuple[Section, Due | None]], reading: Reading) -> None:
    """Checklists without a time become one for each heading they stand below, when there are many of them."""
    loose = [section for section, due in chosen.values() if due is None]
    if len(loose) <= MANY:
        return
    whole = not any(step.phase in PHASE_ORDER for step in reading.book.steps)
    by_line = {each.head.line: each for each in reading.sections}
    for section in loose:
        parent = by_line.get(section.above[-1].line) if section.above else None
        alike = [each for each in loose if each.above and parent is not None and each.above[-1] is parent.head]
        if parent is not None and len(alike) > 1 and (parent.head.level > 1 or whole):
            chosen.pop(section.head.line, None)
            chosen.setdefault(parent.head.line, (parent, None))


def _label(line: int, rows: list[str]) -> str:
    """The line that introduces a list of checkboxes, "" when it is a heading or nothing."""
    for row in reversed(rows[max(line - 40, 0) : line - 1]):
        if row.strip() and not re.match(r"\s*(?:[-*+]\s|\d+[.)]\s|\s{2,}\S)", row):
            return "" if row.startswith("#") else plain(row)
    return ""


def _due_section(
    around: Sequence[Section], rows: list[str], elements: Sequence[Element], label: str
) -> tuple[Due | None, Section | None]:
    """The nearest section that says when; one around it that says the hour too, for the same rhythm, is better."""
    best: tuple[Due, Section] | None = None
    for section in around:
        due = due_of((label if section is around[0] else "", section.head.text, *_lead(section, rows, elements)))
        if due is None:
            continue
        better = best is not None and best[0].guessed and not due.guessed
        if best is None or (better and _class(best[0].cron) == _class(due.cron)):
            best = (due, section)
    return best if best is not None else (None, None)


def _class(cron: str) -> str:
    fields = cron.split()
    return "monthly" if fields[2] != "*" else "weekly" if re.fullmatch(r"\d", fields[4]) else "daily"


def _lead(section: Section, rows: list[str], elements: Sequence[Element]) -> list[str]:
    """The prose directly below a heading, before the next heading, fence, table or checkbox; at most eight lines."""
    end = min((each.line for each in elements if each.line > section.head.line), default=section.last + 1)
    lines = [plain(row) for row in rows[section.head.line : end - 1] if row.strip()]
    return lines[:8]


def _is_list(section: Section, reading: Reading) -> bool:
    """Whether a section is a checklist rather than a procedure that has boxes too."""
    if role_of(section.head.text) == "checklist" or "checklist" in section.head.text.lower():
        return True
    inside = [step for step in reading.book.steps if section.head.line <= step.line <= section.last]
    return not any(step.phase in PHASE_ORDER for step in inside)


# ---- procedures ------------------------------------------------------------------------------------------------------


def _planned(procedures: Sequence[Procedure], reading: Reading) -> list[Procedure]:
    """Those with steps that a plan takes, outside of checklists."""
    return [
        each for each in procedures
        if any(step.phase in PHASE_ORDER for step in each.steps)
        and not any(cut.holds(each.line) for cut in reading.routines)
    ]  # fmt: skip


def _changes(procedure: Procedure) -> bool:
    return any(step.phase in PHASE_ORDER and (step.risk != "read" or step.phase == "fix") for step in procedure.steps)


def _procedures(reading: Reading, stem: str) -> list[ProcedureCut]:
    """The cuts of a document that holds several procedures which change something; none for any other."""
    planned = _planned(reading.book.procedures, reading)
    if sum(_changes(each) for each in planned) < 2:
        return []
    by_line = {each.head.line: each for each in reading.sections}
    owned = {each.line: by_line[each.line] for each in reading.book.procedures if each.line in by_line}
    lists = [each for cut in reading.routines for each in cut.ranges]
    found: list[ProcedureCut] = []
    for procedure in planned:
        section = owned.get(procedure.line)
        if section is None:
            continue
        nested = [
            (each.head.line, each.last) for line, each in owned.items() if section.head.line < line <= section.last
        ]
        ranges = (
            *((head.line, head.last) for head in section.above),
            *ranges_without((section.head.line, section.last), [*nested, *lists]),
        )
        title = re.sub(r"^(?:issue|problem|alert|incident)\s*[:：-]\s*", "", procedure.title, flags=re.IGNORECASE)
        base = file_of(title, 55, "procedure")
        name, number = base, 2
        while any(each.path == f"runbooks/{stem}/{name}.md" for each in found):
            name, number = f"{base}-{number}", number + 1
        found.append(ProcedureCut(procedure, f"runbooks/{stem}/{name}.md", _joined(ranges)))
    return found


def _joined(ranges: Sequence[Range]) -> tuple[Range, ...]:
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def cut_text(reading: Reading, cut: ProcedureCut) -> str:
    """The file of one procedure."""
    return piece(reading.name, reading.text, cut.ranges, reading.front)


def differs(cut: ProcedureCut, text: str) -> str:
    """How a piece reads differently from its place in the document; "" when it reads the same."""
    again = read_runbook(text, cut.path)
    meant = [(step.phase, step.text) for step in cut.procedure.steps if step.phase in PHASE_ORDER]
    read_ = [(step.phase, step.text) for step in again.steps if step.phase in PHASE_ORDER]
    return "" if meant == read_ else f"read alone it has {len(read_)} steps, within the document {len(meant)}"


# ---- what prose and tables name --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of services: its name, and what its columns say of it."""

    name: str
    line: int
    sightings: tuple[Sighting, ...]
    host: str = ""


def _sightings(reading: Reading) -> list[Sighting]:
    """Those of commands, of commands quoted in prose, and of addresses that speak of health."""
    found = dict.fromkeys(sightings_of(reading.book))
    stepped = {(each.kind, each.name) for each in found}
    for each in _prose(reading):
        if (each.kind, each.name) not in stepped:
            found[each] = None
    return sorted(found, key=lambda each: each.line)


def _prose(reading: Reading) -> Iterator[Sighting]:
    blocks = {
        line for each in reading.elements if each.kind in ("fence", "table") for line in range(each.line, each.last + 1)
    }
    for number, row in enumerate(normal(reading.text).split("\n"), 1):
        if number in blocks or len(row) > 2000:
            continue
        for code in _CODE.findall(row):
            if _ASKS.match(code):
                yield from of_text(code, number)
        for match in _HEALTH_URL.finditer(row):
            url = web_address(match[0])
            if url:
                yield Sighting("url", url, number)


def service_rows(table: Element) -> list[Row]:
    """The rows of a table that names services beside their address, port, container, unit or host."""
    if len(table.rows) < 2:
        return []
    head = [plain(cell) for cell in table.rows[0][1]]
    named = next((at for at, cell in enumerate(head) if _SERVICE.match(cell)), None)
    columns = {
        at: kind for at, cell in enumerate(head) for kind, pattern in _COLUMNS if at != named and pattern.match(cell)
    }
    if named is None or not columns:
        return []
    found = []
    for line, cells in table.rows[1:]:
        own = plain(cells[named]).split("(")[0].strip() if named < len(cells) else ""
        if not re.match(r"[A-Za-z][\w .-]{1,40}\Z", own):
            continue
        seen, host = [], ""
        for at, kind in columns.items():
            value = plain(cells[at]).strip() if at < len(cells) else ""
            if kind == "host":
                host = value
            elif kind == "url" and (url := web_address(re.sub(r"^(?:GET|HEAD)\s+", "", value))):
                seen.append(Sighting("url", url, line))
            elif kind == "port" and (port := re.match(r"\d{2,5}\b", value)):
                seen.append(Sighting("port", f"127.0.0.1:{port[0]}", line))
            elif kind in ("container", "unit") and re.match(r"[A-Za-z0-9][\w.@-]*\Z", value):
                seen.append(Sighting(kind, value.removesuffix(".service"), line))
        found.append(Row(own, line, tuple(seen), host))
    return found


def open_paths(table: Element) -> list[tuple[int, str]]:
    """(line, cell) of addresses without a host, such as ``GET /health``, in a table of endpoints."""
    if len(table.rows) < 2:
        return []
    head = [plain(cell) for cell in table.rows[0][1]]
    at = next(
        (at for at, cell in enumerate(head) if re.match(r"(?:health\s*)?(?:endpoint|url|path|route)s?\b", cell, re.I)),
        None,
    )
    if at is None:
        return []
    cells = [(line, plain(row[at]).strip()) for line, row in table.rows[1:] if at < len(row)]
    return [(line, cell) for line, cell in cells if re.match(r"(?:(?:GET|HEAD)\s+)?/[\w./-]*\Z", cell)]
