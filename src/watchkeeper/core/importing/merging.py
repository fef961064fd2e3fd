"""What documents brought goes into the ops repo: new files whole, new parts at the end of a section, nothing else touched.

A file that an earlier import wrote and that nobody changed since follows its document; one that was changed stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.core.discovery.drafts import CheckDraft, Found
from watchkeeper.core.discovery.merging import Merge, check_names, count_of, inserted, keys_of, put, root_of, sound
from watchkeeper.core.discovery.writing import check_lines, code, database_lines, known_keys, secret_lines
from watchkeeper.core.importing.sections import without_origin
from watchkeeper.core.importing.services import Planned
from watchkeeper.core.importing.understanding import Understanding
from watchkeeper.core.importing.writing import (
    REPORT,
    digest,
    digests,
    escalation_lines,
    report_page,
    response_lines,
    rule_key,
    service_text,
    stub_lines,
)

HERE = "here"


@dataclass(slots=True)
class Imported:
    """How the ops repo changes. merge: as discovery has it. kept: (path, why) of files that were left as they are.

    services: those that were drafted with something in them. steps: what to do next.
    """

    made: Understanding
    merge: Merge = field(default_factory=Merge)
    kept: list[tuple[str, str]] = field(default_factory=list)
    services: list[Planned] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)


def merge_documents(made: Understanding, existing: Mapping[str, str], day: str, repo: str) -> Imported:
    """How the ops repo changes. existing: its files as text. repo: what the person calls it."""
    result = Imported(made)
    page = existing.get(REPORT, "")
    known, _ = known_keys(page)
    result.written = {path: sha256 for path, sha256 in digests(page).items() if path in existing}
    for planned in made.services.planned.values():
        planned.draft.checks = _sound(made, planned)
        if planned.draft.checks or planned.responses:
            result.services.append(planned)
            _note_responses(made, planned)
    for document, rule in made.escalations:
        made.services.note(
            Found(rule_key(document, rule), "escalation rule", rule.level, f"{document}:{rule.line}", rule.when)
        )
    mine = {code(key)[1:-1]: key for key in made.services.found}
    result.merge.new = [key for text, key in mine.items() if text not in known]
    fresh = set(result.merge.new)
    _files(result, existing, known, digests(page))
    _hosts(result, existing, fresh)
    for planned in result.services:
        _service(result, planned, existing, fresh, digests(page), day)
    _entries(result, existing, fresh)
    _escalation(result, existing, fresh)
    return result


def finish(result: Imported, existing: Mapping[str, str], day: str, repo: str) -> None:
    """Adds the report, when everything else is settled: what is written, what stays, what to do next."""
    page = existing.get(REPORT, "")
    known, _ = known_keys(page)
    merge, made = result.merge, result.made
    result.steps = next_steps(result, repo)
    if not (merge.files or merge.new or REPORT not in existing):
        return
    for path in list(result.written):
        if path in merge.files:
            result.written[path] = digest(merge.files[path])
        elif path not in existing:
            del result.written[path]
    mine = {code(key)[1:-1] for key in made.services.found}
    paths = {path for path in known if path in digests(page)}
    head = page.partition("\n<!-- wk init writes")[0]
    merge.files[REPORT] = report_page(
        made, result.services, result.written, day, head, known - mine - paths, result.steps
    )


def next_steps(result: Imported, repo: str) -> list[str]:
    """Three things to do, the most useful first."""
    made = result.made
    waiting = [planned for planned in result.services if planned.waiting]
    first = f'Read `{REPORT}`, its part "Not understood" first, and correct services/*.yaml where a name or a limit is wrong.'
    if waiting and made.stubs:
        stub = next(iter(made.stubs.values()))
        asked = f"wk init {repo} --host {stub.ssh} --name {stub.name}"
        second = f"Activate the hosts you want (hosts.yaml says how), for example: {asked}"
    else:
        second = (
            "Say in hosts.yaml where each service runs, when it is not this machine, and name the host in its file."
        )
    return [first, second, f"wk --ops {repo} lint, then wk --ops {repo} check, then wk --ops {repo} up."]


# ---- whole files -----------------------------------------------------------------------------------------------------


def _files(result: Imported, existing: Mapping[str, str], known: set[str], before: Mapping[str, str]) -> None:
    keys = {path: key for key in result.made.services.found for path in [key.partition(":")[2]]}
    for path, text in result.made.files.items():
        there = existing.get(path)
        key = code(keys.get(path, ""))[1:-1]
        if there is None and key in known:
            result.kept.append((path, "you removed it; it is not written again"))
        elif there is None:
            result.merge.files[path] = text
            result.merge.added.append(f"{path}: from {result.made.origins[path]}")
            result.written[path] = digest(text)
        elif there == text or without_origin(there) == without_origin(text):
            result.written[path] = digest(there)
        elif before.get(path) == digest(there):
            result.merge.files[path] = text
            result.merge.added.append(f"{path}: follows {result.made.origins[path]}, which is newer")
            result.written[path] = digest(text)
        else:
            result.written.pop(path, None)
            why = "it was changed here" if path in before else "it was there before"
            result.kept.append((path, f"{why}; what {result.made.origins[path]} says now is not put in"))


# ---- hosts -----------------------------------------------------------------------------------------------------------


def _hosts(result: Imported, existing: Mapping[str, str], fresh: set[str]) -> None:
    text = existing.get("hosts.yaml", "")
    root = root_of(text)
    used = any(HERE in planned.hosts for planned in result.services)
    if (used or not result.made.stubs) and root is not None and not keys_of(root, "hosts"):
        why = "asked by what names no other host" if result.made.stubs else "the documents name no host"
        put(
            result.merge,
            "hosts.yaml",
            text,
            "hosts",
            [f"  # this machine: {why}", f"  {HERE}: {{local: true}}"],
            "this machine",
        )
    stubs = [
        stub for stub in result.made.stubs.values() if f"host:{stub.ssh}" in fresh and f"{{ssh: {stub.ssh}" not in text
    ]
    if stubs:
        text = result.merge.files.get("hosts.yaml", text)
        end = "" if not text or text.endswith("\n") else "\n"
        lines = [line for stub in stubs for line in stub_lines(stub)]
        result.merge.files["hosts.yaml"] = text + end + "\n".join(lines) + "\n"
        number = f"{len(stubs)} host{'' if len(stubs) == 1 else 's'}"
        result.merge.added.append(f"hosts.yaml: {number} in comments, none is active")


# ---- services --------------------------------------------------------------------------------------------------------


def _sound(made: Understanding, planned: Planned) -> list[CheckDraft]:
    """The checks that an ops repo accepts; of the others it is said."""
    kept = sound(planned.draft.checks)
    for check in planned.draft.checks:
        if check not in kept:
            found = made.services.found.pop(check.found, None)
            where = found.where if found is not None else check.origin
            made.unsure.append(
                (where, f"{planned.draft.name}/{check.name} is no check that can be asked; it was left out")
            )
    return kept


def _note_responses(made: Understanding, planned: Planned) -> None:
    for to, path, where in planned.responses:
        key = f"response:{planned.draft.name}/{path}"
        made.services.note(Found(key, "response", path, where, f"answers {', '.join(to)}", planned.draft.name))


def _file_of(name: str, existing: Mapping[str, str]) -> str:
    """The file of a service: the one that says its name, in whatever case, else the one that would."""
    for path in sorted(existing):
        if path.startswith("services/") and path.endswith(".yaml"):
            root = root_of(existing[path])
            said = root.get("service") if root is not None else None
            own = str(said.content) if said is not None else path[9:-5].rpartition("/")[2]
            if own.lower() == name.lower():
                return path
    return f"services/{name}.yaml"


def _service(
    result: Imported,
    planned: Planned,
    existing: Mapping[str, str],
    fresh: set[str],
    before: Mapping[str, str],
    day: str,
) -> None:
    path = _file_of(planned.draft.name, existing)
    text = existing.get(path)
    checks = planned.draft.checks
    if text is None:
        if any(check.found in fresh for check in checks):
            wanted = [check for check in checks if check.found in fresh]
            result.merge.files[path] = service_text(planned, wanted, day)
            result.merge.added.append(f"{path}: new, {count_of(wanted)}{_responses_said(planned)}")
            result.written[path] = digest(result.merge.files[path])
        return
    root = root_of(text)
    there = check_names(root) if root is not None else set()
    commented = set(re.findall(r"(?m)^\s*#\s*- name: (\S+)\s*$", text))
    if before.get(path) == digest(text) and (there | commented) <= {check.name for check in checks}:
        left = [check for check in checks if check.found in fresh or check.name in there | commented]
        again = service_text(planned, left, day)
        if _undated(again) != _undated(text):
            result.merge.files[path] = again
            result.merge.added.append(f"{path}: follows its documents, {count_of(left)}")
            result.written[path] = digest(again)
        return
    _add(result, planned, path, text, there | commented, fresh)


def _undated(text: str) -> str:
    """A service file without the two lines that tell when and from which lines it came, and where each part stands."""
    return re.sub(r"(?m)^\s*# .*\n", "", text)


def _responses_said(planned: Planned) -> str:
    number = len(planned.responses)
    return f", {number} response{'' if number == 1 else 's'}" if number else ""


def _add(result: Imported, planned: Planned, path: str, text: str, there: set[str], fresh: set[str]) -> None:
    """New checks and responses at the end of their sections of a file that somebody else wrote or changed."""
    result.written.pop(path, None)
    left = [check for check in planned.draft.checks if check.found in fresh and check.name not in there]
    if left:
        put(result.merge, path, text, "checks", check_lines(left, "  "), count_of(left), listed=True)
    text = result.merge.files.get(path, text)
    root = root_of(text)
    known = check_names(root) if root is not None else set()
    for to, runbook, where in planned.responses:
        wanted = tuple(name for name in to if name in known)
        if wanted and f"response:{planned.draft.name}/{runbook}" in fresh and f"runbook: {runbook}" not in text:
            lines = response_lines(wanted, runbook, where)
            changed = inserted(text, "respond", lines, True)
            if changed is None:
                result.merge.by_hand.append((path, "\n".join(lines)))
            else:
                text = result.merge.files[path] = changed
                result.merge.added.append(f"{path}: the response {runbook}")


# ---- the other files -------------------------------------------------------------------------------------------------


def _entries(result: Imported, existing: Mapping[str, str], fresh: set[str]) -> None:
    made = result.made
    text = existing.get("databases.yaml", "")
    root = root_of(text)
    known = keys_of(root, "databases") if root is not None else set()
    lines = [line for each in made.services.databases if each.found in fresh and each.name not in known
             for line in database_lines(each, "  ")]  # fmt: skip
    if lines:
        put(result.merge, "databases.yaml", text, "databases", lines, "connections")
    text = existing.get("secrets.yaml", "")
    root = root_of(text)
    known = keys_of(root, "secrets") if root is not None else set()
    lines = [line for each in made.secrets.values() if each.found in fresh and each.name not in known
             for line in secret_lines(each, "  ")]  # fmt: skip
    if lines:
        put(result.merge, "secrets.yaml", text, "secrets", lines, "names, no value")


def _escalation(result: Imported, existing: Mapping[str, str], fresh: set[str]) -> None:
    rules = [(document, rule) for document, rule in result.made.escalations if rule_key(document, rule) in fresh]
    if not rules:
        return
    text = existing.get("watchkeeper.yaml", "")
    end = "" if not text or text.endswith("\n") else "\n"
    result.merge.files["watchkeeper.yaml"] = text + end + "\n".join(escalation_lines(rules)) + "\n"
    number = f"{len(rules)} escalation rule{'' if len(rules) == 1 else 's'}"
    result.merge.added.append(f"watchkeeper.yaml: {number} in comments")
