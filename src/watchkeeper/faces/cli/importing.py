"""`wk init DIR --from`: read a team's own documents, show what is understood of them, and add it to the ops repo."""

from __future__ import annotations

import os
import time
from pathlib import Path

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.core.importing.merging import Imported
    from watchkeeper.faces.cli.discovering import Looking

SHOWN = 12


def import_documents(arguments: Namespace) -> int:
    """The verb. Every document is read, and every refusal made, before anything is written or any host asked."""
    from watchkeeper.bootstrap.importing import read_documents, write_all
    from watchkeeper.faces.cli.discovering import is_fresh, look_at
    from watchkeeper.faces.cli.init import make_repository
    from watchkeeper.services import importing

    if not arguments.host and (arguments.accept_host_key or arguments.name or arguments.show_commands):
        raise Usage("There is no host to look at.", "Add --host USER@HOST, or --host local.")
    place = Path(os.path.abspath(arguments.directory))
    fresh = is_fresh(arguments.directory, place)
    documents = read_documents(arguments.sources, arguments.repair_encoding)
    seen = look_at(arguments, place, fresh) if arguments.host else None
    before = base_files(place, fresh, seen)
    files = {**before, **(seen.merge.files if seen else {})}
    now = time.time()
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    done = importing.import_documents(documents, files, arguments.directory, now, day, seen.name if seen else "")
    changed = {**(seen.merge.files if seen else {}), **done.merge.files}
    whole = {**before, **changed} if fresh else changed
    left: list[str] = []
    if arguments.dry_run:
        written = sorted(path for path, text in whole.items() if fresh or before.get(path) != text)
    else:
        written, left = write_all(place, fresh, whole, {} if fresh else before)
    if fresh and not arguments.dry_run:
        make_repository(str(place))
    if arguments.json:
        render.show_json(as_data(done, written, left, seen, arguments.dry_run))
    else:
        show(arguments, done, written, left, seen, fresh)
    return 0


def base_files(place: Path, fresh: bool, seen: Looking | None) -> dict[str, str]:
    """The files as they are; those of a skeleton for a new ops repo."""
    from watchkeeper.bootstrap.importing import other_files
    from watchkeeper.faces.cli.discovering import existing
    from watchkeeper.faces.cli.skeleton import for_discovery

    if fresh:
        files = seen.files if seen else for_discovery("UTC")
        return files if seen else {path: text for path, text in files.items() if not path.startswith("runbooks/")}
    return {**other_files(place), **(seen.files if seen else existing(place))}


# ---- showing ---------------------------------------------------------------------------------------------------------


def as_data(done: Imported, written: list[str], left: list[str], seen: Looking | None, dry_run: bool) -> dict[str, Any]:
    """The answer as data: the same as the report has. What an earlier import knew has new false."""
    from watchkeeper.core.discovery.writing import code
    from watchkeeper.core.importing.writing import counts_of

    new = set(done.merge.new)
    made = done.made
    return {
        "documents": [
            {"file": each.name, "form": each.form, "why": each.why, "copied_to": each.copied, "sha256": each.document.sha256,
             "damage": each.document.damage, "repaired": each.document.repaired, "secrets": len(each.hidden)}
            for each in made.readings
        ],
        "counts": counts_of(made, done.services),
        "findings": [
            {"key": each.key, "kind": each.kind, "name": each.name, "where": each.where, "note": code(each.note, "")[:300],
             "service": each.service, "new": each.key in new}
            for each in made.services.found.values()
        ],
        "parts": [
            {"file": each.document, "line": each.line, "part": each.part, "text": each.text, "became": each.became,
             "understood": each.understood}
            for each in made.fates
        ],
        "not_understood": [{"where": where, "sentence": said} for where, said in made.unsure],
        "files": written,
        "kept": [*({"file": path, "why": why} for path, why in done.kept),
                 *({"file": path, "why": "it was changed meanwhile"} for path in left)],
        "by_hand": [{"file": path, "text": text} for path, text in done.merge.by_hand],
        "host": seen.name if seen else "",
        "dry_run": dry_run,
        "next": done.steps,
    }  # fmt: skip


def show(
    arguments: Namespace, done: Imported, written: list[str], left: list[str], seen: Looking | None, fresh: bool
) -> None:
    """For people: what each document is, what came out of it, what was not understood, and what to do next."""
    made, directory = done.made, arguments.directory
    if seen is not None:
        print(f"Looked at {seen.name}: {render.count(len(seen.made.found), 'finding')}, see discovered/{seen.name}.md.")
    for each in made.readings:
        kind = "a log" if each.form == "log" else "instructions"
        print(f"{render.line(each.name)}: {kind}, {each.why}; kept as {each.copied}")
    print(f"\nUnderstood: {tally(done)}.")
    rows = [(f"services/{each.draft.name}.yaml", checks_of(each)) for each in done.services]
    if rows:
        print(render.table(rows, indent=2))
    not_yet = made.unsure
    if not_yet:
        print(f"\nNot understood, or to look at ({len(not_yet)}):")
        print(render.table(not_yet[:SHOWN], indent=2))
        if len(not_yet) > SHOWN:
            print(f"  ... and {len(not_yet) - SHOWN} more")
    show_written(arguments, done, written, left, fresh)
    for path, text in done.merge.by_hand:
        print(f"\nNot added to {path}, because that cannot be done without touching your lines. Put this in yourself:")
        print(render.block(text))
    print("\nNext:")
    for number, step in enumerate(done.steps, 1):
        print(f"  {number}. {render.line(step)}")
    if arguments.dry_run:
        render.note(f"Nothing was written to {directory} (--dry-run).")


def show_written(arguments: Namespace, done: Imported, written: list[str], left: list[str], fresh: bool) -> None:
    """What is written, what is new in it, and what stays as it is."""
    would = "Would write" if arguments.dry_run else "Wrote"
    if not written:
        print(f"\nNothing new: {arguments.directory} has all of it.")
    else:
        what = f" a new ops repo, {arguments.directory}," if fresh else ""
        print(f"\n{would}{what} {render.count(len(written), 'file')}:")
        added = [each.partition(": ")[::2] for each in done.merge.added]
        print(render.table(added, indent=2))
        print("  imported/REPORT.md has every part of every document, with its line and what became of it.")
    for path, why in done.kept:
        print(f"Left as it is: {path}: {render.line(why)}.")
    for path in left:
        render.note(f"{path} was changed meanwhile; nothing was added to it. Run this again.")


def checks_of(planned: Any) -> str:
    """``unit, health; 2 suggestions; answered by 1 runbook``."""
    ready = ", ".join(planned.active) or "no check yet"
    waiting = sum(check.suggestion for check in planned.draft.checks)
    parts = [ready]
    if waiting:
        parts.append(f"{render.count(waiting, 'suggestion')} in comments")
    if planned.responses:
        parts.append(f"answered by {render.count(len(planned.responses), 'runbook')}")
    return "; ".join(parts)


def tally(done: Imported) -> str:
    """``2 services, 9 checks, ...``."""
    from watchkeeper.core.importing.writing import counts_of

    counts = counts_of(done.made, done.services)
    shown = [(number, name.replace("_", " ")) for name, number in counts.items()
             if number and name not in ("documents", "not_understood", "docs")]  # fmt: skip
    singular = {"queries": "query"}
    words = [render.count(number, singular.get(name, name.removesuffix("s")), name) for number, name in shown]
    return ", ".join(words) or "nothing to ask or to do"
