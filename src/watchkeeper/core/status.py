"""The sentence of truth: how many fail, what, how long, and who acts next. At most three sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Service
from watchkeeper.core.times import format_duration


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service as it is now: its worst check decides; held_under: the incident of its cause, when it is held."""

    service: Service
    state: State
    reason: str
    since: float | None
    checks: tuple[tuple[str, Settled | None], ...]
    held_under: int | None = None


def service_state(service: Service, settled: dict[str, Settled], held_under: int | None) -> ServiceState:
    """The worst settled check of a service; a service with checks of which none was answered yet is UNKNOWN."""
    checks = tuple((check.key, settled.get(check.key)) for check in service.checks)
    worst_key, worst = "", None
    for key, state in checks:
        if state is not None and (worst is None or state.state.rank > worst.state.rank):
            worst_key, worst = key, state
    if worst is None:
        return ServiceState(service, State.UNKNOWN, "not asked yet", None, checks, held_under)
    count = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
    reason = count if worst.state is State.OK else f"{worst_key.partition('/')[2]}: {worst.reason}"
    return ServiceState(service, worst.state, reason, worst.since, checks, held_under)


def worst_state(services: Sequence[ServiceState]) -> State:
    """The worst of all services; OK when there are none."""
    return max((each.state for each in services), key=lambda state: state.rank, default=State.OK)


def sentence(
    services: Sequence[ServiceState], incidents: Sequence[Incident], waiting: int, watch_is_down: str, now: float
) -> str:
    """The truth in at most three sentences; no colour is needed to understand it."""
    if watch_is_down:
        return f"Nobody is watching: {watch_is_down} What is shown is what was last seen."
    checks = sum(len(each.checks) for each in services)
    if not checks:
        return "There are no checks yet. Write one into services/NAME.yaml, then look again."
    failing = [each for each in services if each.state in (State.CRIT, State.WARN)]
    unseen = [each for each in services if each.state is State.UNKNOWN]
    unasked = sum(1 for each in services for _, settled in each.checks if settled is None)
    first = _what_fails(failing, unseen, checks, unasked, now)
    return " ".join(part for part in (first, _what_is_open(incidents, now), _who_acts(incidents, waiting)) if part)


def _what_fails(
    failing: Sequence[ServiceState], unseen: Sequence[ServiceState], checks: int, unasked: int, now: float
) -> str:
    if not failing and unasked == checks:
        return f"All {checks} checks are being asked for the first time."
    if not failing and unasked:
        answered = f"{checks - unasked} of {checks} checks have answered, all of them OK"
        return f"{answered}; {unasked} are being asked for the first time."
    if not failing and not unseen:
        return "The one check is OK." if checks == 1 else f"All {checks} checks are OK."
    if not failing:
        names = ", ".join(each.service.name for each in unseen)
        return f"Nothing is known to fail, but {names} cannot be seen: {unseen[0].reason}."
    # the cause leads: what is held under another incident fails because of it
    worst = max(failing, key=lambda each: (each.held_under is None, each.state.rank))
    since = f" for {format_duration(now - worst.since)}" if worst.since else ""
    if len(failing) == 1:
        return f"{worst.service.name} is {worst.state}{since}: {worst.reason}."
    others = ", ".join(each.service.name for each in failing if each is not worst)
    return f"{worst.service.name} is {worst.state}{since}: {worst.reason}; also {others}."


def _what_is_open(incidents: Sequence[Incident], now: float) -> str:
    if not incidents:
        return ""
    oldest = min(incidents, key=lambda each: each.opened_at)
    age = format_duration(now - oldest.opened_at)
    if len(incidents) == 1:
        return f"Incident {oldest.id} is open for {age}."
    return f"{len(incidents)} incidents are open, the oldest ({oldest.id}) for {age}."


def _who_acts(incidents: Sequence[Incident], waiting: int) -> str:
    if waiting:
        return "One step waits for you." if waiting == 1 else f"{waiting} steps wait for you."
    escalated = [each for each in incidents if each.escalated_at is not None]
    if escalated:
        return f"Incident {escalated[0].id} needs a person: {escalated[0].escalated_why}."
    return "watchkeeper is at work on it." if incidents else ""
