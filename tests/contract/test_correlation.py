"""One cause, one message, and the truth of every child: on the real store and outbox, with a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fixtures.virtual_watch import Office, a_service

from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Status

CHILDREN = 48


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(services: dict[str, str], **more: object) -> Office:
        made.append(Office(tmp_path / f"house{len(made)}", services, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


def pages(office: Office) -> list[str]:
    """Titles of what told people that something is wrong."""
    return [message.title for _, message in office.phone.got if message.kind in ("opened", "escalated")]


@pytest.mark.parametrize("seed", range(1))
def test_one_parent_with_48_children_down_is_one_message_and_then_the_truth(
    office: Callable[..., Office], seed: int
) -> None:
    names = [f"shop{number:02}" for number in range(CHILDREN)]
    services = {"db": a_service()} | {
        # some hang on the parent itself, some on one another: grand-children are children too
        name: a_service("db" if at % 3 else f"db, {names[at - 1]}" if at else "db")
        for at, name in enumerate(names)
    }
    desk = office(services, seed=seed)
    desk.run(12)
    assert desk.all() == [] and desk.phone.got == []
    desk.world.break_("db")
    desk.run(40)
    parent = desk.of("db")
    assert parent is not None and [each.id for each in desk.open()] == [parent.id]
    assert len(desk.phone.got) == 1, [message.title for _, message in desk.phone.got]
    (_, told) = desk.phone.got[0]
    assert told.incident == parent.id
    assert all(name in told.body for name in names), "the one message names every child"
    settled = desk.world.settled()
    assert all(settled[f"{name}/web"].state is State.CRIT for name in names), "their checks were never suppressed"
    assert {each.service for each in desk.incidents.parts(parent)} == set(names)

    # the parent comes back, and three of its children do not
    for name in ("shop07", "shop21", "shop40"):
        desk.world.break_(name)
    before = len(desk.phone.got)
    desk.world.mend("db")
    proven_at = desk.until(lambda: all(held.proven_at for held in desk.incidents.get(parent.id).checks), 12)
    desk.run(5.0 + 1.0)  # one interval of the children, and two beats
    down = {name for name in names if desk.world.is_down(name, desk.world.now)}
    roots = {"shop07", "shop21", "shop40"}
    assert roots <= down
    opened = {each.service for each in desk.open()}
    assert opened == roots | {"db"}, f"each pages within one interval of {proven_at}"
    desk.rest(70)  # what is grouped comes within the minute
    titles = "\n".join(f"{message.title}\n{message.body}" for _, message in desk.phone.got[before:])
    assert all(f"{name}/web" in titles for name in roots)
    closed = desk.incidents.get(parent.id)
    assert closed.status is Status.CLOSED
    (end,) = [each.message for each in desk.notifications(parent.id) if each.message.kind == "closed"]
    assert all(name in end.body.partition("not well yet:")[2] for name in roots), end.body
    truth = {each.service: each for each in desk.incidents.parts(closed)}
    assert set(truth) == set(names)
    assert {name for name, part in truth.items() if part.state is not State.OK} == down
    for name in roots:
        desk.world.mend(name)
    desk.rest(80)
    assert desk.open() == []
    assert all(each.status is Status.CLOSED for each in desk.all())


def two(office: Callable[..., Office], **more: object) -> Office:
    """A database and a shop that needs it; the database is asked rarely, so the shop shows it first."""
    desk = office(
        {"db": a_service(every="30s"), "shop": a_service("db", every="2s"), "desk": a_service("shop", every="2s")},
        **more,
    )
    desk.run(31)
    assert desk.all() == []
    return desk


def test_a_child_that_flips_first_is_merged_before_anybody_is_told_of_it(office: Callable[..., Office]) -> None:
    desk = two(office)
    desk.world.break_("db")
    desk.run(6)
    assert [each.service for each in desk.open()] == ["db"]
    shop = next(each for each in desk.all() if each.status is Status.MERGED)
    assert shop.merged_into == desk.open()[0].id
    assert desk.world.asked, "what it depends on was asked at once, not in 30 s"
    assert pages(desk) == ["P2 db/web: exit code 7"]
    assert "shop" in desk.phone.got[0][1].body and "desk" in desk.phone.got[0][1].body
    assert any("is the cause" in event.text for event in desk.events(shop.id))
    assert any(f"Incident {shop.id} ({shop.service}" in event.text for event in desk.events(desk.open()[0].id))
    with desk.store.read() as session:
        assert [run.state.value for run in session.runs(incident=shop.id)] == ["cancelled"], "its proposal is withdrawn"
    desk.world.mend("db")
    desk.rest(200)
    assert {each.status for each in desk.all()} == {Status.CLOSED}
    assert desk.phone.kinds() == ["opened", "closed"], "one page, one recovery; nobody was told of the shop alone"
    assert all(each.ending and each.ending.value == "recovered_by_itself" for each in desk.all())


def test_a_child_whose_causes_are_well_is_told_within_two_seconds(office: Callable[..., Office]) -> None:
    desk = two(office)
    desk.world.break_("shop")
    at = desk.until(lambda: desk.of("shop"), 5)
    told = desk.until(lambda: desk.phone.got, 5)
    assert told - at <= 2.0
    shop = desk.of("shop")
    assert shop is not None and shop.held_until is None and pages(desk) == ["P2 shop/web: exit code 7"]


@pytest.mark.parametrize("watch_answers", [True, False])
def test_a_page_that_waits_goes_out_when_its_time_is_over(office: Callable[..., Office], watch_answers: bool) -> None:
    desk = two(office, team="correlate_within: 6s\n")
    desk.world.answers = watch_answers
    desk.world.values["db/web"] = State.UNKNOWN  # its cause says nothing
    desk.world.break_("shop")
    at = desk.until(lambda: desk.of("shop"), 5)
    desk.run(5)
    assert desk.phone.got == []
    told = desk.until(lambda: desk.phone.got, 3)
    assert 5.5 <= told - at <= 6.6


def test_without_time_to_correlate_every_page_goes_at_once(office: Callable[..., Office]) -> None:
    desk = office({"db": a_service(), "shop": a_service("db")}, team="correlate_within: 0s\n")
    desk.run(11)
    desk.world.break_("shop")
    at = desk.until(lambda: desk.of("shop"), 5)
    assert desk.phone.got and desk.phone.got[0][0] == at


def test_a_page_that_was_sent_covers_its_cause_unless_that_is_more_severe(office: Callable[..., Office]) -> None:
    for tier, expected in ((2, 1), (1, 2)):
        services = {
            "db": f"tier: {tier}\n" + a_service(every="30s"),
            "shop": a_service("db", every="2s"),
        }
        desk = office(services, team="correlate_within: 0s\n")
        desk.run(31)
        desk.world.break_("db")
        desk.run(31)
        parent, shop = desk.of("db"), desk.of("shop")
        assert parent is not None and shop is not None and shop.status is Status.MERGED
        assert len(pages(desk)) == expected, pages(desk)
        covered = [event for event in desk.events(parent.id) if event.text.startswith("Told already")]
        assert len(covered) == (1 if expected == 1 else 0)
        desk.world.mend("db")
        desk.rest(300)
        assert desk.open() == [] and desk.phone.kinds().count("closed") >= 1, "whoever was called is told the end"


def test_a_cause_that_comes_much_later_is_another_incident(office: Callable[..., Office]) -> None:
    desk = two(office)
    desk.world.break_("shop")
    desk.rest(200)
    desk.world.break_("db")
    desk.run(40)
    assert {each.service for each in desk.open()} == {"db", "shop"}


def test_grand_parents_take_over_what_was_merged_into_their_children(office: Callable[..., Office]) -> None:
    desk = office(
        {
            "disk": a_service(every="50s"),
            "db": a_service("disk", every="12s"),
            "shop": a_service("db", every="2s"),
        },
        team="correlate_within: 0s\n",
    )
    desk.run(51)
    desk.world.answers = False  # nobody asks at once, so they fail one after the other
    desk.world.break_("disk")
    desk.run(55)
    root = desk.of("disk")
    assert root is not None and [each.service for each in desk.open()] == ["disk"]
    merged = {each.service: each.merged_into for each in desk.all() if each.status is Status.MERGED}
    assert merged == {"db": root.id, "shop": root.id}
    assert {each.service for each in desk.incidents.parts(root)} == {"db", "shop"}


def test_who_acknowledged_the_child_has_the_whole(office: Callable[..., Office]) -> None:
    from watchkeeper.core.actors import Actor

    desk = two(office, team="correlate_within: 0s\n")
    desk.world.answers = False
    desk.world.break_("db")
    desk.until(lambda: desk.of("shop"), 5)
    shop = desk.of("shop")
    assert shop is not None
    desk.incidents.acknowledge(shop.id, Actor("person", "ada", "operator"))
    desk.run(31)
    parent = desk.of("db")
    assert parent is not None and parent.acknowledged_by == "ada" and parent.owner == "ada"


def test_an_own_trouble_of_the_child_is_its_own_incident(office: Callable[..., Office]) -> None:
    """A full disk of the database holds nobody; the shop's own full disk is held by nobody."""
    disk = "  - {name: disk, disk: /srv, every: 5s, crit: free < 10%}\n"
    desk = office({"db": a_service(more=disk), "shop": a_service("db", more=disk)})
    desk.run(11)
    desk.world.values["db/disk"] = State.CRIT
    desk.run(11)
    desk.world.break_("shop")
    desk.run(16)
    assert {each.service for each in desk.open()} == {"db", "shop"}
    desk.world.mend("shop")
    desk.world.values["db/disk"] = State.OK
    desk.rest(200)
    assert desk.open() == []
    desk.world.break_("db")
    desk.run(11)
    desk.world.values["shop/disk"] = State.CRIT
    desk.run(11)
    shop = desk.of("shop")
    assert shop is not None and shop.status is Status.OPEN
    assert [held.check for held in shop.checks] == ["shop/disk"]


def test_a_lost_host_takes_in_the_services_that_failed_just_before(office: Callable[..., Office]) -> None:
    hosts = "hosts: {app1: {local: true}, db1: {ssh: nobody@127.0.0.1}}\n"
    on_db1 = a_service(every="10s").replace("hosts: [app1]", "hosts: [db1]")
    desk = office({"db": on_db1, "shop": a_service("db", every="2s")}, hosts=hosts)
    desk.run(11)
    desk.world.break_("shop")
    desk.world.gone.add("db1")
    desk.run(25)
    lost = next(each for each in desk.all() if not each.service)
    shop = desk.of("shop")
    assert shop is not None and shop.status is Status.MERGED and shop.merged_into == lost.id
    assert sum(title.startswith("P2") and "needs you" not in title for title in pages(desk)) == 1
    desk.world.gone.clear()
    desk.run(40)
    back = desk.of("shop")
    assert back is not None and back.status is Status.OPEN, "its cause is over, and it still fails by itself"


def test_a_host_that_is_lost_again_within_a_day_is_the_same_incident(office: Callable[..., Office]) -> None:
    hosts = "hosts: {app1: {local: true}, db1: {ssh: nobody@127.0.0.1}}\n"
    desk = office({"db": a_service().replace("hosts: [app1]", "hosts: [db1]")}, hosts=hosts)
    desk.run(11)
    for _ in range(2):
        desk.world.gone.add("db1")
        desk.run(20)
        assert len(desk.open()) == 1
        desk.world.gone.clear()
        desk.rest(200)
    assert [(each.service, each.host, each.reopened) for each in desk.all()] == [("", "db1", 1)]


def test_another_check_soon_after_the_end_is_the_same_trouble(office: Callable[..., Office]) -> None:
    more = "  - {name: queue, command: 'true', from: host, every: 5s, crit: exit_code != 0}\n"
    desk = office({"shop": a_service(more=more)})
    desk.run(11)

    def fails(check: str) -> None:
        desk.world.values[check] = State.CRIT
        desk.run(15)
        desk.world.values[check] = State.OK
        desk.rest(200)
        assert desk.open() == []

    fails("shop/web")
    fails("shop/queue")
    assert [each.reopened for each in desk.all()] == [1]
    assert not desk.all()[0].recurring, "another check says nothing against the fix"
    desk.rest(3700, 200.0)
    more_than_an_hour_later = len(desk.all())
    fails("shop/web")
    assert len(desk.all()) == more_than_an_hour_later, "the same check within 24 h"
    assert any("Another check of shop" in event.text for event in desk.events(desk.all()[0].id))


def test_a_cause_that_only_warns_any_more_lets_go_of_what_still_fails(office: Callable[..., Office]) -> None:
    """Neither well nor down: it explains nothing, though nothing of it is proven."""
    desk = office({"db": a_service(), "shop": a_service("db"), "desk": a_service("db")})
    desk.run(11)
    desk.world.break_("db")
    desk.run(20)
    assert [each.service for each in desk.open()] == ["db"]
    desk.world.break_("shop")
    desk.world.mend("db")
    desk.world.values["db/web"] = State.WARN
    desk.until(lambda: any(each.service == "shop" for each in desk.open()), 15)
    desk.run(10)
    assert {each.service for each in desk.open()} == {"db", "shop"}
