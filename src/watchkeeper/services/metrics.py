"""What there is to count, as plain families of samples; how they are written is the face's matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from watchkeeper import __version__
from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Status
from watchkeeper.services.ports import StorePort
from watchkeeper.services.status import Now, StatusReader
from watchkeeper.services.vitals import Vitals, VitalsReader

Labels = Mapping[str, str]


@dataclass(slots=True)
class Family:
    """One metric. name: without the prefix, and without ``_total``. samples: (labels, value)."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: object, **labels: str) -> Family:
        """One more sample; nothing when the value is not known."""
        if isinstance(value, int | float):
            self.samples.append((labels, float(value)))
        return self


class Metrics:
    """processes: resident bytes and processor seconds of each program by its name."""

    def __init__(
        self, status: StatusReader, vitals: VitalsReader, store: StorePort,
        processes: Callable[[Mapping[str, object]], Mapping[str, tuple[float, float]]],
    ) -> None:  # fmt: skip
        self._status, self._vitals, self._store, self._processes = status, vitals, store, processes

    def families(self) -> list[Family]:
        """Everything that is counted, at this moment."""
        now, vitals = self._status.now(), self._vitals.now()
        found = [*_checks(now), *_heartbeats(now), *self._chain(now), *_own(now, vitals), *_watch(now.watch)]
        memory = Family("process_resident_memory_bytes", "gauge", "Resident memory of a program.")
        cpu = Family("process_cpu_seconds", "counter", "Processor time of a program since it began.")
        for name, (resident, seconds) in self._processes(now.watch).items():
            memory.add(resident, program=name)
            cpu.add(seconds, program=name)
        return [each for each in (*found, memory, cpu) if each.samples]

    def _chain(self, now: Now) -> list[Family]:
        """Incidents, runs and approvals."""
        opened = Family("incidents_open", "gauge", "Open incidents by severity.")
        for severity, count in sorted(
            {"P1": 0, "P2": 0, "P3": 0, **Counter(each.severity for each in now.incidents)}.items()
        ):
            opened.add(count, severity=severity)
        with self._store.read() as session:
            newest = session.incidents(limit=1)
            going = Counter(run.state.value for run in session.runs(limit=500))
        runs = Family("runs", "gauge", "The newest 500 runs by state.")
        for state, count in sorted(going.items()):
            runs.add(count, state=state)
        unacknowledged = [each for each in now.incidents if each.status is Status.OPEN and not each.acknowledged_at]
        return [
            opened,
            Family("incidents", "counter", "Incidents since the beginning.").add(newest[0].id if newest else 0),
            Family("incidents_unacknowledged", "gauge", "Open incidents that nobody acknowledged.").add(
                len(unacknowledged)
            ),
            runs,
            Family("approvals_waiting", "gauge", "Steps that wait for a person.").add(len(now.waiting)),
        ]


def _checks(now: Now) -> list[Family]:
    states = Family("checks", "gauge", "Checks by settled state.")
    state = Family("check_state", "gauge", "Settled state: 0 OK, 1 UNKNOWN, 2 WARN, 3 CRIT.")
    latency = Family("check_latency_seconds", "gauge", "How long the newest answer took.")
    asked = Family("check_asked_timestamp_seconds", "gauge", "When the check was asked last.")
    counts = Counter(dict.fromkeys(State, 0))
    for service in now.services:
        known = {key: settled.state for key, settled in service.checks if settled is not None}
        for check in service.service.checks:
            labels = {"service": check.service, "check": check.key, "kind": check.probe.kind}
            settled = known.get(check.key, State.UNKNOWN)
            counts[settled] += 1
            state.add(settled.rank, **labels)
            newest = now.latest.get(check.key)
            if newest is not None:
                latency.add(newest.reading.latency_s, **labels)
                asked.add(newest.reading.at, **labels)
    for each, count in counts.items():
        states.add(count, state=each.value)
    return [states, state, latency, asked]


def _heartbeats(now: Now) -> list[Family]:
    duration = Family("heartbeat_duration_seconds", "gauge", "From start to success of the last run of a job.")
    age = Family("heartbeat_age_seconds", "gauge", "Since the last success of a job, when it was looked at last.")
    for check in now.inventory.checks.values():
        newest = now.latest.get(check.key)
        if check.probe.kind == "heartbeat" and newest is not None:
            duration.add(newest.reading.values.get("duration"), service=check.service, check=check.key)
            age.add(newest.reading.values.get("age"), service=check.service, check=check.key)
    return [duration, age]


def _own(now: Now, vitals: Vitals) -> list[Family]:
    return [
        Family("build_info", "gauge", "The version that runs.").add(1, version=__version__),
        Family("healthy", "gauge", "1 while nothing of watchkeeper itself is stuck.").add(int(not vitals.faults)),
        Family("health_faults", "gauge", "What is stuck, as /health tells it.").add(len(vitals.faults)),
        Family("watch_up", "gauge", "1 while the watch answers and writes what it sees.").add(int(not now.watch_down)),
        Family("inventory_valid", "gauge", "1 while the files of the ops repo are valid.").add(int(not now.fault)),
        Family("automation_on", "gauge", "1 while responses may act by themselves.").add(int(now.automation_on)),
        Family("outbox_waiting", "gauge", "Messages on their way.").add(vitals.outbox_waiting),
        Family("outbox_failed", "gauge", "Messages that no channel took.").add(vitals.outbox_failed),
        Family("outbox_age_seconds", "gauge", "Since when the oldest message waits.").add(vitals.outbox_age_s),
        Family("disk_free_bytes", "gauge", "Free room of the state directory.").add(vitals.disk_free),
        Family("log_holds", "gauge", "1 when the operations log was verified and holds.").add(_truth(vitals.chain_ok)),
        Family("log_entries", "gauge", "Entries of the operations log at the last reading.").add(vitals.chain_entries),
        Family("backup_timestamp_seconds", "gauge", "When the last backup of watchkeeper was made.").add(
            vitals.backup_at
        ),
    ]


def _watch(status: Mapping[str, object]) -> list[Family]:
    late = Family("scheduler_lateness_seconds", "gauge", "How late the newest probes began.")
    for name, quantile in (("p50", "0.5"), ("p99", "0.99"), ("max", "1")):
        late.add(status.get(f"lateness_{name}_s"), quantile=quantile)
    counters: Iterable[tuple[str, str, str]] = (
        ("probes", "starts", "Probes begun since the watch began."),
        ("probes_delayed", "overload", "Probes that waited because too many were open."),
        ("probes_overlapping", "overlaps", "Probes left out because the one before was under way."),
        ("probes_missed", "missed", "Whole intervals in which a check was not asked."),
        ("readings_lost", "lost", "Readings dropped because the disk took none for long."),
        ("pings", "pings", "Pings taken since the watch began."),
        ("ping_commits", "ping_commits", "Commits that made them durable."),
    )
    return [
        late,
        *(Family(name, "counter", words).add(status.get(key)) for name, key, words in counters),
        Family("probes_open", "gauge", "Probes under way.").add(status.get("open_probes")),
        Family("readings_unwritten", "gauge", "Readings that wait for the disk.").add(status.get("unwritten")),
    ]


def _truth(value: bool | None) -> int | None:
    return None if value is None else int(value)


def sizes(found: Sequence[Family]) -> int:
    """How many samples there are, for tests and limits."""
    return sum(len(each.samples) for each in found)
