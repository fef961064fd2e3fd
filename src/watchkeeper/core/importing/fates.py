"""What became of every part of a document: nothing is dropped without a word."""

from __future__ import annotations

from watchkeeper.core.discovery.yaml_text import comment
from watchkeeper.core.importing import reading as readings
from watchkeeper.core.importing.elements import Element
from watchkeeper.core.importing.reading import Reading
from watchkeeper.core.importing.understanding import Fate, Understanding
from watchkeeper.core.runbooks.values import Fence
from watchkeeper.core.runs.planning import PHASE_ORDER


def add_fates(made: Understanding) -> None:
    """One for every heading, fence, table and checkbox of every document."""
    for reading in made.readings:
        _fates(made, reading)


def _fates(made: Understanding, reading: Reading) -> None:
    fences = {each.line: each for each in reading.book.fences}
    rules = {rule.line for rule in reading.book.escalations}
    tables = {table.line: table for each in reading.book.procedures for table in each.checks}
    for part in reading.elements:
        places = _places(reading, part.line)
        became, understood = f"kept in {places[0]}", True
        if part.kind == "heading":
            cut = next((each for each in reading.procedures if each.procedure.line == part.line), None)
            became = f"procedure, {cut.path}" if cut else became
        elif part.kind == "checkbox":
            became = f"sign-off of {places[0]}" if places[0].startswith("routines/") else f"task, kept in {places[0]}"
        elif part.kind == "table":
            if part.line in tables:
                done = made.tabled.get((reading.name, part.line), [])
                became = f"{len(done)} of {len(tables[part.line].rows)} rows became checks"
                understood = len(done) == len(tables[part.line].rows)
            elif rules & {line for line, _ in part.rows}:
                became = "escalation rules, in comments of watchkeeper.yaml"
            elif any(row.sightings for row in readings.service_rows(part)):
                became = "services"
            elif readings.open_paths(part):
                became, understood = "suggestions: on which host and port they are asked is not said", False
        else:
            became, understood = _fence_fate(made, reading, fences.get(part.line), places)
        made.fates.append(Fate(reading.name, part.line, part.kind, _short(part), became, understood))


def _short(part: Element) -> str:
    first = next((row.strip() for row in part.text.split("\n") if row.strip()), "")
    return comment(first, 60)


def _places(reading: Reading, line: int) -> list[str]:
    """The files that hold a line, the nearest first; the whole copy comes last."""
    found = [each.path for each in reading.procedures if any(first <= line <= last for first, last in each.ranges)]
    found += [f"routines/{each.name}.md" for each in reading.routines if each.holds(line)]
    return [*found, reading.copied]


def _fence_fate(made: Understanding, reading: Reading, fence: Fence | None, places: list[str]) -> tuple[str, bool]:
    if fence is None:
        return f"kept in {places[0]}", True
    where = f"{reading.name}:{fence.line}"
    query = next((path for path, origin in made.origins.items() if origin == where and path.startswith("queries/")), "")
    if query:
        return query, True
    if fence.kind == "schedule":
        last = fence.line + fence.text.count("\n") + 2
        number = sum(fence.line <= each.line <= last for each in reading.book.schedules)
        return f"{number} schedule{'' if number == 1 else 's'}", number > 0
    if fence.kind == "unknown":
        return f"kept in {places[0]}; it is never run: {fence.why}", False
    if fence.steps:
        count = f"{len(fence.steps)} step{'' if len(fence.steps) == 1 else 's'}"
        planned = {step.id for step in reading.book.steps if step.phase in PHASE_ORDER}
        if places[0].startswith("runbooks/") and planned & set(fence.steps):
            return f"{count} of {places[0]}", True
        return f"{count}, kept in {places[0]}; no phase is said, so no run takes them", True
    return f"{fence.kind}, kept in {places[0]}", True
