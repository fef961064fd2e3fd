"""What runs out, gathered from readings, files and rows; and the warnings about it, each told once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.expiries import DAY_S, Expiry, begin_of, sorted_within, stage_of
from watchkeeper.core.inventory.values import Check, Inventory, Response
from watchkeeper.core.notifications import Message
from watchkeeper.core.readings.rollup import Rollup
from watchkeeper.core.readings.trend import Point, forecast
from watchkeeper.core.runs.values import Grant, Run, RunState
from watchkeeper.core.times import utc_text, zone_of
from watchkeeper.services.backups import BackupState
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import hash_of, send
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.responses import held

log = logging.getLogger(__name__)
SEEN_S = 28 * DAY_S
"""So much of the past a forecast looks at."""
FARTHEST_S = 366 * DAY_S
FRESH_S = 3600.0
"""A forecast of a disk is made anew after so long."""
KEPT_S = 30.0
FILLS: Mapping[str, tuple[str, float]] = {"disk": ("free", 0.0), "inodes": ("free", 0.0), "folder": ("used", 100.0)}
"""Per kind of check the number that runs out, and where it is full."""


class PastPort(Protocol):
    """What is asked of the readings."""

    def latest(self) -> dict[str, Judged]: ...

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]: ...

    def hours(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]: ...


class Expiries:
    """`listed` reads; `warn` is called on a slow beat."""

    def __init__(
        self,
        store: StorePort,
        past: PastPort,
        backups: Callable[[], BackupState],
        holder: InventoryHolder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._past = past
        self._backups = backups
        self._holder = holder
        self._clock = clock
        self._soon: tuple[float, tuple[Expiry, ...]] | None = None
        self._forecasts: dict[str, tuple[float, str, float | None]] = {}

    def listed(self, within_s: float = FARTHEST_S) -> tuple[Expiry, ...]:
        """What ends within that time or has ended, the first end on top."""
        now, inventory = self._clock(), self._holder.current
        latest = self._past.latest()
        found = [
            *_certificates(inventory, latest), *self._disks(inventory, latest, now), *_dates(inventory),
            *self._backup(), *self._trusted(inventory, now),
        ]  # fmt: skip
        return sorted_within(found, now, within_s)

    def soon(self) -> tuple[Expiry, ...]:
        """What ends within 30 days, for pages that everybody looks at: half a minute old at most."""
        now = self._clock()
        if self._soon is None or not 0 <= now - self._soon[0] < KEPT_S:
            self._soon = (now, self.listed(30 * DAY_S))
        return self._soon[1]

    # ---- telling -----------------------------------------------------------------------------------------------------

    def warn(self) -> int:
        """Tell what has come near its end: 30, 14, 7 and 1 days before and at it, once each. Returns how many were told.

        Of several stages that passed unseen only the newest is told. Our own backup says itself when it is late. A
        forecast moves with every reading, so each of its stages is told once a month at most. What has a failing check
        is told by its incident: one cause, one message.
        """
        now = self._clock()
        failing = {key for key, judged in self._past.latest().items() if judged.verdict.state is State.CRIT}
        listed = [each for each in self.listed() if each.name not in failing]
        near = [(each, stage) for each in listed if (stage := stage_of(each, now)) is not None]
        with self._store.read() as session:
            due = [
                (each, stage) for each, stage in near if each.kind != "backup" and _is_news(session, each, stage, now)
            ]
        return sum(self._store.write(partial(self._tell, expiry=each, stage=stage, now=now)) for each, stage in due)

    def _tell(self, session: Session, expiry: Expiry, stage: int, now: float) -> bool:
        if not _is_news(session, expiry, stage, now):
            return False
        ends = _ends(expiry, now)
        session.note_expiry_warning(expiry.name, ends, stage, now)
        owner = f" Owner: {expiry.owner}." if expiry.owner else ""
        step = f" {expiry.next_step}" if expiry.next_step else ""
        title = expiry.words(now)
        message = Message(
            key=f"expiry-{hash_of(expiry.name)}-{ends}-{stage}", kind="warning", title=title[:200],
            body=f"{title} ({utc_text(expiry.ends_at)}).{owner}{step}", link="/expiries", at=now,
        )  # fmt: skip
        send(session, self._holder.current.team, message, now)
        return True

    # ---- what is known -----------------------------------------------------------------------------------------------

    def _disks(self, inventory: Inventory, latest: Mapping[str, Judged], now: float) -> Iterator[Expiry]:
        for check in inventory.checks.values():
            if check.probe.kind not in FILLS or check.key not in latest:
                continue
            full_at = self._full_at(check, latest[check.key], now)
            if full_at is not None and full_at - now <= FARTHEST_S:
                path = check.probe.options.get("path") or check.name
                service = inventory.services[check.service]
                what = f"{path} on {check.host}" if check.host else str(path)
                what = f"inodes of {what}" if check.probe.kind == "inodes" else what
                yield Expiry(
                    "disk", check.key, full_at, what, check.service, service.owner,
                    "Free space or make it larger; the chart of its service shows the trend.", 14 * DAY_S, "", True,
                )  # fmt: skip

    def _full_at(self, check: Check, newest: Judged, now: float) -> float | None:
        """When it is full, as the trend of the last weeks says; None when it is not filling."""
        name, goal = FILLS[check.probe.kind]
        value = newest.reading.values.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        made_at, digest, full_at = self._forecasts.get(check.key, (0.0, "", None))
        if digest != check.rule_hash or now - made_at >= FRESH_S or now < made_at:
            said = forecast(self._points(check, name, now), goal, float(value), now)
            full_at = now + said.in_s if said.in_s is not None else None
            self._forecasts[check.key] = (now, check.rule_hash, full_at)
        return full_at

    def _points(self, check: Check, name: str, now: float) -> list[Point]:
        points: list[Point] = []
        for start, hour in self._past.hours(check.key, now - SEEN_S, now):
            sketch = hour.sketches.get(name)
            mean = sketch.mean if sketch is not None else None
            if sketch is not None and mean is not None:
                points.append(Point(start + 1800.0, mean, sketch.low, sketch.high))
        since = points[-1].at + 1800.0 if points else now - SEEN_S
        for judged in self._past.readings(check.key, since, 5000):
            number = judged.reading.values.get(name)
            if isinstance(number, int | float) and not isinstance(number, bool):
                points.append(Point(judged.reading.at, float(number), float(number), float(number)))
        return points

    def _backup(self) -> Iterator[Expiry]:
        state = self._backups()
        if state.plan is not None and state.newest is not None:
            due = state.newest.manifest.made_at + state.plan.every_s
            step = "It is made by itself; see `wk doctor` when it is overdue."
            yield Expiry(
                "backup", "own-backup", due, "watchkeeper's own backup", "", "", step, 0.0, utc_text(due) or "", True
            )

    def _trusted(self, inventory: Inventory, now: float) -> Iterator[Expiry]:
        """Grants that end, and proofs that grow too old for a response to act on."""
        with self._store.read() as session:
            grants = [
                each for each in session.grants() if each.revoked_at is None and each.expires_at > now - 30 * DAY_S
            ]
            responses = {each.name: each for service in inventory.services.values() for each in service.respond}
            proven = session.runs((RunState.PROVEN,), limit=100) if grants else []
            for name, response in responses.items():
                own = max(
                    (each for each in grants if each.response == name), key=lambda each: each.expires_at, default=None
                )
                if own is None:
                    continue
                yield _grant(own, inventory.services[response.service].owner)
                if own.expires_at > now:
                    yield self._proof(session, inventory, response, own, proven)

    def _proof(
        self, session: Session, inventory: Inventory, response: Response, grant: Grant, proven: list[Run]
    ) -> Expiry:  # fmt: skip
        proofs = [
            run.ended_at for run in proven
            if _same(run, response) and run.ended_at is not None and held(session, run)
        ]  # fmt: skip
        ends = max([grant.granted_at, *proofs]) + inventory.team.proven_within_s
        step = f"Run it once, or grant it anew: wk grant add {response.name}."
        owner = inventory.services[response.service].owner
        return Expiry(
            "proof", f"proof-{response.name}", ends, f"the proof of {response.name}", response.service, owner, step,
            14 * DAY_S, utc_text(ends) or "",
        )  # fmt: skip


def _ends(expiry: Expiry, now: float) -> str:
    """What its warnings are counted by: its end, or the month for an end that moves."""
    return expiry.day or datetime.fromtimestamp(now, UTC).strftime("%Y-%m")


def _is_news(session: Session, expiry: Expiry, stage: int, now: float) -> bool:
    """Whether nothing nearer to its end was told already."""
    return not any(each <= stage for each in session.expiry_warned(expiry.name, _ends(expiry, now)))


def _same(run: Run, response: Response) -> bool:
    return run.response == response.name and run.plan.runbook == response.runbook and run.last_change_at is not None


def _grant(grant: Grant, owner: str) -> Expiry:
    service, step = grant.response.partition("/")[0], f"Grant it anew: wk grant add {grant.response}."
    return Expiry(
        "grant", f"grant-{grant.id}", grant.expires_at, f"grant {grant.id} of {grant.response}", service, owner, step,
        14 * DAY_S, utc_text(grant.expires_at) or "",
    )  # fmt: skip


def _certificates(inventory: Inventory, latest: Mapping[str, Judged]) -> Iterator[Expiry]:
    """By the newest reading of each tls check: its own date where it gives one, else the days it counts."""
    for check in inventory.checks.values():
        judged = latest.get(check.key)
        if check.probe.kind != "tls" or judged is None:
            continue
        ends = _seconds(judged.reading.values.get("not_after"))
        days = judged.reading.values.get("days")
        if ends is None and isinstance(days, int | float) and not isinstance(days, bool):
            ends = judged.reading.at + float(days) * DAY_S
        if ends is not None:
            service, day = inventory.services[check.service], datetime.fromtimestamp(ends, UTC).date().isoformat()
            what, step = f"certificate of {check.key}", "Renew it; its check proves the new one."
            yield Expiry("certificate", check.key, ends, what, check.service, service.owner, step, day=day)


def _dates(inventory: Inventory) -> Iterator[Expiry]:
    zone = zone_of(inventory.team.timezone)
    for secret in inventory.secrets.values():
        if secret.expires:
            step = "Make a new one, put it where secrets.yaml points, and write its new date there."
            ends, what = begin_of(secret.expires, zone), f"secret {secret.name}"
            yield Expiry("secret", f"secret-{secret.name}", ends, what, "", secret.owner, step, day=secret.expires)
    for each in inventory.team.expiries:
        ends, step = begin_of(each.on, zone), "Renew it, and write its new date into watchkeeper.yaml."
        yield Expiry("declared", f"declared-{each.name}", ends, each.name, "", each.owner, step, each.warn_s, each.on)


def _seconds(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
