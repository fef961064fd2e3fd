"""Windows and silences as rows, on SQLite and PostgreSQL, and what people do with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.test_store import NOW, server, store
from tests.fixtures.windows import ANA, CREW, START, World

from watchkeeper.core.actors import AGENT, Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.recurrence import KeptPlan, Plan
from watchkeeper.core.windows import Item, Window
from watchkeeper.services.windows import muted_by, planned_spans
from watchkeeper.services.windows.acts import Wish
from watchkeeper.store.writer import Store

__all__ = ["server", "store"]


def row(**more: object) -> Window:
    made = Window(0, "silence", ("shop/disk", "label:env=prod"), "swap é\n\0the disk", "ana", NOW, NOW + 3600, NOW)
    return replace(
        made, items=(Item("told", "before", ok=True, by="bo", at=NOW), Item("x", "after", "shop/web")), **more
    )


def test_a_row_comes_back_whole_and_is_replaced_whole(store: Store) -> None:
    kept = store.write(lambda session: session.add_window(row()))
    with store.read() as session:
        assert session.window(kept.id) == replace(kept, why="swap é\n\N{REPLACEMENT CHARACTER}the disk")
    changed = replace(kept, why="w", begun_at=NOW, ended_at=NOW + 5, ended_by="bo", flip_seq=2**40, entry=7, past=True)
    store.write(lambda session: session.save_window(changed))
    with store.read() as session:
        assert session.window(kept.id) == changed
        assert session.windows("silence") == [changed] and session.windows("window") == []
        with pytest.raises(NotFound):
            session.window(99)


def test_a_time_of_a_plan_is_made_once(store: Store) -> None:
    first = store.write(lambda session: session.add_window(row(occurrence="plan:1@5")))
    again = store.write(lambda session: session.add_window(row(occurrence="plan:1@5", why="another")))
    assert again.id == first.id
    with store.read() as session:
        assert [each.id for each in session.open_windows()] == [first.id]
        assert session.window_of("plan:1@5") is not None and session.window_of("plan:1@6") is None


def test_open_watched_and_overlapping_rows_are_found(store: Store) -> None:
    def work(session) -> list[int]:
        rows = [
            row(starts_at=NOW + 50, ends_at=NOW + 90),
            row(starts_at=NOW, ends_at=NOW + 10),
            row(ended_at=NOW + 20, watched_at=None, begun_at=NOW),
            row(ended_at=NOW - 5, starts_at=NOW, watched_at=NOW),  # ended before it began
            row(kind="window", ended_at=NOW + 30, watched_at=NOW, begun_at=NOW, taken_back_at=NOW, past=True),
            row(kind="window", starts_at=NOW - 100, ends_at=NOW - 50, ended_at=NOW - 50, watched_at=NOW, past=True),
        ]
        return [session.add_window(each).id for each in rows]

    ids = store.write(work)
    with store.read() as session:
        assert [each.id for each in session.open_windows()] == [ids[1], ids[0]]
        assert [each.id for each in session.watched_windows()] == [ids[2]]
        assert [each.id for each in session.windows_between(NOW - 1, NOW + 60)] == [ids[1], ids[2], ids[0]]
        assert [each.id for each in session.windows_between(NOW + 10, NOW + 15)] == [ids[2]]
        assert [each.id for each in session.windows_between(NOW - 60, NOW, "window")] == [ids[5]]


def test_a_recurring_one_is_kept_with_its_key_until_it_is_ended(store: Store) -> None:
    plan = Plan(
        "", "n", "window", ("shop",), "why", "ana", "UTC", 3600.0, cron="0 2 * * *", items=(Item("a", "after"),)
    )
    kept = store.write(lambda session: session.add_window_plan(KeptPlan(0, plan, "ana", NOW)))
    assert kept.plan == replace(plan, key=f"plan:{kept.id}")
    with store.read() as session:
        assert session.window_plans() == [kept]
    store.write(lambda session: session.save_window_plan(replace(kept, ended_at=NOW, ended_by="bo")))
    with store.read() as session:
        assert session.window_plans() == []


# ---- what people do --------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state")
    yield made
    made.store.close()


def muted(world: World, service: str, host: str | None = None, *checks: str) -> str:
    with world.store.read() as session:
        found = muted_by(session, world.holder.current, service, host, world.now, checks)
    return f"{found.kind} {found.id}" if found else ""


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish("silence", ("shop",), "why"), "needs an end"),
        (Wish("silence", ("shop",), "why", lasts_s=31 * 86400), "at most 30 days"),
        (Wish("window", ("shop",), "why", lasts_s=8 * 86400), "at most 7 days"),
        (Wish("window", ("shop",), "why", lasts_s=5), "at least 1 minute"),
        (Wish("window", ("shop",), "why", lasts_s=-5), "at least 1 minute"),
        (Wish("window", ("shop",), "why", lasts_s=60, ends_at=START + 60), "two ends"),
        (Wish("silence", ("shop",), "  ", lasts_s=60), "needs a reason"),
        (Wish("silence", (), "why", lasts_s=60), "needs to know what it covers"),
        (Wish("silence", ("shopp",), "why", lasts_s=60), "no service shopp"),
        (Wish("silence", ("shop/nothing",), "why", lasts_s=60), "no check shop/nothing"),
        (Wish("silence", ("host:app9",), "why", lasts_s=60), "no host app9"),
        (Wish("silence", ("label:env",), "why", lasts_s=60), "no label with a value"),
        (Wish("silence", ("what:ever",), "why", lasts_s=60), "names nothing"),
        (Wish("window", ("shop",), "why", START - 7200, START - 3600), "which is over"),
        (Wish("window", ("shop",), "why", START + 400 * 86400, lasts_s=60), "more than a year ahead"),
        (Wish("window", ("label:env=none",), "why", lasts_s=60, until_green=True), "never turns green"),
        (Wish("window", ("shop",), "why", lasts_s=60, watch_s=float("nan")), "between 0 and 1 day"),
        (Wish("window", ("shop",), "why", lasts_s=float("nan")), "lasts"),
        (Wish("window", ("shop",), "why", lasts_s=float("inf")), "at most 7 days"),
        (Wish("window", ("shop",), "why", lasts_s=60, before=("check:shop/none",)), "no check shop/none"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(world: World, wish: Wish, said: str) -> None:
    with pytest.raises(Usage, match=said):
        world.windows.add(wish, CREW)
    assert world.windows.board().now == ()


@pytest.mark.parametrize("actor", [AGENT, Actor("person", "vi", "viewer")])
def test_only_a_person_who_may_act_mutes(world: World, actor: Actor) -> None:
    made = world.silence("shop")
    for act in (
        lambda: world.windows.add(Wish("silence", ("shop",), "why", lasts_s=60), actor),
        lambda: world.windows.end(made.id, actor),
        lambda: world.windows.extend(made.id, actor, 60),
        lambda: world.windows.add_plan(Wish("silence", ("shop",), "why", lasts_s=60), actor, cron="0 2 * * *"),
        lambda: world.windows.tick(made.id, actor, 1),
        lambda: world.past.add(("shop",), START - 60, START, "why", actor),
    ):
        with pytest.raises(Forbidden):
            act()
    assert muted(world, "shop") == f"silence {made.id}"


def test_what_is_covered_is_muted_and_nothing_else(world: World) -> None:
    check = world.silence("shop/disk")
    assert muted(world, "shop", "app1", "shop/disk") == f"silence {check.id}"
    assert muted(world, "shop", "app1", "shop/web") == ""
    assert muted(world, "shop", "app1", "shop/web", "shop/disk") == ""
    assert muted(world, "shop", "app1") == ""
    other = world.silence("shop/web", lasts_s=600)
    assert (
        muted(world, "shop", "app1", "shop/web", "shop/disk") == f"silence {other.id}"
    )  # until the first of them ends
    host = world.window("host:app1")
    assert muted(world, "shop", "app1", "shop/web") == f"window {host.id}"
    assert muted(world, "", "app1") == f"window {host.id}"
    assert muted(world, "mail", "app2", "mail/queue@app2") == ""
    assert muted(world, "mail", None) == ""
    label = world.silence("label:env=prod,rack=a", lasts_s=7200)
    world.now += 3600
    assert muted(world, "shop", "app1", "shop/slow") == f"silence {label.id}"
    assert muted(world, "mail", "app1", "mail/queue@app1") == ""
    everything = world.silence("all")
    assert muted(world, "mail", "app2", "mail/queue@app2") == f"silence {everything.id}"
    assert muted(world, "", "app2") == f"silence {everything.id}"


def test_a_host_is_muted_when_all_that_is_asked_on_it_is(world: World) -> None:
    world.silence("shop")
    assert muted(world, "", "app1") == ""
    world.silence("shop", "mail")
    assert muted(world, "", "app1") != ""


def test_a_check_that_was_deleted_meanwhile_is_covered_by_its_service_alone(world: World) -> None:
    world.silence("shop/disk")
    assert muted(world, "shop", "app1", "shop/gone") == ""
    world.silence("shop")
    assert muted(world, "shop", "app1", "shop/gone") != ""


def test_an_end_is_moved_within_its_bounds_and_never_into_the_past(world: World) -> None:
    made = world.silence("shop", lasts_s=3600)
    assert world.windows.extend(made.id, CREW, 1800).ends_at == START + 5400
    for by_s, until in ((31 * 86400.0, None), (None, START - 5), (None, None), (float("nan"), None)):
        with pytest.raises(Usage):
            world.windows.extend(made.id, CREW, by_s, until)
    world.passes(5400)
    with pytest.raises(Usage, match="ended at"):
        world.windows.extend(made.id, CREW, 60)
    with pytest.raises(Usage, match="ended at"):
        world.windows.end(made.id, CREW)


def test_a_number_of_the_other_kind_is_not_found(world: World) -> None:
    made = world.silence("shop")
    with pytest.raises(NotFound, match="is a silence, no window"):
        world.windows.get(made.id, "window")


def test_the_dry_look_names_checks_incidents_and_what_covers_them_already(world: World) -> None:
    held = world.window("shop/web", until_green=True)
    world.fails("shop/disk")
    found = world.windows.covered(["shop"])
    assert found.checks == ("shop/web", "shop/disk", "shop/slow")
    assert found.failing == ("shop/disk",)
    assert [each.service for each in found.incidents] == ["shop"]
    assert [each.id for each in found.besides] == [held.id]
    assert muted(world, "shop", "app1", "shop/disk") == ""


def test_a_window_turns_its_time_into_maintenance_and_a_silence_does_not(world: World) -> None:
    world.silence("shop", lasts_s=600)
    made = world.window("shop", lasts_s=600)
    world.now += 300
    world.windows.end(made.id, CREW)
    world.now += 600
    part = world.window("shop/disk", lasts_s=600)
    world.passes(1000)
    with world.store.read() as session:
        spans = planned_spans(session, world.holder.current, "shop", START - 1000, START + 9000)
        disk = planned_spans(session, world.holder.current, "shop", START - 1000, START + 9000, "shop/disk")
    assert spans == [(START, START + 300)]
    assert disk == [(START, START + 300), (part.starts_at, part.starts_at + 600)]


@pytest.mark.parametrize(
    ("kind", "targets", "down", "maintenance"),
    [
        ("", (), 600, 0), ("silence", ("shop",), 600, 0), ("window", ("shop",), 0, 600), ("window", ("all",), 0, 600),
        ("window", ("label:env=prod",), 0, 600), ("window", ("shop/web",), 0, 600), ("window", ("shop/disk",), 600, 0),
        ("window", ("host:app2",), 600, 0),
    ],
)  # fmt: skip
def test_down_time_is_maintenance_inside_a_window_and_stays_down_inside_a_silence(
    world: World, kind: str, targets: tuple[str, ...], down: float, maintenance: float
) -> None:
    if kind:
        (world.window if kind == "window" else world.silence)(*targets, lasts_s=3600)
    world.passes(300)
    world.fails("shop/web")
    world.passes(600)
    world.reads("shop/web", State.OK)
    world.passes(300)
    (found,) = world.availability.of(START, world.now, "shop")
    assert (found.whole.down_s, found.whole.maintenance_s, found.whole.up_s) == pytest.approx((down, maintenance, 600))


def test_time_that_is_over_is_reclassified_with_figures_and_can_be_taken_back(world: World) -> None:
    world.now += 600
    world.fails("shop/web")
    world.now += 600
    world.recovers("shop/web")
    world.now += 3000
    since, until = START + 300, START + 1500
    with pytest.raises(Forbidden):
        world.past.add(("shop",), since, until, "forgot", CREW)
    with pytest.raises(Usage, match="not over yet"):
        world.past.add(("shop",), since, world.now + 5, "forgot", ANA)
    with pytest.raises(Usage, match="longer ago"):
        world.past.add(("shop",), since - 500 * 86400, until - 500 * 86400, "forgot", ANA)
    foreseen = world.past.add(("shop",), since, until, "forgot", ANA, dry=True)
    with world.store.read() as session:
        assert session.windows() == []
    done = world.past.add(("shop",), since, until, "forgot", ANA)
    assert (done.before, done.after) == (foreseen.before, foreseen.after)
    assert (done.before[0].down_s, done.before[0].up_s) == pytest.approx((610.0, 590.0))
    assert (done.after[0].down_s, done.after[0].up_s, done.after[0].maintenance_s) == pytest.approx((0.0, 590.0, 610.0))
    assert muted(world, "shop") == ""
    with world.store.read() as session:
        assert planned_spans(session, world.holder.current, "shop", START, world.now) == [(since, until)]
        entry = session.entry(done.window.entry or 0)
    assert (
        entry.draft.actor == "ana"
        and "before up 9 min 50 s, down 10 min; after up 9 min 50 s, maintenance 10 min"
        in dict(entry.draft.sections)["Impact"]
    )
    with pytest.raises(Usage, match="nothing to end"):
        world.windows.end(done.window.id, ANA)
    back = world.past.take_back(done.window.id, ANA, "wrong service")
    assert back.after[0].down_s == pytest.approx(610.0)
    with world.store.read() as session:
        assert planned_spans(session, world.holder.current, "shop", START, world.now) == []
        assert session.entries(1)[0].draft.corrects == done.window.entry
        assert session.window(done.window.id).taken_back_by == "ana"
    with pytest.raises(Usage, match="taken back by ana"):
        world.past.take_back(done.window.id, ANA, "again")
