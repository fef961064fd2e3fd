"""Windows and silences over virtual time: real store, real recorder, real proof, real messages; the clock is ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.test_store import fresh_database, server
from tests.fixtures.windows import CREW, START, World

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.services.windows import maintenance_of, planned_spans
from watchkeeper.services.windows.acts import Wish

__all__ = ["server"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state")
    yield made
    made.store.close()


def spans(world: World, service: str = "shop") -> list[tuple[float, float]]:
    with world.store.read() as session:
        return planned_spans(session, world.holder.current, service, START - 1e6, START + 1e7)


def changes(world: World) -> list[tuple[str, str, float]]:
    with world.store.read() as session:
        found = session.changes(0, 9e9)
    return [(each.title, each.service, each.at) for each in reversed(found) if each.kind == "window"]


# ---- muting ----------------------------------------------------------------------------------------------------------------


def test_inside_a_silence_the_incident_is_recorded_and_nobody_is_paged_until_it_ends(world: World) -> None:
    made = world.silence("shop", lasts_s=3600, remind_s=0)
    world.passes(600)
    world.fails("shop/web")
    (incident,) = world.open()
    assert world.events(incident.id, "flip") and world.events(incident.id, "muted")
    assert world.messages("opened", "escalated") == []
    world.passes(3000 - 1)
    assert world.messages() == []
    world.passes(2)
    (told,) = world.messages("opened", "escalated")
    assert told.message.kind == "opened" and told.message.incident == incident.id
    assert "still fails after 50 min" in told.message.body and f"Silence {made.id}" in told.message.body
    world.passes(7200, 600)
    assert len(world.messages("opened", "escalated")) == 1
    assert world.row(made.id).ended_at == START + 3600
    world.recovers("shop/web")
    assert [each.message.kind for each in world.messages()] == ["opened", "closed"]


def test_what_recovers_inside_is_told_to_nobody_and_stands_in_the_log(world: World) -> None:
    made = world.silence("shop", remind_s=0)
    world.fails("shop/web")
    world.recovers("shop/web")
    world.passes(7200, 600)
    assert world.messages() == []
    entry = world.row(made.id).entry
    assert entry is not None
    with world.store.read() as session:
        sections = dict(session.entry(entry).draft.sections)
    assert "Incident 1 was not told while it lasted" in sections["Impact"]


def test_the_end_of_a_trouble_that_was_told_is_told_also_inside_a_silence(world: World) -> None:
    world.fails("shop/web")
    assert [each.message.kind for each in world.messages()][:1] == ["opened"]
    world.silence("shop", remind_s=0)
    world.recovers("shop/web")
    assert world.messages()[-1].message.kind == "closed"
    before = len(world.messages())
    world.passes(7200, 600)
    assert len(world.messages()) == before


def test_a_silence_of_one_check_tells_at_once_when_another_fails_as_well(world: World) -> None:
    world.silence("shop/disk", remind_s=0)
    world.fails("shop/disk")
    world.passes(60)
    assert world.messages("opened", "escalated") == []
    world.fails("shop/web")
    world.passes(2)
    (told,) = world.messages("opened", "escalated")
    assert "nothing mutes it any more" in told.message.body


def test_a_label_that_is_taken_away_unmutes(world: World) -> None:
    world.silence("label:env=prod", remind_s=0)
    world.fails("shop/web")
    world.passes(10)
    assert world.messages("opened") == []
    world.write("services/shop.yaml", world.files["services/shop.yaml"].replace("labels: {env: prod}\n", ""))
    world.passes(10)
    assert len(world.messages("opened")) == 1


def test_what_another_window_still_covers_stays_muted_when_one_ends(world: World) -> None:
    world.silence("shop/web", lasts_s=600, remind_s=0)
    world.window("shop", lasts_s=1800, remind_s=0)
    world.fails("shop/web")
    world.passes(1200, 60)
    assert world.messages("opened", "escalated") == []
    world.passes(700, 60)
    assert len(world.messages("opened")) == 1


def test_an_incident_that_a_person_has_is_noted_and_not_paged_when_the_silence_ends(world: World) -> None:
    world.silence("shop", remind_s=0)
    world.fails("shop/web")
    world.incidents.acknowledge(1, CREW)
    world.passes(7200, 600)
    assert world.messages("opened", "escalated") == []
    assert "bo has acknowledged" in world.events(1, "window")[-1].text


def test_it_pages_again_for_what_was_told_before_and_escalated_inside(world: World) -> None:
    world.fails("shop/web")
    before = len(world.messages())
    world.silence("shop", remind_s=0)
    world.now += 5
    world.incidents.escalate(1, CREW, "the customers call")
    assert len(world.messages()) == before
    world.passes(3600, 600)
    assert len(world.messages()) == before + 1
    assert "the customers call" in world.messages()[-1].message.title + world.messages()[-1].message.body


def test_the_end_is_told_in_the_same_transaction_as_the_page(world: World) -> None:
    made = world.silence("shop", remind_s=0)
    world.fails("shop/web")
    world.now += 4000
    with pytest.raises(RuntimeError):
        _broken(world, made.id)
    assert world.row(made.id).ended_at is None and world.messages("opened") == []
    world.restart()
    world.passes(2)
    assert world.row(made.id).ended_at is not None and len(world.messages("opened")) == 1


def _broken(world: World, number: int) -> None:
    def work(session) -> None:  # type: ignore[no-untyped-def]
        world.carrier.end(session, session.window(number), world.now, "watchkeeper", "over")
        raise RuntimeError("killed before the commit")

    world.store.write(work)


# ---- begin, end, remind ----------------------------------------------------------------------------------------------------


def test_a_window_is_a_change_at_its_begin_and_end_and_a_silence_is_none(world: World) -> None:
    world.silence("shop", lasts_s=60)
    made = world.window("host:app1", "shop", lasts_s=600)
    world.passes(700, 100)
    assert [each for each in changes(world) if each[1] == "shop"] == [
        ("maintenance began: new kernel", "shop", START), ("maintenance ended: new kernel", "shop", START + 600),
    ]  # fmt: skip
    assert world.row(made.id).ended_why == "its time was over"


def test_the_first_suspect_after_maintenance_is_the_maintenance(world: World) -> None:
    world.window("shop", lasts_s=600)
    world.passes(700, 100)
    world.fails("shop/web")
    suspects = world.incidents.suspects(world.open()[0])
    assert suspects[0].change.kind == "window"


def test_it_ends_when_green_only_after_something_was_red(world: World) -> None:
    made = world.window("shop", lasts_s=7200, until_green=True, remind_s=0)
    world.passes(600, 60)
    assert world.row(made.id).ended_at is None
    world.fails("shop/web")
    world.fails("shop/disk")
    world.passes(60)
    world.recovers("shop/web")
    world.passes(60)
    assert world.row(made.id).ended_at is None
    world.recovers("shop/disk")
    world.passes(2)
    assert world.row(made.id).ended_why == "everything in it is OK again"
    assert spans(world) == [(START, world.row(made.id).ended_at)]


def test_a_silence_of_what_fails_already_ends_when_that_is_green(world: World) -> None:
    world.fails("shop/web")
    made = world.silence("shop/web", until_green=True, remind_s=0)
    world.passes(60)
    assert world.row(made.id).ended_at is None
    world.recovers("shop/web")
    world.passes(2)
    assert world.row(made.id).ended_at is not None


def test_unknown_is_not_green(world: World) -> None:
    made = world.silence("shop", until_green=True, remind_s=0)
    world.fails("shop/web")
    world.recovers("shop/web")
    world.fails("shop/slow", State.UNKNOWN)
    world.passes(60)
    assert world.row(made.id).ended_at is None


def test_the_reminder_comes_once_for_each_end_it_has(world: World) -> None:
    made = world.silence("shop", lasts_s=3600)
    world.fails("shop/web")
    world.passes(2600, 300)
    assert world.messages("warning") == []
    world.passes(200, 10)
    (first,) = world.messages("warning")
    assert (
        "ends in 15 min" in first.message.title
        and "Still failing, and paged about then: shop/web." in first.message.body
    )
    world.windows.extend(made.id, CREW, 3600)
    world.restart()
    world.passes(3000, 300)
    assert len(world.messages("warning")) == 1
    world.passes(1000, 300)
    assert len(world.messages("warning")) == 2


def test_a_short_one_and_a_recurring_one_in_which_nothing_fails_remind_nobody(world: World) -> None:
    world.silence("shop", lasts_s=1200)
    world.windows.add_plan(Wish("silence", ("mail",), "nightly", lasts_s=3600), CREW, cron="0 12 * * *")
    world.passes(86400, 900)
    assert world.messages("warning") == []
    world.windows.add_plan(Wish("silence", ("shop",), "nightly", lasts_s=3600), CREW, cron="0 14 * * *")
    world.fails("shop/slow", State.UNKNOWN)
    world.passes(86400, 900)
    assert len(world.messages("warning")) == 1


# ---- plans -----------------------------------------------------------------------------------------------------------------

WEEKLY = """windows:
  - name: patches
    targets: [shop]
    cron: "0 12 * * *"
    timezone: UTC
    for: 1h
    why: daily patches
    before: [The users were told, {check: shop/disk}]
    after: [{check: shop/web}]
    watch: 30m
"""


def test_a_window_of_a_file_takes_place_every_day_once(world: World) -> None:
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
    world.passes(3 * 86400, 3600)
    noon = START + 4 * 3600
    expected = [(noon + n * 86400, noon + n * 86400 + 3600) for n in range(5)]
    assert spans(world)[:3] == expected[:3]
    world.restart()
    world.passes(86400, 1800)
    assert spans(world)[:4] == expected[:4]
    assert world.log().count("Maintenance of shop: daily patches") == 4


def test_a_plan_that_is_taken_out_ends_what_it_began_and_one_that_comes_back_takes_place(world: World) -> None:
    before = world.files["watchkeeper.yaml"]
    world.write("watchkeeper.yaml", before + WEEKLY)
    world.passes(60)
    world.write("watchkeeper.yaml", before)
    world.passes(60)
    assert spans(world) == [] and world.windows.board().next == ()
    world.write("watchkeeper.yaml", before + WEEKLY)
    world.passes(4 * 3600, 600)
    (running,) = world.windows.board().now
    assert running.name == "patches"
    world.fails("shop/web")
    world.write("watchkeeper.yaml", before)
    world.passes(60)
    assert world.windows.board().now == ()
    assert len(world.messages("opened")) == 1


def test_an_ops_repo_that_is_empty_for_a_moment_ends_nothing(world: World) -> None:
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
    world.passes(4 * 3600 + 60, 600)
    full = world.holder.current
    world.holder.current = Inventory("", 0.0, full.team, {}, {}, {}, {}, {})
    world.passes(120)
    world.holder.current = full
    assert len(world.windows.board().now) == 1


def test_what_a_person_moved_is_left_as_he_wanted_it(world: World) -> None:
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
    world.passes(60)
    tomorrow = world.windows.board().next[0]
    world.windows.end(tomorrow.id, CREW, "not today")
    world.passes(5 * 3600, 1800)
    assert spans(world)[0][0] > START + 86400
    world.passes(86400 - 3600, 3600)
    (running,) = world.windows.board().now
    world.windows.extend(running.id, CREW, 1800)
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"].replace("for: 1h", "for: 30m"))
    world.passes(3700, 600)
    assert [each.id for each in world.windows.board().now] == [running.id]


def test_a_plan_written_in_the_middle_of_its_time_begins_now(world: World) -> None:
    world.now = START + 4 * 3600 + 1200
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
    world.fails("shop/web")  # before the first beat
    assert world.messages("opened") == []
    world.passes(1)
    assert world.windows.board().now[0].starts_at >= START + 4 * 3600 + 1200


def test_a_recurring_one_by_command_is_ended_by_command(world: World) -> None:
    kept, following = world.windows.add_plan(Wish("window", ("shop",), "vacuum", lasts_s=1800), CREW, cron="0 10 * * *")
    assert following is not None
    world.passes(2 * 3600 - 3600 + 60, 600)  # 10:00 in Berlin is 09:00 UTC
    assert len(world.windows.board().now) == 1
    world.windows.end_plan(kept.id, CREW)
    assert world.windows.board() == world.windows.board()
    assert (world.windows.board().now, world.windows.board().next, world.windows.board().plans) == ((), (), ())


# ---- checklists, and the time afterwards -----------------------------------------------------------------------------------


def test_preparations_that_are_not_done_are_told_at_the_begin(world: World) -> None:
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
    world.passes(60)
    number = world.windows.board().next[0].id
    world.fails("shop/disk", State.UNKNOWN)
    world.passes(4 * 3600, 600)
    (told,) = world.messages("warning")
    assert (
        "2 of its preparations not done" in told.message.body
        and "shop/disk (UNKNOWN: it is UNKNOWN)" in told.message.body
    )
    row = world.row(number)
    assert [item.ok for item in row.items] == [None, False, None]


def test_a_person_ticks_and_a_check_answers(world: World) -> None:
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
    world.passes(60)
    number = world.windows.board().next[0].id
    world.windows.tick(number, CREW, 1)
    world.windows.look(number, CREW)
    row = world.row(number)
    assert [(item.ok, item.by) for item in row.items] == [(True, "bo"), (True, "bo"), (None, "")]
    world.passes(4 * 3600, 600)
    assert world.messages("warning") == []
    for position in (0, 2, 4):
        with pytest.raises(Usage, match=r"(?i)line"):
            world.windows.tick(number, CREW, position)


def test_half_an_hour_afterwards_is_watched_and_quiet_is_written_down(world: World) -> None:
    made = world.window("shop", lasts_s=600, after=("check:shop/disk", "The users were told"))
    world.passes(601)
    assert world.row(made.id).watched_at is None
    assert "shop/disk" in world.journal.asked  # every 5 min is too rare now
    world.reads("shop/disk", State.OK)
    world.passes(1800, 60)
    row = world.row(made.id)
    assert row.watched_at is not None and row.entry is not None
    with world.store.read() as session:
        draft = session.entry(row.entry).draft
    sections = dict(draft.sections)
    assert sections["Verification"] == "The watch afterwards: quiet for 30 min."
    assert sections["Procedure"] == "- [x] `shop/disk`: `OK: it is OK`\n- [ ] `The users were told`"
    assert draft.status == "Complete" and draft.facts["duration_s"] == 600.0
    world.passes(7200, 600)
    assert world.log().count(draft.title) == 1


def test_a_flip_afterwards_is_told_as_after_maintenance(world: World) -> None:
    made = world.window("shop", lasts_s=600)
    world.passes(700, 100)
    world.fails("shop/slow", State.WARN)  # opens no incident
    world.fails("shop/web")
    world.passes(10)
    assert (
        "After maintenance: window 1 of bo (new kernel) had ended 1 min 40 s before."
        in world.messages("opened")[0].message.body
    )
    (told,) = world.messages("warning")
    assert told.message.title == "After maintenance: shop/slow is WARN" and f"Window {made.id}" in told.message.body
    assert "after maintenance" in world.events(1, "window")[-1].text
    world.reads("shop/slow", State.OK)
    world.fails("shop/slow", State.WARN)
    world.passes(10)
    assert len(world.messages("warning")) == 1
    world.passes(1800, 60)
    with world.store.read() as session:
        draft = session.entry(world.row(made.id).entry or 0).draft
    assert draft.status == "Complete, not quiet"
    assert "3 flips in 30 min; not OK at its end: shop/slow, shop/web" in dict(draft.sections)["Verification"]


def test_a_window_that_was_over_while_main_was_away_is_carried_out_afterwards(world: World) -> None:
    world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
    world.passes(60)
    world.now += 10 * 3600
    world.restart()
    world.passes(10, 1)
    assert spans(world)[0] == (START + 4 * 3600, START + 5 * 3600)
    assert [each[2] for each in changes(world)] == [START + 4 * 3600, START + 5 * 3600]
    assert world.messages("warning") == []


# ---- automation ------------------------------------------------------------------------------------------------------------


def test_maintenance_stands_against_acting_and_a_silence_does_not(world: World) -> None:
    world.silence("all")

    def said(service: str, hosts: list[str]) -> str:
        with world.store.read() as session:
            return maintenance_of(session, world.holder.current, service, hosts, world.now)

    assert said("shop", ["app1"]) == ""
    made = world.window("shop/disk", lasts_s=600)
    assert said("shop", ["app1"]).startswith("shop is under maintenance until 2027-01-15 08:10:00 UTC: window ")
    assert said("mail", ["app1"]) == ""
    world.window("host:app2", lasts_s=600)
    assert said("mail", ["app2"]) != ""
    world.windows.end(made.id, CREW)
    assert said("shop", ["app1"]) == ""


def test_on_postgresql_it_is_the_same(server: str, tmp_path: Path) -> None:
    world = World(tmp_path / "state", url=fresh_database(server))
    try:
        world.write("watchkeeper.yaml", world.files["watchkeeper.yaml"] + WEEKLY)
        made = world.silence("shop", lasts_s=3600, remind_s=0)
        world.fails("shop/web")
        world.passes(1800, 600)
        assert world.messages() == []
        world.restart()
        world.passes(3600, 600)
        assert [each.message.kind for each in world.messages()] == ["opened"]
        assert world.row(made.id).entry is not None
        world.passes(3 * 3600, 1800)
        assert spans(world)[0] == (START + 4 * 3600, START + 5 * 3600)
    finally:
        world.store.close()
