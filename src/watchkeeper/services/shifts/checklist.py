"""Answering the checklist of a shift: what can be looked at is looked at, what a person knows is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from watchkeeper.core.errors import told
from watchkeeper.core.incidents.values import Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.tasks import is_due, task_line
from watchkeeper.core.shifts import answers
from watchkeeper.core.shifts.answers import Answer
from watchkeeper.core.shifts.values import ItemPlan
from watchkeeper.core.times import format_duration, utc_words
from watchkeeper.services.backups import BackupState
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, StorePort
from watchkeeper.services.shifts.looking import Looking

AT_ONCE = 4
_SLOW = ("git", "documents", "tool", "command", "secrets")
"""Kinds that wait for something outside of this process."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer and how long it took."""

    answer: Answer
    used_s: float


class Checklist:
    """`answer` looks at every item of a list, in its order, several at once."""

    def __init__(
        self, store: StorePort, journal: JournalPort, holder: InventoryHolder, looking: Looking,
        readable: Callable[[str], str], backups: Callable[[], BackupState], clock: Clock,
    ) -> None:  # fmt: skip
        """readable: why the value of a secret cannot be read; "" when it can."""
        self._store = store
        self._journal = journal
        self._holder = holder
        self._looking = looking
        self._readable = readable
        self._backups = backups
        self._clock = clock

    def answer(self, plans: Sequence[ItemPlan], before: Mapping[str, Mapping[str, str]]) -> list[Timed]:
        """One answer each. before: versions by name of the item, as the same person's last signed shift saw them."""
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="shift") as pool:
            slow = {
                place: pool.submit(self._timed, plan, before.get(plan.name, {}))
                for place, plan in enumerate(plans) if plan.kind in _SLOW
            }  # fmt: skip
            return [
                slow[place].result() if place in slow else self._timed(plan, before.get(plan.name, {}))
                for place, plan in enumerate(plans)
            ]

    def _timed(self, plan: ItemPlan, before: Mapping[str, str]) -> Timed:
        began = time.monotonic()
        try:
            found = self._look(plan, before)
        except Exception as error:  # one item that cannot be answered is recorded, and the others go on
            found = Answer("failed", f"could not be looked at: {told(error)}")
        return Timed(found, time.monotonic() - began)

    def _look(self, plan: ItemPlan, before: Mapping[str, str]) -> Answer:
        looking = self._looking
        if plan.kind == "git":
            return answers.trees(plan, [looking.tree(each) for each in plan.names or (".",)], before)
        if plan.kind == "documents":
            return answers.documents([looking.document(each, before.get(each, "")) for each in plan.names])
        if plan.kind == "line":
            return answers.line(plan, looking.text(plan.names[0]), before)
        if plan.kind == "tool":
            version = looking.command(plan.command, plan.on, plan.timeout_s)
            signed = looking.command(plan.signed_in, plan.on, plan.timeout_s) if plan.signed_in else None
            return answers.tool(version, signed)
        if plan.kind == "command":
            return answers.command(*looking.command(plan.command, plan.on, plan.timeout_s))
        if plan.kind == "secrets":
            names = self._holder.current.secrets if "all" in plan.names else plan.names
            return answers.credentials({name: self._readable(name) for name in names})
        return self._known(plan, before)

    def _known(self, plan: ItemPlan, before: Mapping[str, str]) -> Answer:
        """What this process knows already."""
        inventory = self._holder.current
        if plan.kind == "inventory":
            return self._inventory(inventory, before)
        if plan.kind == "checks":
            keys = checks_of(inventory, plan.names)
            hosts = {inventory.checks[key].host for key in keys} - {None}
            return answers.health(self._journal.settled(), keys, len(hosts))
        if plan.kind == "backups":
            return self._last_backups(inventory)
        if plan.kind == "open":
            return self._open()
        return Answer("open", "")

    def _inventory(self, inventory: Inventory, before: Mapping[str, str]) -> Answer:
        fault = self._holder.fault
        last = before.get("revision", "")
        news = f", was {last[:12]} at your last shift" if last and last != inventory.revision else ""
        text = f"revision {inventory.revision[:12]} of {utc_words(inventory.loaded_at)}{news}"
        counts = (
            f"{len(inventory.services)} services, {len(inventory.checks)} checks, {len(inventory.hosts)} hosts, "
            f"{len(inventory.runbooks)} runbooks"
        )
        versions = {"revision": inventory.revision}
        if fault:
            return Answer("failed", fault, f"{text}\n{counts}\n{fault}", versions)
        return Answer("ok", text, f"{text}\n{counts}", versions)

    def _last_backups(self, inventory: Inventory) -> Answer:
        state, now = self._backups(), self._clock()
        lines, faults = [], []
        if state.plan is None:
            lines.append("watchkeeper itself: no backup is planned")
        elif state.newest is None:
            faults.append("no backup of watchkeeper itself")
        else:
            age = now - state.newest.manifest.made_at
            lines.append(f"watchkeeper itself: {format_duration(max(age, 0.0))} ago")
            if age > 2 * state.plan.every_s:
                faults.append(f"the backup of watchkeeper itself is {format_duration(age)} old")
        if state.failed:
            faults.append(f"the last backup of watchkeeper itself failed: {state.failed}")
        settled = self._journal.settled()
        keys = [key for key, check in inventory.checks.items() if "backup" in f"{check.service}/{check.name}".lower()]
        if keys:
            found = answers.health(settled, keys, 0)
            lines += found.evidence.splitlines()
            faults += [found.text] if found.state != "ok" else []
        if not keys and state.plan is None:
            return Answer("missing", "no backup is known: no check speaks of one, and none of its own is planned")
        text = "; ".join(faults) or "; ".join(lines[:2])
        return Answer("failed" if faults else "ok", text, "\n".join([*faults, *lines]))

    def _open(self) -> Answer:
        now = self._clock()
        with self._store.read() as session:
            incidents = session.incidents(Status.OPEN, limit=100)
            tasks = session.open_tasks(200)
            windows = [each for each in session.open_windows() if each.starts_at <= now + 86400.0]
            blockers = session.open_blockers()
        lines = [
            *(f"incident {each.id} {each.severity}: {each.title}" for each in incidents),
            *(f"blocker of {each.actor}: {each.text}" for each in blockers),
            *(task_line(each, now) for each in tasks),
            *(f"{each.kind} {each.id} until {utc_words(each.ends_at)}: {each.why}" for each in windows),
        ]
        due = sum(1 for each in tasks if is_due(each, now))
        counts = [
            f"{len(found)} {one if len(found) == 1 else many}"
            for found, one, many in (
                (incidents, "incident", "incidents"), (blockers, "blocker", "blockers"),
                (tasks, "task", "tasks"), (windows, "window or silence", "windows and silences"),
            ) if found
        ]  # fmt: skip
        text = ", ".join(counts) + (f" ({due} due)" if due else "") if counts else "nothing is open"
        return Answer("ok", text, "\n".join(lines))


def checks_of(inventory: Inventory, names: Sequence[str]) -> list[str]:
    """The keys that names stand for: all, services, or checks with or without their host."""
    if "all" in names or not names:
        return list(inventory.checks)
    return [
        key for key, check in inventory.checks.items()
        if check.service in names or key in names or key.partition("@")[0] in names
    ]  # fmt: skip
