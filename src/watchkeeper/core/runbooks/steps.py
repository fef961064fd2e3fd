"""From the blocks of one document to steps: phase, risk, parameters, and every reason not to start one alone."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from watchkeeper.core.runbooks.attendance import Memory, attend, menu_id, outer_condition, relies_on, remember
from watchkeeper.core.runbooks.attributes import is_true, read_info, seconds, whole_number
from watchkeeper.core.runbooks.commands import all_commands
from watchkeeper.core.runbooks.endless import Attended, judge
from watchkeeper.core.runbooks.fences import Reading, read_fence
from watchkeeper.core.runbooks.languages import SHELL_LANGUAGES
from watchkeeper.core.runbooks.outline import Heading, phase_of
from watchkeeper.core.runbooks.parts import Part, cut
from watchkeeper.core.runbooks.placeholders import asked, inert, parameters_of
from watchkeeper.core.runbooks.reader import FenceBlock, ProseBlock
from watchkeeper.core.runbooks.risk import script_risk
from watchkeeper.core.runbooks.shell import MAX_TEXT, Script, ends_in_background, read_script
from watchkeeper.core.runbooks.titles import sentence_of, title_of
from watchkeeper.core.runbooks.values import RISK_ORDER, Fence, Finding, Parameter, Phase, Risk, Step, highest

ENDLESS_TIMEOUT_S = 30.0
MAX_FENCES = 5000


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the document says for all its steps."""

    host: str | None = None
    cwd: str | None = None
    declared: Mapping[str, Parameter] = field(default_factory=dict)
    skip_prompts: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """A fence while its steps are made. parts: into how many it is cut."""

    block: FenceBlock
    language: str
    attributes: Mapping[str, str]
    reading: Reading
    owner: Heading
    phase: Phase
    parts: int


class StepBuilder:
    """Makes steps of one document, in order. Keeps ids unique and remembers what each procedure has set.

    alone: lines of headings and labels that have one fence below them, so that their words are its title.
    """

    def __init__(self, defaults: Defaults, reserved: Iterable[str], alone: Iterable[int] = ()) -> None:
        self.defaults = defaults
        self.findings: list[Finding] = []
        self._reserved = set(reserved)
        self._alone = frozenset(alone)
        self._used: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._fences = 0
        self._memory: dict[Heading, Memory] = {}

    def prose(self, block: ProseBlock) -> Step:
        """A manual step from an item of an ordered list."""
        title = re.sub(r"\s+", " ", block.text.split("\n", 1)[0]).strip()
        phase = phase_of(block.standing.role)
        identity = self._id("", title, phase)
        why = "this step is prose: a person does it and signs it off"
        return Step(
            identity,
            phase,
            _title(title),
            block.text,
            "",
            _base(phase),
            True,
            why,
            line=block.line,
            unattended=False,
            host=self.defaults.host,
        )

    def fence(self, block: FenceBlock, owner: Heading) -> tuple[Fence, list[Step]]:
        """The steps of a fence, and the fence itself with what was made of it."""
        info = read_info(block.info)
        for oddity in info.oddities:
            self.findings.append(Finding(block.line, "warning", f"In the fence's attributes, {oddity}.", "attributes"))
        attributes = {**block.metadata, **info.attributes}
        annotated = bool({"name", "id", "interpreter"} & set(attributes))
        reading = self._reading(block, info.language, attributes, annotated)
        self._remember_variables(reading, block, owner)
        steps: list[Step] = []
        if reading.kind == "command" or (reading.kind in ("source", "unknown") and reading.commands):
            steps = self._cut(block, info.language, attributes, reading, owner)
        listed = Fence(
            block.line, info.language, reading.kind, block.text, reading.why, tuple(step.id for step in steps)
        )
        return listed, steps

    def _reading(self, block: FenceBlock, language: str, attributes: Mapping[str, str], annotated: bool) -> Reading:
        self._fences += 1
        if self._fences == MAX_FENCES + 1:
            sentence = (
                f"The document has more than {MAX_FENCES} fences; this one and all after it are not judged and not run."
            )
            self.findings.append(Finding(block.line, "error", sentence, "too-large"))
        if self._fences > MAX_FENCES:
            return Reading("unknown", "too many fences in one document")
        if block.hidden:
            return Reading("text", "inside an HTML block")
        if block.unclosed:
            sentence = (
                "This fence is never closed, so all that follows would "
                "be part of it: add the closing ``` line. It is not run."
            )
            self.findings.append(Finding(block.line, "error", sentence, "unclosed-fence"))
            return Reading("unknown", "the fence is not closed")
        if is_true(attributes, "ignore") or attributes.get("transform", "").lower() in ("false", "0", "no"):
            return Reading("text", "marked as documentation (ignore)")
        if len(block.text) > MAX_TEXT:
            self.findings.append(
                Finding(
                    block.line,
                    "warning",
                    "This fence is longer than 32 KB, so its commands are not judged and not run.",
                    "too-large",
                )
            )
            return Reading("unknown", "longer than 32 KB")
        interpreter = attributes.get("interpreter", "")
        reading = read_fence(language, block.text, annotated=annotated, interpreter=interpreter)
        if reading.silenced:
            sentence = f"{reading.silenced} lines after an output comment are taken as output and do not run."
            self.findings.append(Finding(block.line, "note", sentence, "output-lines"))
        if reading.strays:
            sentence = f"{reading.strays} lines of this fence do not read as commands; they do not run."
            self.findings.append(Finding(block.line, "note", sentence, "stray-lines"))
        odd = re.search(r"(?m)^\$[A-Za-z_{(]|^### ", block.text)
        if odd and language in SHELL_LANGUAGES:
            sentence = (
                "Runme would change lines of this fence: it cuts a leading $ and drops lines that start with ###. "
                "watchkeeper keeps them."
            )
            self.findings.append(Finding(block.line, "note", sentence, "runme-differs"))
        return reading

    def _remember_variables(self, reading: Reading, block: FenceBlock, owner: Heading) -> None:
        if reading.kind == "configuration" and reading.why == "only variables":
            self._memory_of(owner).variables |= read_script(inert(block.text)).assigned

    def _memory_of(self, owner: Heading) -> Memory:
        return self._memory.setdefault(owner, Memory())

    def _cut(
        self, block: FenceBlock, language: str, attributes: Mapping[str, str], reading: Reading, owner: Heading
    ) -> list[Step]:
        shell = reading.kind == "command"
        parts = cut(reading.commands) if shell else (Part(reading.commands, 0),)
        named = "name" in attributes or "id" in attributes
        if named and len(parts) > 1 and all(part.group is None for part in parts):
            parts = (Part(reading.commands.strip("\n"), 0),)
        outer = "" if named and parts[0].condition == "" else outer_condition(block)
        if outer and all(part.group is None for part in parts):
            parts = tuple(replace(part, condition=outer, group=0) for part in parts)
        if reading.expected and len(parts) == 1:
            parts = (replace(parts[0], expect=reading.expected),)
        elif any(part.group is not None for part in parts) and named:
            sentence = "This fence holds alternatives, so it is cut: no part of it runs until a person picks one."
            self.findings.append(Finding(block.line, "warning", sentence, "named-menu"))
        phase = _tagged_phase(attributes) or self._phase_of(block)
        place = _Place(block, language, attributes, reading, owner, phase, len(parts))
        return [self._step(part, place, index) for index, part in enumerate(parts)]

    def _step(self, part: Part, place: _Place, index: int) -> Step:
        """One part of a fence as a step."""
        name = place.attributes.get("name", "") if index == 0 else ""
        block = place.block
        named = (
            part.title
            if part.title and (not block.title or index or part.group is not None)
            else block.title or part.title
        )
        line = block.line + (0 if block.indented else 1) + place.reading.row_of(part.row)
        if part.prose:
            return self._by_hand(part, place, named, line)
        first = _first_command(part.text)
        identity = self._id(name, named or first, place.phase)
        return self._command(part, place, identity, _title(self._shown(part, place, named) or first), line)

    def _phase_of(self, block: FenceBlock) -> Phase:
        """The phase of the words above a fence; the document's own tag where nothing above says one."""
        stated = phase_of(block.standing.role)
        return (_tagged_phase(self.defaults.tags) or stated) if block.standing.role is None else stated

    def _shown(self, part: Part, place: _Place, named: str) -> str:
        """The title that people read. Never the base of an id: those must outlive a better sentence."""
        if place.parts > 1 or part.group is not None or (part.title and not place.block.title):
            return named
        better = title_of(place.block, alone=place.block.standing.title_line in self._alone)
        introduced = sentence_of(place.block.intro)
        return introduced or named if place.block.title else named or better

    def _by_hand(self, part: Part, place: _Place, title: str, line: int) -> Step:
        """A comment that asks a person to act."""
        text = "\n".join(re.sub(r"^\s*#+\s?", "", each) for each in part.text.split("\n"))
        return Step(
            self._id("", title, place.phase),
            place.phase,
            _title(title),
            text,
            "",
            _base(place.phase),
            True,
            "a comment asks a person to do this by hand",
            line=line,
            unattended=False,
            alternatives=menu_id(place.block, part),
            host=self._host(place.attributes),
        )

    def _command(self, part: Part, place: _Place, identity: str, title: str, line: int) -> Step:
        """Shell text, or the text of another interpreter, with all that is known of it."""
        attributes, shell = place.attributes, place.reading.kind == "command"
        script = read_script(inert(part.text))
        memory = self._memory_of(place.owner)
        attended = judge(script) if shell else Attended(_foreign(place.language))
        risk = self._risk_of(script, place, line) if shell else highest("change", _base(place.phase))
        step = Step(
            identity,
            place.phase,
            title,
            part.text,
            place.language or ("sh" if shell else ""),
            risk,
            parameters=self._parameters(part.text, script, line, place, risk) if shell else (),
            alternatives=menu_id(place.block, part),
            host=self._host(attributes),
            line=line,
            relies=relies_on(part.text, script, memory) or None,
            proposed_expect=part.expect,
            background=(shell and ends_in_background(part.text)) or is_true(attributes, "background"),
            endless=bool(attended.endless),
            sudo=shell and any(command.name == "sudo" for command in all_commands(script)),
            cwd=self._cwd(attributes),
            attributes=dict(attributes),
        )
        step = self._annotated(step, attributes, place.block.line)
        asked = is_true(attributes, "interactive")
        step = attend(step, attended, script, place.reading, part, place.block.standing, asked)
        remember(memory, script, attended, step)
        return step

    def _parameters(self, text: str, script: Script, line: int, place: _Place, risk: Risk) -> tuple[Parameter, ...]:
        """The open values of a step. ``skipPrompts`` takes a prompt's text as it stands, where nothing can change."""
        memory, prompt = self._memory_of(place.owner), place.attributes.get("promptEnv", "")
        if is_true(place.attributes, "skipPrompts") or (
            self.defaults.skip_prompts and "skipPrompts" not in place.attributes
        ):
            if risk == "read":
                prompt = "never"
            elif asked(text, prompt):
                sentence = f"skipPrompts holds only for steps that read; this one can {risk} something, so it asks."
                self.findings.append(Finding(place.block.line, "note", sentence, "skip-prompts"))
        known = memory.variables | memory.captured
        return parameters_of(text, script, line, self.defaults.declared, known, prompt)

    def _risk_of(self, script: Script, place: _Place, line: int) -> Risk:
        strict = place.block.standing.inherited and not _tagged_phase(place.attributes)
        return self._risk(place.phase, script, place.attributes, line, strict=strict)

    def _risk(self, phase: Phase, script: Script, attributes: Mapping[str, str], line: int, *, strict: bool) -> Risk:
        risk = script_risk(script, _base(phase), strict=strict)
        word = attributes.get("risk", "").strip().lower()
        if not word:
            return risk
        stated = next((known for known in RISK_ORDER if known == word), None)
        if stated is None:
            self.findings.append(
                Finding(line, "warning", f'risk="{word}" is not known; expected read, change or destroy.', "attributes")
            )
            return risk
        if RISK_ORDER[stated] < RISK_ORDER[risk]:
            sentence = f"The file says risk={stated}, the commands say {risk}: a file can only raise what is required."
            self.findings.append(Finding(line, "note", sentence, "risk-lowered"))
        return highest(risk, stated)

    def _annotated(self, step: Step, attributes: Mapping[str, str], line: int) -> Step:
        """Take over our own attributes; what cannot be read is found and left out."""
        timeout_s, bad_timeout = seconds(attributes, "timeout")
        every_s, bad_every = seconds(attributes, "every")
        retries, bad_retries = whole_number(attributes, "retries")
        serial, bad_serial = whole_number(attributes, "serial")
        for sentence in filter(None, (bad_timeout, bad_every, bad_retries, bad_serial)):
            self.findings.append(Finding(line, "warning", f"{sentence}.", "attributes"))
        return replace(
            step,
            timeout_s=timeout_s or (ENDLESS_TIMEOUT_S if step.endless else None),
            every_s=every_s or 0.0,
            retries=retries or 1,
            serial=serial,
            expect=attributes.get("expect") or None,
            undo=attributes.get("undo") or None,
            when=attributes.get("when") or None,
            capture=attributes.get("capture") or None,
            approve=attributes.get("approve") or None,
            idempotent=is_true(attributes, "idempotent"),
        )

    def _host(self, attributes: Mapping[str, str]) -> str | None:
        return attributes.get("host") or self.defaults.host

    def _cwd(self, attributes: Mapping[str, str]) -> str | None:
        own, base = attributes.get("cwd"), self.defaults.cwd
        return posixpath.normpath(posixpath.join(base or "", own)) if own else base

    def _id(self, name: str, title: str, phase: Phase) -> str:
        if name and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) and name not in self._used:
            self._used.add(name)
            return name
        base = slug(name or title) or phase
        candidate, number = base, self._numbers.get(base, 1)
        while candidate in self._used or candidate in self._reserved:
            number += 1
            candidate = f"{base}-{number}"
        self._numbers[base] = number
        self._used.add(candidate)
        return candidate


def _foreign(language: str) -> str:
    return f"it is written in {language}, and watchkeeper runs shell text only"


def _first_command(text: str) -> str:
    """The first line of a text that is no comment."""
    said = (line.strip() for line in text.split("\n"))
    return next((line for line in said if line and not line.startswith("#")), text.strip())


def slug(text: str) -> str:
    """An id of at most 40 letters, digits and dashes from a title; "" when nothing is left."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:40].rstrip("-")


def _title(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= 100 else first[:97].rstrip() + "..."


def _base(phase: Phase) -> Risk:
    return "read" if phase in ("diagnose", "verify") else "change"


def _tagged_phase(attributes: Mapping[str, str]) -> Phase | None:
    """``tag=`` (old: ``category=``) may name the phase."""
    for tag in re.split(r"[,\s]+", attributes.get("tag", "") + "," + attributes.get("category", "")):
        if tag == "diagnose":
            return "diagnose"
        if tag == "fix":
            return "fix"
        if tag == "verify":
            return "verify"
        if tag == "rollback":
            return "rollback"
    return None
