"""Values as JSON: field names stay, times become UTC text with Z, durations keep their `_s`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from watchkeeper.core.approvals import pins_digest, so_far
from watchkeeper.core.checks.groups import members, state_of
from watchkeeper.core.checks.values import Judged, Settled
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Host, RunbookFile, Service
from watchkeeper.core.leases import Lease, held_sentence
from watchkeeper.core.log.chain import canonical, digest_of
from watchkeeper.core.log.keeping import TYPE as STAND_IN
from watchkeeper.core.log.values import Absence, Entry
from watchkeeper.core.runbooks import Runbook
from watchkeeper.core.runs.blast_radius import line
from watchkeeper.core.runs.preview import notes
from watchkeeper.core.runs.values import Approval, Run
from watchkeeper.core.status import ServiceState
from watchkeeper.core.times import utc_text
from watchkeeper.core.windows import Muting, Window
from watchkeeper.services.automation_report import AutomationReport
from watchkeeper.services.nodes import NodeState
from watchkeeper.services.status import Now
from watchkeeper.services.vitals import Vitals

_TIMES = ("at", "since")


def to_json(value: Any) -> Any:
    """Any value of core as plain JSON data."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _field(field.name, getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [to_json(item) for item in value]
    return value


def _field(name: str, value: Any) -> Any:
    if (name in _TIMES or name.endswith("_at")) and isinstance(value, int | float) and not isinstance(value, bool):
        return utc_text(float(value))
    return to_json(value)


def run_json(run: Run, approvals: list[Approval] | None = None) -> dict[str, Any]:
    """A run; its plan without the steps, which follow with their states."""
    data: dict[str, Any] = to_json(run)
    del data["plan"]["steps"]
    if data["blast_radius"] is not None:
        data["blast_radius"]["line"] = line(run.blast_radius)
    if run.pins is not None:
        data["pins"]["digest"] = pins_digest(run.pins)
    if approvals is not None:
        ordered = sorted(approvals, key=lambda each: (each.requested_at, each.step))
        data["approvals"] = [
            {**to_json(each), "touches": line(run.blast_radius, each.step), "so_far": so_far(each)} for each in ordered
        ]
    return data


def draft_json(run: Run, hosts: Mapping[str, Host]) -> dict[str, Any]:
    """A run that was only planned: each step with what is said about it before anything runs."""
    data = run_json(run)
    for shown, step in zip(data["steps"], run.steps, strict=True):
        shown["notes"] = list(notes(step.plan, run.plan, hosts, run.mode))
    return data


def lock_json(lease: Lease) -> dict[str, Any]:
    """A lock with the sentence that others are refused with."""
    return {**to_json(lease), "sentence": held_sentence(lease)}


def report_json(report: AutomationReport) -> dict[str, Any]:
    """The report of automation, its times as `since` and `until`."""
    data: dict[str, Any] = to_json(report)
    data["since"], data["until"] = data.pop("since_at"), data.pop("until_at")
    return data


def entry_json(entry: Entry) -> dict[str, Any]:
    """An entry with the fields of its draft beside number and hashes."""
    data: dict[str, Any] = to_json(entry.draft)
    data["sections"] = [{"heading": heading, "text": text} for heading, text in entry.draft.sections]
    gone = entry.absence
    stands_in = gone is not None and entry.draft.type == STAND_IN
    altered = not stands_in and digest_of(canonical(entry.draft)) != entry.digest
    return {
        "number": entry.number,
        **data,
        "digest": entry.digest,
        "previous": entry.previous,
        "hash": entry.hash,
        "altered": altered,
        "absence": None if gone is None else absence_json(gone),
    }


def absence_json(gone: Absence) -> dict[str, Any]:
    """Why the text of an entry is not in the store; `entry` says so itself."""
    return {
        "reason": gone.reason, "entry": gone.entry, "place": gone.place, "digest": gone.digest,
        "at": utc_text(gone.at / 1e6), "by": gone.by,
    }  # fmt: skip


def check_json(judged: Judged, since: float | None = None) -> dict[str, Any]:
    """One asked check."""
    reading = judged.reading
    return {
        "check": reading.check,
        "state": judged.verdict.state.value,
        "reason": judged.verdict.reason,
        "since": utc_text(since),
        "at": utc_text(reading.at),
        "latency_s": round(reading.latency_s, 6),
        "values": to_json(reading.values),
        "error": reading.error,
    }


def service_json(each: ServiceState, now: Now) -> dict[str, Any]:
    """A service with its checks: settled state, newest reading."""
    checks = []
    for key, settled in each.checks:
        latest = now.latest.get(key)
        checks.append(
            {
                "check": key,
                "state": settled.state.value if settled else "UNKNOWN",
                "reason": settled.reason if settled else "not asked yet",
                "since": utc_text(settled.since if settled else None),
                "at": utc_text(latest.reading.at if latest else None),
                "latency_s": round(latest.reading.latency_s, 6) if latest else None,
                "values": to_json(latest.reading.values) if latest else {},
                "flapping": flapping_json(settled),
                "members": members_json(each.service, key, now),
            }
        )
    return {
        "name": each.service.name,
        "description": each.service.description,
        "state": each.state.value,
        "reason": each.reason,
        "since": utc_text(each.since),
        "held_under": each.held_under,
        "checks": checks,
    }


def flapping_json(settled: Settled | None) -> dict[str, Any] | None:
    """Since when a check flaps, how often it turned, and what its rules alone say now; None while it does not."""
    if settled is None or settled.flapping_since is None:
        return None
    by_rules = settled.by_rules or settled.state
    return {"since": utc_text(settled.flapping_since), "flips": len(settled.turns), "state_by_rules": by_rules.value}


def members_json(service: Service, key: str, now: Now) -> list[dict[str, Any]] | None:
    """The members of a group with their states, the worst first; None for other checks."""
    check = next((check for check in service.checks if check.key == key), None)
    if check is None or check.probe.kind != "group":
        return None
    settled = {key: state for each in now.services for key, state in each.checks if state is not None}
    states = [(name, *state_of(keys, settled)) for name, keys in members(check).items()]
    states.sort(key=lambda each: (-each[1].rank, each[0]))
    return [{"member": name, "state": state.value, "reason": reason} for name, state, reason in states]


def node_json(each: NodeState) -> dict[str, Any]:
    """One of several nodes, with the services whose checks it asks."""
    node = each.node
    return {
        "id": node.id,
        "name": node.name,
        "host": node.host,
        "pid": node.pid,
        "version": node.version,
        "started_at": utc_text(node.started_at),
        "seen_at": utc_text(node.seen_at),
        "age_s": round(max(0.0, node.age_s), 3),
        "revision": node.revision,
        "leads": each.leads,
        "me": each.me,
        "services": list(each.services),
    }


def vitals_json(vitals: Vitals) -> dict[str, Any]:
    """How watchkeeper itself is."""
    return {
        "ok": not vitals.faults,
        "faults": list(vitals.faults),
        "lateness_p50_s": vitals.lateness_p50_s,
        "lateness_p99_s": vitals.lateness_p99_s,
        "lateness_max_s": vitals.lateness_max_s,
        "outbox": {
            "waiting": vitals.outbox_waiting,
            "failed": vitals.outbox_failed,
            "age_s": round(vitals.outbox_age_s, 3),
        },
        "disk": {"free": vitals.disk_free, "total": vitals.disk_total},
        "log": {"ok": vitals.chain_ok, "entries": vitals.chain_entries, "verified_at": utc_text(vitals.chain_at)},
        "backup": {"planned": vitals.backup_planned, "made_at": utc_text(vitals.backup_at)},
    }


def status_json(now: Now) -> dict[str, Any]:
    """The whole truth of one moment."""
    watch = (
        {"running": True, **to_json(now.watch)}
        if not now.watch_down
        else {"running": False, "sentence": now.watch_down}
    )
    return {
        "team": now.inventory.team.name,
        "timezone": now.inventory.team.timezone,
        "state": now.state.value,
        "sentence": now.sentence,
        "now": utc_text(now.at),
        "services": [service_json(each, now) for each in now.services],
        "incidents": [incident_json(each) for each in now.incidents],
        "waiting": [
            {
                **to_json(each.approval),
                "incident": each.incident,
                "id_of_step": each.step.plan.id,
                "text": each.step.plan.text,
                "host": each.step.plan.host,
                "risk": each.step.plan.risk,
                "why": each.step.message,
                "touches": each.touches,
                "so_far": so_far(each.approval),
            }
            for each in now.waiting
        ],
        "undelivered": to_json(now.undelivered),
        "fault": now.fault,
        "own": list(now.own),
        "oncall": now.oncall or None,
        "unmanned": list(now.unmanned),
        "nodes": [node_json(each) for each in now.nodes],
        "muted": [muted_json(each) for each in now.muted],
        "mistakes": to_json(now.mistakes),
        "watch": watch,
        "automation": {"on": now.automation_on, "why": now.automation_why},
        "inventory": {"revision": now.inventory.revision, "loaded_at": utc_text(now.inventory.loaded_at)},
    }


def muted_json(window: Window) -> dict[str, Any]:
    """A window or silence that holds, in short."""
    return {
        "kind": window.kind,
        "id": window.id,
        "targets": list(window.targets),
        "why": window.why,
        "actor": window.actor,
        "until": utc_text(window.ends_at),
    }


def muting_json(muting: Muting | None) -> dict[str, Any] | None:
    """Why nobody is paged about an incident now."""
    if muting is None:
        return None
    return {
        "kind": muting.kind, "id": muting.id, "why": muting.why, "actor": muting.actor, "until": utc_text(muting.until),
    }  # fmt: skip


def incident_json(incident: Incident) -> dict[str, Any]:
    """An incident without its timeline."""
    data: dict[str, Any] = to_json(incident)
    data["respond_by"], data["held_until"] = utc_text(incident.respond_by), utc_text(incident.held_until)
    return data


def runbook_json(file: RunbookFile, runbook: Runbook, services: tuple[str, ...]) -> dict[str, Any]:
    """A line of the catalogue."""
    steps = [step for procedure in runbook.procedures for step in procedure.steps]
    return {
        "path": file.path,
        "title": runbook.title,
        "digest": file.digest,
        "services": list(services),
        "steps": len(steps),
        "changing": sum(1 for step in steps if step.risk != "read"),
        "findings": to_json(runbook.findings),
    }
