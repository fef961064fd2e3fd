"""Heartbeats of jobs: pings are handed to the watch, what they said is shown, and where a job reports over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.heartbeats import STATUSES, Ping, Schedule, status_of_exit, took
from watchkeeper.core.checks.values import State, Value
from watchkeeper.core.errors import NoAnswer, NotFound, Usage
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.watching import known_names
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.keys import Keys
from watchkeeper.services.ports import Clock, JournalPort, WatchPort

BODY_LIMIT = 100_000
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One job. pings: the newest, newest first, each with how long the run took that it ended. values: as judged last."""

    check: Check
    schedule: Schedule
    state: State
    values: Mapping[str, Value]
    pings: tuple[tuple[Ping, float | None], ...]


class Heartbeats:
    """address: where the watch takes pings over HTTP now, "" when nowhere."""

    def __init__(
        self, holder: InventoryHolder, journal: JournalPort, watch: WatchPort, keys: Keys, clock: Clock,
        address: Callable[[], str],
    ) -> None:  # fmt: skip
        self._holder, self._journal, self._watch = holder, journal, watch
        self._keys, self._clock, self._address = keys, clock, address

    def ping(self, check: str, status: str = "success", note: str = "", **more: object) -> Ping:
        """Hand a ping to the watch; returns once it is durable there. more: rid, exit_code, duration_s, body, source.

        Raises `NotFound`, `Usage`, and `NoAnswer` when the watch does not run.
        """
        ping = self.understood(check, status, note, **more)
        self._watch.ping(ping)
        return ping

    def understood(self, check: str, status: str = "success", note: str = "", **more: object) -> Ping:
        """The ping that these words mean."""
        key = self._named(check).key
        code = more.get("exit_code")
        if code is not None:
            if not isinstance(code, int) or not 0 <= code <= 255:
                raise Usage(f"An exit code is 0 to 255, not {code!r}.")
            status = status_of_exit(code)
        if status not in STATUSES:
            raise Usage(f"A ping is {', '.join(STATUSES)}, not {status!r}.")
        duration = more.get("duration_s")
        return Ping(
            key, self._clock(), status, note[:10_000], str(more.get("rid") or ""), code,
            float(duration) if isinstance(duration, int | float) else None, str(more.get("body") or "")[-BODY_LIMIT:],
            str(more.get("source") or ""),
        )  # fmt: skip

    def all(self) -> list[Heartbeat]:
        """Every job that is waited for, in the order of the files, with its newest ping."""
        return [self._seen(check, 1) for check in self._checks()]

    def one(self, check: str, limit: int = SHOWN) -> Heartbeat:
        """One job with its newest pings. Raises `NotFound`."""
        return self._seen(self._named(check), limit)

    def url(self, actor: Actor, check: str) -> str:
        """Where the job reports, the key in it. Raises `Forbidden`, `NotFound`, `NoAnswer` when nothing listens."""
        key = self._keys.show(actor, "ping", check)
        return f"{self.address()}/ping/{key}"

    def rotate(self, actor: Actor, check: str) -> str:
        """A new URL; whoever has the old one is refused. Raises as `url`."""
        key = self._keys.rotate(actor, "ping", check)
        return f"{self.address()}/ping/{key}"

    def address(self) -> str:
        """Where the watch listens. Raises `NoAnswer` when it does not."""
        address = self._address()
        if not address:
            raise NoAnswer("The watch takes no pings over HTTP now.", "See pings in watchkeeper.yaml, and wk doctor.")
        return address

    def _checks(self) -> list[Check]:
        return [check for check in self._holder.current.checks.values() if check.probe.kind == "heartbeat"]

    def _named(self, name: str) -> Check:
        checks = self._holder.current.checks
        key = known_names(tuple(checks.values())).get(name)
        if key is None:
            raise NotFound(f"There is no heartbeat check {name}.", "Declare it with heartbeat: in services/NAME.yaml.")
        return checks[key]

    def _seen(self, check: Check, limit: int) -> Heartbeat:
        # runs that ended within those shown may have begun before them
        pings = self._journal.pings(check.key, max(2 * limit, 40))
        both = list(zip(pings, took(pings), strict=True))[-limit:]
        latest = self._journal.latest().get(check.key)
        settled = self._journal.settled().get(check.key)
        values = (
            {} if latest is None else {name: each for name, each in latest.reading.values.items() if name != "value"}
        )
        state = settled.state if settled is not None else State.UNKNOWN
        return Heartbeat(check, Schedule.of(check.probe.options), state, values, tuple(reversed(both)))
