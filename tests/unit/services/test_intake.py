"""Pings become durable in groups: who is answered, in which order, and what is written of a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.core.errors import NoAnswer
from watchkeeper.services.checks import intake as module
from watchkeeper.services.checks.intake import Intake

T = TypeVar("T")


class Store:
    """Keeps pings in memory; a commit lasts until `go` is set, and fails while `away`."""

    def __init__(self) -> None:
        self.commits: list[list[Ping]] = []
        self.once: list[Ping] = []
        self.away = False
        self.go = asyncio.Event()
        self.go.set()

    def add_pings(self, pings: Sequence[Ping], *, once: bool = False) -> None:
        if self.away:
            raise OSError("away")
        if once:
            self.once += [ping for ping in pings if ping not in self.once]
        else:
            self.commits.append(list(pings))

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        return []

    def put_alerts(self, alerts: Sequence[Alert], now: float) -> None: ...

    def alerts(self, check: str) -> list[Alert]:
        return []


class File:
    """The journal in memory."""

    def __init__(self) -> None:
        self.kept: list[Ping] = []
        self.away = False

    def add(self, pings: Sequence[Ping]) -> None:
        if self.away:
            raise OSError("full")
        self.kept += pings

    def waiting(self) -> list[Ping]:
        return list(self.kept)

    def forget(self) -> None:
        self.kept.clear()

    @property
    def is_empty(self) -> bool:
        return not self.kept


def ping(number: int, **more: object) -> Ping:
    return Ping("shop/backup", float(number), "success", **more)  # type: ignore[arg-type]


async def beside(store: Store, work: Callable[[], T]) -> T:
    await store.go.wait()
    return work()


def play(story: Callable[[Intake, Store, File], object]) -> None:
    async def run() -> None:
        store, file = Store(), File()
        intake = Intake(
            store, lambda work: beside(store, work), file, lambda text: text.replace("hunter2", "***"), gather_s=0.0
        )
        await story(intake, store, file)  # type: ignore[misc]

    asyncio.run(run())


def test_while_one_commit_is_under_way_the_next_group_gathers() -> None:
    async def story(intake: Intake, store: Store, _file: File) -> None:
        store.go.clear()
        first = asyncio.create_task(intake.take(ping(0)))
        await asyncio.sleep(0.01)
        others = [asyncio.create_task(intake.take(ping(number))) for number in range(1, 31)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in (first, *others)), "nobody is answered before the commit"
        store.go.set()
        await asyncio.gather(first, *others)
        assert [len(group) for group in store.commits] == [1, 30]
        assert [each.at for group in store.commits for each in group] == [float(number) for number in range(31)]
        assert (intake.taken.pings, intake.taken.commits) == (31, 2)

    play(story)


def test_half_a_character_does_not_take_the_group_with_it() -> None:
    async def story(intake: Intake, store: Store, _file: File) -> None:
        odd = [
            ping(1, note="a \udc80 hunter2"),
            ping(2, body="b \ud800"),
            ping(3, rid="c\udfff"),
            ping(4, source="\udc80 é"),
        ]
        await asyncio.gather(intake.take(ping(0)), *(intake.take(each) for each in odd))
        kept = [each for group in store.commits for each in group]
        assert [(each.note, each.body, each.rid, each.source) for each in kept] == [
            ("", "", "", ""), ("a ? ***", "", "", ""), ("b ?", "b ?", "", ""), ("", "", "c?", ""), ("", "", "", "? é"),
        ]  # fmt: skip

    play(story)


def test_after_a_full_commit_the_next_one_waits_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_MANY_S", 0.3)

    async def run() -> None:
        store = Store()
        intake = Intake(store, lambda work: beside(store, work), gather_s=0.001)
        await asyncio.gather(*(intake.take(ping(number)) for number in range(5)))
        tasks = []
        for number in range(5, 11):
            tasks.append(asyncio.create_task(intake.take(ping(number))))
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)
        assert [len(group) for group in store.commits] == [5, 6]

    asyncio.run(run())


def test_notes_and_bodies_are_cleared_before_anything_is_written() -> None:
    async def story(intake: Intake, store: Store, file: File) -> None:
        await intake.take(ping(0, note="hunter2", body="x" * 50_000 + "\nhunter2 was wrong\n"))
        await intake.take(ping(1, body="line\nhunter2 at the end\n\n"))
        store.away = True
        await intake.take(ping(2, body="hunter2"))
        kept = [*(each for group in store.commits for each in group), *file.kept]
        assert not any("hunter2" in each.note + each.body for each in kept)
        assert [each.note for each in kept] == ["***", "*** at the end", "***"]
        assert all(len(each.body) < 11_000 for each in kept)

    play(story)


def test_an_absent_store_costs_no_ping_and_none_is_stored_twice() -> None:
    async def story(intake: Intake, store: Store, file: File) -> None:
        store.away = True
        await intake.take(ping(0))
        assert intake.fault == "Pings are kept in a file: OSError: away"
        await intake.drain()
        assert file.kept == [ping(0)]
        store.away = False
        await intake.take(ping(1))
        assert intake.fault, "one still waits"
        await intake.drain()
        assert store.once == [ping(0)] and file.is_empty and intake.fault == ""

    play(story)


def test_when_nothing_takes_it_each_caller_is_told_and_the_next_ping_is_tried() -> None:
    async def story(intake: Intake, store: Store, file: File) -> None:
        store.away = file.away = True
        told = await asyncio.gather(*(intake.take(ping(number)) for number in range(3)), return_exceptions=True)
        assert all(isinstance(each, NoAnswer) for each in told)
        assert intake.taken.refused == 3
        store.away = False
        await intake.take(ping(4))
        assert intake.fault == ""

    play(story)


def test_a_caller_that_went_away_takes_nobody_with_it() -> None:
    async def story(intake: Intake, store: Store, _file: File) -> None:
        store.go.clear()
        gone, stays = asyncio.create_task(intake.take(ping(0))), asyncio.create_task(intake.take(ping(1)))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0)
        store.go.set()
        await stays
        assert len([each for group in store.commits for each in group]) == 2

    play(story)


def test_a_flood_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)

    async def story(intake: Intake, store: Store, _file: File) -> None:
        store.go.clear()
        tasks = [asyncio.create_task(intake.take(ping(number))) for number in range(40)]
        await asyncio.sleep(0.01)
        refused = [task for task in tasks if task.done()]
        assert refused and all(isinstance(task.exception(), NoAnswer) for task in refused)
        store.go.set()
        await asyncio.gather(*(task for task in tasks if task not in refused))

    play(story)


def test_a_ping_keeps_what_it_says() -> None:
    async def story(intake: Intake, store: Store, _file: File) -> None:
        whole = ping(0, rid="r" * 200, exit_code=3, duration_s=1.5, body="b", note="n", source="GET")
        await intake.take(whole)
        assert store.commits == [[replace(whole, rid="r" * 64)]]

    play(story)
