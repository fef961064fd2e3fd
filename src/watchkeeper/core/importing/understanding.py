"""Documents to all that an ops repo can have of them: services, checks, runbooks, routines and queries."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from watchkeeper.core.discovery.drafts import CheckDraft, Found, SecretName, heartbeat, slug
from watchkeeper.core.discovery.text import words_of
from watchkeeper.core.discovery.yaml_text import comment, flow, scalar
from watchkeeper.core.importing import reading as readings
from watchkeeper.core.importing.documents import Document
from watchkeeper.core.importing.elements import Element
from watchkeeper.core.importing.hosts import HostStub, is_host
from watchkeeper.core.importing.limits import row_check
from watchkeeper.core.importing.naming import file_of, name_of
from watchkeeper.core.importing.reading import Reading, Row, read
from watchkeeper.core.importing.routines import five_fields
from watchkeeper.core.importing.sections import origin_line, piece, rows_of
from watchkeeper.core.importing.services import NAMED, Planned, Scene, Services, default_name, stems_of
from watchkeeper.core.importing.sightings import Sighting
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runbooks.phases import plain, role_of
from watchkeeper.core.runbooks.sql import sql_risk
from watchkeeper.core.runbooks.values import CheckRow, EscalationRule, Fence, Schedule

_SQL_LANGUAGES: Final = words_of("sql psql plsql postgres postgresql mysql sqlite sqlite3 mariadb")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one part of a document. understood False: a person has to look at it."""

    document: str
    line: int
    part: str
    text: str
    became: str
    understood: bool = True


@dataclass(slots=True)
class Understanding:
    """All of it. files: path to text of what is written whole. found: what stands on which line, by key.

    escalations: (document, rule). unsure: (FILE:LINE, sentence) that a person should look at.
    """

    readings: list[Reading] = field(default_factory=list)
    services: Services = field(default_factory=Services)
    files: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    stubs: dict[str, HostStub] = field(default_factory=dict)
    secrets: dict[str, SecretName] = field(default_factory=dict)
    escalations: list[tuple[str, EscalationRule]] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    unsure: list[tuple[str, str]] = field(default_factory=list)
    tabled: dict[tuple[str, int], list[tuple[str, str]]] = field(default_factory=dict)

    def write(self, path: str, text: str, key: str, found: Found) -> None:
        """A new file, and what it stands on."""
        self.files[path] = text
        self.origins[path] = found.where
        self.services.note(replace(found, key=key))


def understand(
    documents: Sequence[Document],
    hosts: Mapping[str, Host],
    here: str,
    zone: str,
    occupied: Mapping[str, str] | None = None,
) -> Understanding:
    """Everything that the documents say. hosts: those of the ops repo. here: the host for what names none, "" for none.

    zone: time zone of the team, for routines. occupied: files of the ops repo that no import wrote.
    """
    made = Understanding()
    taken: set[str] = set()
    for document in documents:
        reading = read(document, taken, occupied)
        made.readings.append(reading)
        for stub in reading.stubs:
            known = made.stubs.setdefault(stub.address.lower(), stub)
            if not known.user and stub.user:
                made.stubs[stub.address.lower()] = replace(known, user=stub.user, port=known.port or stub.port)
    for reading in made.readings:
        _one(made, reading, hosts, here, zone)
    return made


def _one(made: Understanding, reading: Reading, hosts: Mapping[str, Host], here: str, zone: str) -> None:
    stubs = tuple(made.stubs[each.address.lower()] for each in reading.stubs)
    seen = reading.seen
    names = list(dict.fromkeys(each.name for each in seen if each.kind in NAMED and each.kind != "process"))
    texts = [row for row in rows_of(reading.text)[:30] if row.strip() and not row.startswith(("#", "|", "`"))]
    service = slug(reading.book.service.lower()) if reading.book.service else ""
    log = reading.form == "log"
    one = slug(names[0].removesuffix(".timer").lower()) if len(names) == 1 and not log else ""
    home = service or one or default_name(reading.book.title, texts, reading.document.stem, [] if log else names)
    scene = Scene(
        reading.name, reading.book.title, stubs, hosts, here, log, service, home, reading.book.host or "",
        not log and len(names) <= 1,
    )  # fmt: skip
    rows = [(table, row) for table in reading.elements if table.kind == "table" for row in readings.service_rows(table)]
    homes = _homes(reading, seen, rows)
    _rows(made, scene, rows)
    made.services.take(scene, seen, homes)
    _tables(made, reading, scene, homes)
    _copies(made, reading)
    _schedules(made, reading, scene, homes, zone)
    _checklists(made, reading, zone)
    _queries(made, reading, scene, homes)
    _endpoints(made, reading, scene, homes)
    _rest(made, reading)


def _homes(reading: Reading, seen: Sequence[Sighting], rows: Sequence[tuple[Element, Row]]) -> dict[int, str]:
    """Line to the one service that its section, or the nearest section around it that names any, speaks of."""
    named = [
        (each.line, slug(each.name.removesuffix(".timer").lower()))
        for each in seen
        if each.kind in NAMED and each.kind != "process"
    ]
    named += [(row.line, slug(row.name.lower())) for _, row in rows if row.sightings]
    homes: dict[int, str] = {}
    lines = {each.line for each in seen} | {row for table in reading.elements for row, _ in table.rows}
    lines |= {each.line for each in reading.elements if each.kind == "fence"} | {
        each.line for each in reading.book.schedules
    }
    for line in lines:
        for depth, section in enumerate(reading.above(line)):
            if depth and section.head.level < 3:
                break
            inside = {name for at, name in named if section.head.line <= at <= section.last}
            if len(inside) == 1 and section.head.level > 1:
                homes[line] = inside.pop()
            if inside:
                break
    return homes


def _rows(made: Understanding, scene: Scene, rows: Sequence[tuple[Element, Row]]) -> None:
    """Tables of services: each row with something that can be asked is one."""
    for _, row in rows:
        if not row.sightings:
            continue
        own = replace(
            scene, service=slug(row.name.lower()), host=row.host if is_host(row.host) or row.host in scene.hosts else ""
        )
        planned = made.services.named(own, row.name, row.line)
        asked = any(each.kind == "url" for each in row.sightings)
        for each in row.sightings:
            if each.kind in ("container", "unit"):
                made.services.own(own, each, planned)
            elif each.kind != "port" or not asked:
                made.services.belonging(own, planned, each)


# ---- check tables ----------------------------------------------------------------------------------------------------


def _tables(made: Understanding, reading: Reading, scene: Scene, homes: Mapping[int, str]) -> None:
    for procedure in reading.book.procedures:
        for table in procedure.checks:
            for row in table.rows:
                _check_row(made, reading, replace(scene, host=table.host or scene.host), homes, row, table.line)


def _check_row(
    made: Understanding, reading: Reading, scene: Scene, homes: Mapping[int, str], row: CheckRow, table: int
) -> None:
    seen = Sighting("row", row.command, row.line)
    home = made.services.named(scene, homes.get(row.line) or scene.service or scene.home, row.line)
    made.services.place(scene, home, seen)
    check = row_check(row, home.containers[0] if len(home.containers) == 1 else "")
    where = scene.at(row.line)
    label = f"{row.name}, {row.healthy}"
    if check.sql:
        _query_check(made, scene, home, name_of(row.name, 50, "check"), check.sql, row.line)
        made.unsure.append((where, f"{label}: {check.note}"))
    if not check.lines:
        if not check.sql:
            made.unsure.append((where, f"{label}: {check.note}"))
        return
    name = name_of(row.name, 50, "check")
    draft = CheckDraft("", name, check.lines, f"{where}: {comment(label, 100)}")
    given = made.services.add(scene, home, "table check", draft, row.line, local=check.local, note=check.note)
    home.words |= stems_of(row.name)
    made.tabled.setdefault((reading.name, table), []).append((home.draft.name, given))
    if check.note:
        made.unsure.append((where, f"{label}: {check.note}"))


def _endpoints(made: Understanding, reading: Reading, scene: Scene, homes: Mapping[int, str]) -> None:
    """Addresses without a host: a suggestion with the port left open."""
    for table in reading.elements:
        if table.kind != "table" or readings.service_rows(table):
            continue
        for line, cell in readings.open_paths(table):
            path = cell.split()[-1]
            if any(url.endswith(f"{path}\"") for each in made.services.planned.values() for check in each.draft.checks
                   for key, url in check.lines if key == "http"):  # fmt: skip
                continue  # asked with its host already
            home = made.services.named(scene, homes.get(line) or scene.service or scene.home, line)
            made.services.place(scene, home, Sighting("url", path, line))
            lines = (("http", scalar(f"http://127.0.0.1:PORT{path}")), ("from", "host"))
            name = slug(path.strip("/").replace("/", "-").lower(), 40) if path.strip("/") else "web"
            draft = CheckDraft("", name, lines, f"{scene.at(line)}: {comment(cell, 60)}", True)
            made.services.add(scene, home, "url", draft, line, note="its port is not said")
            made.unsure.append((scene.at(line), f"{cell}: on which host and port it is asked is not said"))


# ---- copies and pieces -----------------------------------------------------------------------------------------------


def _copies(made: Understanding, reading: Reading) -> None:
    kind = "runbook" if reading.copied.startswith("runbooks/") else "log" if reading.form == "log" else "document"
    whole = Found("", kind, reading.copied, f"{reading.name}:1", reading.why if kind == "log" else "")
    made.write(reading.copied, reading.text, f"{kind}:{reading.copied}", whole)
    for cut in reading.procedures:
        text = readings.cut_text(reading, cut)
        odd = readings.differs(cut, text)
        found = Found("", "runbook", cut.procedure.title, f"{reading.name}:{cut.procedure.line}", odd)
        made.write(cut.path, text, f"runbook:{cut.path}", found)
        if odd:
            made.unsure.append(
                (f"{reading.name}:{cut.procedure.line}", f"{cut.path}: {odd}; compare it with {reading.copied}")
            )
    if not any(each.language for each in reading.book.steps) and reading.form == "instructions":
        made.unsure.append((f"{reading.name}:1", "no command is in it: it is kept as a document"))


def _checklists(made: Understanding, reading: Reading, zone: str) -> None:
    for cut in reading.routines:
        path = _free(made, f"routines/{cut.name}.md")
        due: dict[str, str] = {"schedule": cut.due.cron, "timezone": zone} if cut.due else {}
        own = _front(path, reading.text, due)
        above = tuple((head.line, head.last) for head in cut.section.above)
        text = piece(reading.name, reading.text, (*above, *cut.ranges), own=own)
        where = f"{reading.name}:{cut.section.head.line}"
        note = f"{cut.due.cron} {zone}" if cut.due else "no schedule is said: done on occasion"
        if cut.due and cut.due.guessed:
            made.unsure.append((where, f"{path}: {cut.due.guessed}"))
            note += f"; {cut.due.guessed}"
        made.write(path, text, f"routine:{path}", Found("", "routine", cut.section.head.text, where, note))


def _front(path: str, text: str, due: Mapping[str, str]) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    name = name_of(path.removeprefix("routines/").removesuffix(".md"), 60, "routine")
    return end.join(("---", f"watchkeeper: {flow({'routine': name, **due})}", "---", ""))


def _free(made: Understanding, path: str) -> str:
    stem, number = path.removesuffix(".md"), 2
    while path in made.files:
        path, number = f"{stem}-{number}.md", number + 1
    return path


def _schedules(made: Understanding, reading: Reading, scene: Scene, homes: Mapping[int, str], zone: str) -> None:
    """Crontab lines: a routine that says what cron does, and a heartbeat to finish in the service."""
    for each in reading.book.schedules:
        title = re.sub(r"\s*\(.*?\)\s*\Z", "", each.title) or _program(each)
        where = scene.at(each.line)
        cron = five_fields(each.cron)
        name = name_of(title, 45, "job")
        if not cron:
            made.unsure.append((where, f"{title}: {each.cron} has no time, so no schedule was made"))
            continue
        if reading.form != "log":
            path = _free(made, f"routines/cron-{name}.md")
            made.write(path, _cron_page(reading, path, each, title, cron, zone), f"routine:{path}",
                       Found("", "cron job", title, where, f"{cron} {zone}"))  # fmt: skip
        home = made.services.named(scene, homes.get(each.line) or scene.service or scene.home, each.line)
        made.services.place(scene, home, Sighting("cron", title, each.line))
        said = f"{where}: the job must say so itself: add 'wk ping {home.draft.name}/{name}' to it"
        made.services.add(scene, home, "heartbeat", heartbeat("", name, cron, said), each.line, local=False)


def _program(each: Schedule) -> str:
    from watchkeeper.core.discovery.cron import program_of

    return program_of(each.command).partition(".")[0] or "job"


def _cron_page(reading: Reading, path: str, each: Schedule, title: str, cron: str, zone: str) -> str:
    row = rows_of(reading.text)[each.line - 1].rstrip("\r\n")
    return "\n".join((
        _front(path, "", {"schedule": cron, "timezone": zone}).rstrip("\n"),
        origin_line(reading.name, str(each.line), "Made"), "", f"# {comment(title)}", "",
        "cron starts this on its host; watchkeeper does not start it again.", "",
        "```text", row.strip().replace("```", "'''"), "```", "",
        "- [ ] It ran, and its heartbeat came in time", "",
    ))  # fmt: skip


# ---- queries ---------------------------------------------------------------------------------------------------------


def _queries(made: Understanding, reading: Reading, scene: Scene, homes: Mapping[int, str]) -> None:
    for fence in reading.book.fences:
        if fence.language.lower() not in _SQL_LANGUAGES or not fence.text.strip():
            continue
        name = _query_name(reading, fence)
        path, number = f"queries/{name}.sql", 2
        while path in made.files:
            path, number = f"queries/{name}-{number}.sql", number + 1
        risk = sql_risk(fence.text)
        said = "reads" if risk == "read" else "changes data" if risk == "change" else "destroys data"
        where = scene.at(fence.line)
        text = f"-- From {comment(where)}; it {said}.\n{fence.text.rstrip()}\n"
        made.write(path, text, f"query:{path}", Found("", "query", name, where, said))
        if risk == "read" and re.match(r"\s*(?:--[^\n]*\n\s*)*select\s+count\s*\(", fence.text, re.IGNORECASE):
            home = made.services.named(scene, homes.get(fence.line) or scene.service or scene.home, fence.line)
            made.services.place(scene, home, Sighting("sql", name, fence.line))
            query = " ".join(re.sub(r"(?m)--[^\n]*$", "", fence.text).split()).rstrip("; ")
            if ";" not in query and len(query) < 300:
                _query_check(made, scene, home, name_of(name, 45, "query"), query, fence.line)


def _query_name(reading: Reading, fence: Fence) -> str:
    first = re.match(r"\s*--\s*(\S[^\n]{3,60})", fence.text)
    if first and not first[1].startswith("Result"):
        return file_of(first[1], 50, "query")
    around = reading.above(fence.line)
    rows = rows_of(reading.text)
    before = [
        row
        for row in rows[max(fence.line - 4, 0) : fence.line - 1]
        if row.strip() and not row.startswith(("#", "`", "|"))
    ]
    lead = plain(re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", before[-1])).strip(" :") if before else ""
    if 3 < len(lead) <= 60 and role_of(lead) is None:
        return file_of(lead, 50, "query")
    title = (
        re.sub(r"^(?:issue|problem|alert|incident)\s*[:：-]\s*", "", around[0].head.text, flags=re.IGNORECASE)
        if around
        else ""
    )
    return file_of(title, 50, "query") if around else file_of(reading.document.stem, 50, "query")


def _query_check(made: Understanding, scene: Scene, home: Planned, name: str, query: str, line: int) -> None:
    """A query that counts something: to be finished, because no limit or no connection is said."""
    own = {
        key.partition(":")[2]
        for key, each in made.services.found.items()
        if each.service == home.draft.name and each.kind == "database"
    }
    database = next((one.name for one in made.services.databases if one.name in own), home.draft.name)
    lines = (("sql", flow({"database": database, "query": query})), ("warn", "value > 100"))
    draft = CheckDraft("", f"query-{name}"[:60], lines, f"{scene.at(line)}: needs a connection and your limit", True)
    made.services.add(scene, home, "query check", draft, line, local=False)


# ---- what is left ----------------------------------------------------------------------------------------------------


def _rest(made: Understanding, reading: Reading) -> None:
    for rule in reading.book.escalations:
        made.escalations.append((reading.name, rule))
    for hidden in reading.hidden:
        where = f"{reading.name}:{hidden.line}"
        made.unsure.append(
            (where, f"a secret value: taken out of every copy; its name {hidden.name} is in secrets.yaml")
        )
        made.secrets.setdefault(hidden.name, SecretName(f"secret:{hidden.name}", hidden.name, hidden.variable, where))
        made.services.note(Found(f"secret:{hidden.name}", "secret", hidden.name, where, "the value was not taken over"))
    for stub in reading.stubs:
        lines = ", ".join(str(line) for line in stub.lines[:6])
        key = f"host:{stub.ssh}"
        made.services.note(
            Found(key, "host", stub.ssh, f"{reading.name}:{stub.line}", f"lines {lines}" if len(stub.lines) > 1 else "")
        )
    for line, target in reading.unfilled:
        made.unsure.append((f"{reading.name}:{line}", f"the host {target} is left open: it was not taken over"))
    if reading.document.damage:
        done = (
            "the repaired text was imported"
            if reading.document.repaired
            else "it was imported as it stands; --repair-encoding mends it"
        )
        made.unsure.append((f"{reading.name}:1", f"{reading.document.damage}: {done}"))
    elif reading.document.repaired:
        made.unsure.append((f"{reading.name}:1", "it was not UTF-8: the text was converted"))
