"""What was understood as text: service files, stubs of hosts, the escalation as comments, and the report."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from watchkeeper.core.discovery.drafts import CheckDraft, Found
from watchkeeper.core.discovery.writing import MARK, check_lines, code
from watchkeeper.core.discovery.yaml_text import comment, flow, scalar
from watchkeeper.core.importing.hosts import HostStub
from watchkeeper.core.importing.services import Planned
from watchkeeper.core.importing.telling import drafted_keys
from watchkeeper.core.importing.understanding import Fate, Understanding
from watchkeeper.core.runbooks.values import EscalationRule
from watchkeeper.core.times import format_duration

REPORT = "imported/REPORT.md"
_DIGEST = re.compile(r"^- `([^`]+)` sha256 ([0-9a-f]{64})$", re.MULTILINE)


def service_text(planned: Planned, checks: Sequence[CheckDraft], day: str) -> str:
    """services/NAME.yaml of a new service. checks: those of it that an ops repo accepts."""
    draft = planned.draft
    places = ", ".join(planned.where[:6]) + (f" and {len(planned.where) - 6} more" if len(planned.where) > 6 else "")
    lines = [
        f"# From documents, by wk init on {day}: {comment(places)}.",
        "# It is yours to edit: another run adds what is new and changes no line that you changed.",
        f"service: {scalar(draft.name)}",
    ]
    if planned.hosts:
        lines.append(f"hosts: {flow(list(planned.hosts))}")
    elif planned.waits:
        lines.append(
            f"hosts: []                      # not active yet, see hosts.yaml; then: {flow(list(planned.waits))}"
        )
    elif any(check.found.startswith("waiting:") for check in checks):
        lines.append("hosts: []                      # the documents do not say where it runs")
    active = any(not check.suggestion for check in checks)
    lines.append("checks:" if active else "checks: []")
    lines += check_lines(checks, "  ")
    known = {check.name for check in checks if not check.suggestion}
    for number, (to, path, where) in enumerate(each for each in planned.responses if set(each[0]) & known):
        lines += (["respond:"] if not number else []) + response_lines(
            tuple(one for one in to if one in known), path, where
        )
    return "\n".join(lines) + "\n"


def response_lines(to: Sequence[str], path: str, where: str) -> list[str]:
    """One response, which never asks to act by itself."""
    return [
        f"  # {comment(where)}",
        f"  - to: {flow(list(to))}",
        f"    runbook: {scalar(path)}",
        "    mode: propose",
    ]


def stub_lines(stub: HostStub) -> list[str]:
    """A host as comments, with the line that names it and the two steps that make it active."""
    entry: dict[str, str | int] = {"ssh": stub.ssh}
    if stub.port and stub.port != 22:
        entry["port"] = stub.port
    target = f"{stub.ssh}:{stub.port}" if stub.port and stub.port != 22 else stub.ssh
    return [
        "",
        f"# {stub.name}: named in {comment(f'{stub.document}:{stub.line}', 120)}: {comment(stub.said, 100)}",
        "# Not active: nothing is asked there. To activate it, in this directory:",
        f"#   1. wk init . --host {comment(target)} --name {stub.name}   (shows its key, looks, adds it above)",
        f"#      or write this line below 'hosts:' above:   {scalar(stub.name)}: {flow(entry)}",
        f"#   2. wk init . --from {comment(stub.document, 120)}   again: what waits for it becomes active",
    ]


def rule_key(document: str, rule: EscalationRule) -> str:
    """What makes a rule the same one in another run."""
    said = " ".join(f"{rule.level} {rule.when} {rule.who}".split())
    return f"escalation:{document.rpartition('/')[2]}/{said[:120]}"


def escalation_lines(rules: Sequence[tuple[str, EscalationRule]]) -> list[str]:
    """The escalation policy as comments: levels, minutes, who. People become channels when their contacts are filled in."""
    lines = [
        "",
        "# Escalation, as the documents have it. Nobody is told by this: give each person a channel (see 'channels' above),",
        "# then list the channels in the order they are tried, as  escalation: [first, second], or complete the keys below.",
    ]
    for document, rule in rules:
        within = (
            ""
            if rule.within_s is None
            else "at once"
            if not rule.within_s
            else f"within {format_duration(rule.within_s)}"
        )
        parts = [rule.level or "any", within, f"when: {comment(rule.when, 90)}" if rule.when else "",
                 f"who: {comment(rule.who, 60)}" if rule.who else "who: (not said)"]  # fmt: skip
        lines.append(f"# - {'; '.join(part for part in parts if part)}   ({comment(document, 80)}:{rule.line})")
    keys = drafted_keys([rule for _, rule in rules])
    if keys:
        lines += ["#", "# The same as keys: correct the people and their channels, then take '# ' away."]
        lines += [f"# {each}" for each in keys]
    return lines


def digests(page: str) -> dict[str, str]:
    """Path to sha256 of each file that earlier imports wrote whole."""
    return dict(_DIGEST.findall(page))


def digest(text: str) -> str:
    """sha256 of a file's bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def counts_of(made: Understanding, services: Iterable[Planned]) -> dict[str, int]:
    """How many of what, for people and for data."""
    kept = list(services)
    checks = [check for planned in kept for check in planned.draft.checks]
    paths = list(made.files)
    return {
        "documents": len(made.readings),
        "services": len(kept),
        "checks": sum(not check.suggestion for check in checks),
        "suggestions": sum(check.suggestion for check in checks),
        "responses": sum(len(planned.responses) for planned in kept),
        "hosts": len(made.stubs),
        "runbooks": sum(path.startswith("runbooks/") for path in paths),
        "routines": sum(path.startswith("routines/") for path in paths),
        "queries": sum(path.startswith("queries/") for path in paths),
        "docs": sum(path.startswith("docs/") for path in paths),
        "escalation_rules": len(made.escalations),
        "secrets": len(made.secrets),
        "not_understood": len(made.unsure) + sum(not fate.understood for fate in made.fates),
    }


def report_page(
    made: Understanding,
    services: Sequence[Planned],
    written: Mapping[str, str],
    day: str,
    head: str,
    earlier: Iterable[str],
    steps: Sequence[str],
) -> str:
    """imported/REPORT.md. written: path to sha256 of what stands there by our hand. earlier: keys of other documents."""
    lines = [head.rstrip("\n") or "# What was imported", "", MARK, "", f"Imported on {day}.", "", "## Next", ""]
    lines += [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    lines += ["", "## Counts", "", "| what | number |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {number} |" for name, number in counts_of(made, services).items()]
    for kind, group in sorted(_kinds(made.services.found.values()).items()):
        lines += ["", f"## {kind[:1].upper()}{kind[1:]}", ""]
        lines += [_found(each) for each in sorted(group, key=lambda one: one.key)]
    lines += ["", "## Not understood, or to look at", ""]
    lines += [f"- {code(where, '')}: {code(said, '')}" for where, said in made.unsure] or ["- nothing"]
    lines += [f"- {code(f'{fate.document}:{fate.line}', '')}: {fate.part} {code(fate.text)}: {code(fate.became, '')}"
              for fate in made.fates if not fate.understood]  # fmt: skip
    for reading in made.readings:
        lines += ["", f"## Every part of {code(reading.name, '')}", ""]
        lines.append(
            f"{'A log' if reading.form == 'log' else 'Instructions'}: {reading.why}. Copied to {reading.copied}."
        )
        lines += ["", "| line | part | text | became |", "|---|---|---|---|"]
        lines += [_row(fate) for fate in made.fates if fate.document == reading.name]
    lines += ["", "## Files written whole, to tell later whether you changed them", ""]
    lines += [f"- `{path}` sha256 {sha256}" for path, sha256 in sorted(written.items())]
    kept = sorted(earlier)
    if kept:
        lines += ["", "## Known from earlier imports", "", *(f"- `{key}`" for key in kept)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _kinds(found: Iterable[Found]) -> dict[str, list[Found]]:
    kinds: dict[str, list[Found]] = {}
    for each in found:
        kinds.setdefault(each.kind, []).append(each)
    return kinds


def _found(each: Found) -> str:
    note = f": {code(each.note, '')}" if each.note else ""
    service = f" (services/{each.service}.yaml)" if each.service else ""
    return f"- {code(each.key)} {code(each.where, '')}{note}{service}"


def _row(fate: Fate) -> str:
    cells = (str(fate.line), fate.part, code(fate.text) if fate.text else "", code(fate.became, ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
