"""From what was seen to an answer of the checklist: one line, a state, evidence, and versions for the next shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.shifts.values import ItemPlan, ItemState


@dataclass(frozen=True, slots=True)
class Answer:
    """state: open for what a person has still to sign. text: one line. evidence: all that was seen."""

    state: ItemState
    text: str
    evidence: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """A working tree as git tells of it. changed: lines of `git status --porcelain`. fault: why it could not be read."""

    path: str
    branch: str = ""
    commit: str = ""
    changed: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document to be read. digest: of its bytes. commit, at: the last that touched it, "" without git.

    since: what changed since the shift before signed it, as `git diff --stat` says; "" when nothing did or nobody knows.
    """

    path: str
    digest: str = ""
    commit: str = ""
    when: str = ""
    since: str = ""
    fault: str = ""


def trees(plan: ItemPlan, found: Sequence[Tree], before: Mapping[str, str]) -> Answer:
    """Tree and branch; uncommitted files and another branch than declared are failures that do not stop anybody."""
    lines, faults, missing = [], [], []
    versions: dict[str, str] = {}
    for tree in found:
        if tree.fault:
            missing.append(f"{tree.path}: {tree.fault}")
            lines.append(f"{tree.path}: {tree.fault}")
            continue
        versions[tree.path] = tree.commit
        last = before.get(tree.path, "")
        moved = f", was {last[:12]} at your last shift" if last and last != tree.commit else ""
        lines.append(f"{tree.path}: {tree.branch or 'no branch'} at {tree.commit[:12]}{moved}")
        if plan.branch and tree.branch != plan.branch:
            faults.append(f"{tree.path} is on {tree.branch or 'no branch'}, not on {plan.branch}")
        if tree.changed:
            count = len(tree.changed)
            faults.append(f"{tree.path} has {count} uncommitted {'file' if count == 1 else 'files'}")
            lines += [f"  {each}" for each in tree.changed[:200]]
    state: ItemState = "missing" if missing else "failed" if faults else "ok"
    head = "; ".join([*missing, *faults]) or ", ".join(
        f"{tree.branch or 'no branch'} at {tree.commit[:12]}, clean" for tree in found
    )
    return Answer(state, head, "\n".join(lines), versions)


def documents(found: Sequence[Document]) -> Answer:
    """What is to be read, with its version; open until somebody signs that it was read."""
    lines, changed, missing = [], [], []
    for each in found:
        if each.fault:
            missing.append(f"{each.path}: {each.fault}")
            lines.append(f"{each.path}: {each.fault}")
            continue
        commit = f", commit {each.commit[:12]} of {each.when}" if each.commit else ", in no commit"
        lines.append(f"{each.path}: sha256 {each.digest[:16]}{commit}")
        if each.since:
            changed.append(each.path)
            lines += [f"  {line}" for line in each.since.splitlines() if line.strip()]
    said = f"changed since you last signed: {', '.join(changed)}" if changed else ""
    head = "; ".join([*missing, *([said] if said else [])]) or "read it, then sign it"
    versions = {each.path: f"{each.digest} {each.commit}" for each in found if not each.fault}
    return Answer("missing" if missing else "open", head, "\n".join(lines), versions)


def health(settled: Mapping[str, Settled], keys: Sequence[str], hosts: int) -> Answer:
    """Checks as they stand: nothing may be CRIT, and nothing unseen."""
    if not keys:
        return Answer("missing", "no check looks at it yet")
    states = {key: settled[key].state if key in settled else State.UNKNOWN for key in keys}
    bad = [key for key in keys if states[key] is State.CRIT]
    unseen = [key for key in keys if states[key] is State.UNKNOWN]
    warned = [key for key in keys if states[key] is State.WARN]
    order = sorted(keys, key=lambda key: (-states[key].rank, key))
    lines = [f"{states[key]:<8}{key}  {settled[key].reason if key in settled else 'not asked yet'}" for key in order]
    counts = [f"{len(found)} {word}" for word, found in (("CRIT", bad), ("WARN", warned), ("UNKNOWN", unseen)) if found]
    ok = len(keys) - len(bad) - len(unseen) - len(warned)
    where = f" on {hosts} {'host' if hosts == 1 else 'hosts'}" if hosts else ""
    named = f": {', '.join((bad or unseen or warned)[:3])}" if counts else ""
    text = f"{ok} of {len(keys)} checks OK{where}" + (f"; {', '.join(counts)}{named}" if counts else "")
    return Answer("failed" if bad or unseen else "ok", text, "\n".join(lines))


def credentials(found: Mapping[str, str]) -> Answer:
    """name -> why it cannot be read, "" when it can. Never a value."""
    if not found:
        return Answer("ok", "no secret is declared")
    lines = [f"{name}: {why or 'can be read'}" for name, why in sorted(found.items())]
    missing = [name for name, why in sorted(found.items()) if why]
    if missing:
        return Answer("missing", f"cannot be read: {', '.join(missing[:5])}", "\n".join(lines))
    return Answer("ok", f"{len(found)} can be read", "\n".join(lines))


def tool(version: tuple[int | None, str], signed_in: tuple[int | None, str] | None) -> Answer:
    """(exit code, output) of the version command and of the one that tells who is signed in."""
    code, output = version
    first = _first_line(output)
    if code != 0:
        why = "no end in time" if code is None else f"exit code {code}"
        return Answer("missing", f"no version: {why}{f', {first}' if first else ''}", output)
    versions = {"version": first}
    if signed_in is None:
        return Answer("ok", first or "there", output, versions)
    code, said = signed_in
    who = _first_line(said)
    both = f"{output.rstrip()}\n{said.rstrip()}"
    if code != 0 or not who:
        why = "no end in time" if code is None else f"exit code {code}" if code else "nobody"
        return Answer("failed", f"{first}; not signed in: {why}", both, versions)
    return Answer("ok", f"{first}; signed in as {who}", both, {**versions, "signed_in": who})


def command(code: int | None, output: str) -> Answer:
    """A read command: exit code 0 is good."""
    first = _first_line(output)
    if code == 0:
        return Answer("ok", first or "exit code 0", output)
    why = "no end in time" if code is None else f"exit code {code}"
    return Answer("failed", f"{why}{f': {first}' if first else ''}", output)


def line(plan: ItemPlan, text: str | None, before: Mapping[str, str]) -> Answer:
    """The first line of a document that holds the text."""
    path = plan.names[0]
    if text is None:
        return Answer("missing", f"{path} is not there")
    found = next((each.strip() for each in text.splitlines() if plan.match.casefold() in each.casefold()), "")
    said = found.strip("#*-_ \t")[:200]
    if not said:
        return Answer("failed", f"{path} has no line with '{plan.match}'")
    last = before.get(path, "")
    news = f" (was: {last})" if last and last != said else ""
    return Answer("ok", said + news, found, {path: said})


def _first_line(text: str) -> str:
    return next((" ".join(each.split()) for each in text.splitlines() if each.strip()), "")[:200]
