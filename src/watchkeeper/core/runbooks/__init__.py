"""Markdown that runs: read a document as a runbook, show it, lint it, bind its parameters."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from watchkeeper.core.runbooks.attributes import declared_parameters, is_true, read_front_matter, read_info, scalar
from watchkeeper.core.runbooks.binding import Bound, bind, missing
from watchkeeper.core.runbooks.lint import lint
from watchkeeper.core.runbooks.outline import Heading, owner_of
from watchkeeper.core.runbooks.reader import BlockReader, FenceBlock, ProseBlock, SymptomBlock, TableBlock, TaskBlock
from watchkeeper.core.runbooks.schedules import installed_schedules, schedules_of
from watchkeeper.core.runbooks.silencing import front_silences
from watchkeeper.core.runbooks.steps import Defaults, StepBuilder
from watchkeeper.core.runbooks.values import (
    CheckTable,
    EscalationRule,
    Fence,
    Finding,
    Parameter,
    Procedure,
    Runbook,
    Schedule,
    Section,
    Step,
    Table,
    Task,
)

__all__ = [
    "MAX_BYTES",
    "Bound",
    "CheckTable",
    "EscalationRule",
    "Fence",
    "Finding",
    "Parameter",
    "Procedure",
    "Runbook",
    "Schedule",
    "Section",
    "Step",
    "Table",
    "Task",
    "bind",
    "lint",
    "missing",
    "read_runbook",
    "show",
]

MAX_BYTES = 4_000_000


class _Collected:
    """The parts of one procedure while the blocks are read."""

    def __init__(self) -> None:
        self.symptoms: list[str] = []
        self.steps: list[Step] = []
        self.checks: list[CheckTable] = []
        self.tasks: list[Task] = []


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".md")


def read_runbook(text: str, path: str) -> Runbook:
    """Read a Markdown document. Never raises on its content: what is not understood stays text, or becomes a
    finding."""
    data = text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data).hexdigest()
    if len(data) > MAX_BYTES:
        sentence = (
            f"The document has {len(data)} bytes, more than the "
            f"{MAX_BYTES} a runbook may have; it is not read. Split it."
        )
        return Runbook(path, _stem(path), {}, digest, findings=(Finding(0, "error", sentence, "too-large"),))
    source = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = source.split("\n")
    front = read_front_matter(lines)
    body = lines[front.lines :]
    reader = BlockReader(body, front.lines)
    reader.read("\n".join(body))
    return _build(path, digest, front.values, front.own, (*front.findings, *reader.findings), reader)


@dataclass(slots=True)
class _Gathered:
    """What the blocks of a document became, before it is put together."""

    parts: dict[Heading, _Collected] = field(default_factory=dict)
    fences: list[Fence] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)


def _gather(reader: BlockReader, builder: StepBuilder) -> _Gathered:
    """Every block, in document order, below the heading whose procedure it belongs to."""
    found = _Gathered()
    for block in reader.blocks:
        owner = owner_of(block.heading)
        part = found.parts.setdefault(owner, _Collected())
        if isinstance(block, SymptomBlock):
            part.symptoms.append(block.text)
        elif isinstance(block, TaskBlock):
            part.tasks.append(block.task)
        elif isinstance(block, TableBlock):
            part.checks.append(block.table)
        elif isinstance(block, ProseBlock):
            part.steps.append(builder.prose(block))
        else:
            fence, steps = builder.fence(block, owner)
            found.fences.append(fence)
            found.schedules.extend(_schedules(block, fence))
            part.steps.extend(steps)
    return found


def _build(
    path: str,
    digest: str,
    values: Mapping[str, object],
    own: Mapping[str, object],
    findings: tuple[Finding, ...],
    reader: BlockReader,
) -> Runbook:
    declared, param_findings = declared_parameters(own)
    host, cwd = scalar(own.get("host")), scalar(values.get("cwd"))
    fences = [block for block in reader.blocks if isinstance(block, FenceBlock)]
    reserved = {name for block in fences if (name := read_info(block.info).attributes.get("name"))}
    below = Counter(block.standing.title_line for block in fences if block.standing.title_line)
    builder = StepBuilder(_defaults(values, host, cwd, declared), reserved, (one for one, n in below.items() if n == 1))
    gathered = _gather(reader, builder)
    named: dict[Heading, dict[str, None]] = {}
    for heading, role in reader.outline.named:
        named.setdefault(owner_of(heading), {})[role] = None
    title = reader.outline.title.title if reader.outline.title else scalar(values.get("title")) or _stem(path)
    procedures = tuple(
        Procedure(
            owner.title or title,
            owner.line or 1,
            "\n".join(part.symptoms),
            tuple(part.steps),
            tuple(part.checks),
            tuple(part.tasks),
            tuple(named.get(owner, {})),
        )
        for owner, part in sorted(gathered.parts.items(), key=lambda item: item[0].line)
        if part.symptoms or part.steps or part.checks or part.tasks
    )
    params = {name: parameter.default for name, parameter in declared.items() if parameter.default is not None}
    found = (*findings, *param_findings, *builder.findings, *reader.escalations.findings())
    return Runbook(
        path,
        title,
        values,
        digest,
        procedures,
        found,
        tuple(gathered.fences),
        scalar(own.get("service")),
        host,
        params,
        tuple(gathered.schedules),
        reader.escalations.told(),
        tuple(reader.sections),
        tuple(reader.tables),
        (*front_silences(own), *reader.silences),
    )


def _defaults(
    values: Mapping[str, object], host: str | None, cwd: str | None, declared: Mapping[str, Parameter]
) -> Defaults:
    """What the front matter says for all steps."""
    words: dict[str, str] = {
        name: text for name in ("skipPrompts", "tag", "category") if (text := scalar(values.get(name)))
    }
    tags: dict[str, str] = {name: words[name] for name in ("tag", "category") if name in words}
    return Defaults(host, cwd, declared, is_true(words, "skipPrompts"), tags)


def _schedules(block: FenceBlock, fence: Fence) -> tuple[Schedule, ...]:
    """The crontab lines of one fence: all of them in a crontab fence, those it installs in a command fence."""
    first = block.line + (0 if block.indented else 1)
    if fence.kind == "schedule":
        return schedules_of(block.text, first)
    return installed_schedules(block.text, first) if fence.kind == "command" else ()


def show(runbook: Runbook) -> dict[str, object]:
    """The JSON shape of ``wk runbook show``: procedures with steps, checks and tasks; also fences and findings."""
    return {
        "runbook": {
            "path": runbook.path,
            "title": runbook.title,
            "sha256": runbook.text_sha256,
            "service": runbook.service,
            "host": runbook.host,
            "params": dict(runbook.params),
            "procedures": [asdict(procedure) for procedure in runbook.procedures],
            "fences": [asdict(fence) for fence in runbook.fences],
            "schedules": [asdict(schedule) for schedule in runbook.schedules],
            "escalations": [asdict(rule) for rule in runbook.escalations],
            "sections": [asdict(section) for section in runbook.sections],
            "tables": [asdict(table) for table in runbook.tables],
            "findings": [asdict(finding) for finding in lint(runbook)],
        }
    }
