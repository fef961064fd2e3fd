"""An import as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from watchkeeper.core.log.documents.drafting import MACHINE
from watchkeeper.core.log.values import Draft
from watchkeeper.core.times import utc_text
from watchkeeper.services.log.importing import Imported


def imported_json(done: Imported, dry_run: bool) -> dict[str, Any]:
    """What an import found and did. new: the entries that are not in the log yet."""
    return {
        "source": done.source,
        "dry_run": dry_run,
        "lines": done.lines,
        "found": done.found,
        "first_at": utc_text(done.first_at),
        "last_at": utc_text(done.last_at),
        "severities": done.severities,
        "new": [_draft_json(each) for each in done.new] if dry_run else [],
        "same": done.same,
        "own": done.own,
        "differences": [asdict(each) for each in done.differences],
        "doubts": [asdict(each) for each in done.doubts],
        "rest": [asdict(each) for each in done.rest],
        "damage": {"encoding": done.damage, "line": done.damaged_line, "found": done.damaged_text, "meant": done.meant}
        if done.damage
        else None,
        "repaired": done.repaired,
        "secrets": list(done.secrets),
        "suspected": list(done.suspected),
        "entries": list(done.numbers),
        "left": done.left,
    }


def _draft_json(draft: Draft) -> dict[str, Any]:
    return {
        "at": utc_text(draft.at),
        "type": draft.type,
        "title": draft.title,
        "actor": draft.actor,
        "severity": draft.severity,
        "status": draft.status,
        "words": dict(draft.words),
        "fields": [{"label": label, "text": text} for label, text in draft.fields],
        "sections": [{"heading": heading, "text": text} for heading, text in draft.sections],
        "facts": {name: value for name, value in draft.facts.items() if name not in MACHINE},
    }
