"""What is true now, for every face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Inventory, Mistake
from watchkeeper.core.notifications import Notification, is_late
from watchkeeper.core.runs.blast_radius import line
from watchkeeper.core.runs.values import Approval, RunStep
from watchkeeper.core.status import ServiceState, sentence, service_state, worst_state
from watchkeeper.core.windows import Window
from watchkeeper.services.automation import Automation
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.nodes import NodeState
from watchkeeper.services.ports import Clock, JournalPort, StorePort, WatchPort
from watchkeeper.services.windows import standing


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that waits for a person, with the request it is bound to. touches: its blast radius in one line."""

    approval: Approval
    step: RunStep
    incident: int | None
    touches: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """The whole truth of one moment. watch: its own figures, empty when it does not answer (then `watch_down` says why).

    own: what is wrong with watchkeeper itself, such as a late backup; one sentence each. nodes: where there are several.
    oncall: who is on call, "" without schedules. unmanned: when nobody is, now or soon; one sentence each.
    muted: the windows and silences that hold.
    """

    at: float
    inventory: Inventory
    state: State
    sentence: str
    services: tuple[ServiceState, ...]
    incidents: tuple[Incident, ...]
    undelivered: tuple[Notification, ...]
    waiting: tuple[Waiting, ...]
    fault: str
    mistakes: tuple[Mistake, ...]
    watch: Mapping[str, object]
    watch_down: str
    automation_on: bool
    automation_why: str
    latest: Mapping[str, Judged]
    own: tuple[str, ...] = ()
    nodes: tuple[NodeState, ...] = ()
    oncall: str = ""
    unmanned: tuple[str, ...] = ()
    muted: tuple[Window, ...] = ()


class StatusReader:
    """Puts the truth together from the journal, the store and the watch."""

    def __init__(
        self, store: StorePort, journal: JournalPort, watch: WatchPort, holder: InventoryHolder, automation: Automation,
        clock: Clock, own: Callable[[], tuple[str, ...]] = tuple, nodes: Callable[[], tuple[NodeState, ...]] = tuple,
        oncall: Callable[[], tuple[str, tuple[str, ...]]] = lambda: ("", ()),
    ) -> None:  # fmt: skip
        self._own = own
        self._oncall = oncall
        self._nodes = nodes
        self._store = store
        self._journal = journal
        self._watch = watch
        self._holder = holder
        self._automation = automation
        self._clock = clock

    def now(self) -> Now:
        """Everything a first look needs; a few milliseconds."""
        at = self._clock()
        inventory = self._holder.current
        watch, down = self._watch_state()
        with self._store.read() as session:
            incidents = tuple(session.incidents(Status.OPEN, limit=200))
            muted = tuple(standing(session, inventory, at))
            undelivered = tuple(each for each in session.notifications(undelivered=True) if is_late(each, at))
            waiting = tuple(
                Waiting(each, run.steps[each.step], run.incident, line(run.blast_radius, each.step))
                for each in session.approvals(pending=True)
                if each.expires_at > at and (run := session.run(each.run))
            )
        settled = self._journal.settled()
        services = tuple(
            service_state(service, settled, self._held(service.name, incidents, inventory))
            for service in inventory.services.values()
        )
        on, why = self._automation.state()
        runs_waiting = len({each.approval.run for each in waiting})
        return Now(
            at, inventory, worst_state(services), sentence(services, incidents, runs_waiting, down, at), services, incidents,
            undelivered, waiting, self._holder.fault, self._holder.loaded.mistakes, watch, down, on, why,
            self._journal.latest(), (*_warnings(watch), *self._own()), self._nodes(), *self._oncall(),
            muted,
        )  # fmt: skip

    def _watch_state(self) -> tuple[Mapping[str, object], str]:
        """Its figures, and why what is shown is not what is true now: it does not answer, or cannot write what it sees."""
        try:
            status = self._watch.status()
            blind = str(status.get("store_fault") or "")
            return status, f"{blind} Free some space for the state directory." if blind else ""
        except NoAnswer as error:
            return {}, error.sentence

    def _held(self, name: str, incidents: tuple[Incident, ...], inventory: Inventory) -> int | None:
        if any(each.service == name for each in incidents):
            return None
        parent = rules.parent_incident(inventory.services.get(name), incidents, inventory)
        return parent.id if parent else None


def _warnings(watch: Mapping[str, object]) -> tuple[str, ...]:
    """What the watch says of itself: overload, being cut off."""
    found = watch.get("warnings")
    return tuple(str(each) for each in found) if isinstance(found, list) else ()
