"""The public status page: its rows on SQLite and PostgreSQL, what appears by itself, what operators post, what never leaks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.contract.test_store import NOW, server, store
from tests.fixtures.windows import CREW, FILES, START, Journal, World

from watchkeeper.core.actors import AGENT, Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.status_page import Notice, Update
from watchkeeper.services.history import History
from watchkeeper.services.status_page import Posting, StatusPageReader
from watchkeeper.services.status_page.telling import page_json
from watchkeeper.store.writer import Store

__all__ = ["server", "store"]
VIEWER = Actor("person", "vic", "viewer")
PAGE = """team: Harbour
timezone: Europe/Berlin
channels: {duty: {script: tools/page.sh}}
status_page:
  title: Harbour status
  publish: PUBLISH
  after: 2m
  components:
    - {name: Ordering, of: [shop/web, shop/slow], description: The desk}
    - {name: Post, of: [mail], group: Letters}
    - {name: Secret part, of: [shop/disk], hidden: true}
"""


class Seen(Journal):
    """A watch that lives, until it is said to be dead."""

    world: PublicWorld
    dead_since: float | None = None

    def last_alive(self) -> float | None:
        return self.dead_since if self.dead_since is not None else self.world.now


class PublicWorld(World):
    """The world with a status page."""

    def __init__(self, root: Path, publish: str = "auto", more: dict[str, str] | None = None) -> None:
        files = {**FILES, "watchkeeper.yaml": PAGE.replace("PUBLISH", publish), **(more or {})}
        super().__init__(root, files)
        self.journal = Seen()
        self.journal.world = self
        self._build()
        for key in self.holder.current.checks:
            self.reads(key, State.OK, silent=True)
        history = History(self.journal, lambda: self.now)
        self.posting = Posting(
            self.store, self.journal, self.holder, lambda: self.now, lambda text: text.replace("hunter2", "***"),
        )  # type: ignore[arg-type]  # fmt: skip
        self.reader = StatusPageReader(self.store, self.journal, history, self.holder, lambda: self.now)  # type: ignore[arg-type]

    def page(self) -> dict[str, object]:
        found = self.reader.page()
        assert found is not None
        return page_json(found)

    def part(self, key: str) -> dict[str, object]:
        return next(each for each in self.page()["components"] if each["key"] == key)  # type: ignore[attr-defined, index]

    def waits(self, seconds: float) -> None:
        self.now += seconds
        self.posting.beat()

    def acts(self) -> list[tuple[str, str]]:
        with self.store.read() as session:
            return [(each.act, each.actor) for each in reversed(session.audit_events(100))]


@pytest.fixture
def world(tmp_path: Path):
    made = PublicWorld(tmp_path / "state")
    yield made
    made.store.close()


# ---- rows -----------------------------------------------------------------------------------------------------------------


def test_rows_come_back_whole_and_one_incident_has_one_notice(store: Store) -> None:
    notice = Notice(0, 7, "Post é\0", ("post",), "down", "investigating", NOW, NOW + 1, "ana")
    kept = store.write(lambda session: session.add_notice(notice))
    again = store.write(lambda session: session.add_notice(replace(notice, title="another")))
    assert again.id == kept.id
    changed = replace(kept, title="T", published_at=NOW + 2, ended_at=NOW + 9, proven=True, withdrawn_why="w")
    update = Update(0, kept.id, NOW + 3, "watching", "said", "ana", NOW + 3, "ana")
    said = store.write(lambda session: (session.save_notice(changed), session.add_update(update))[1])
    store.write(lambda session: session.save_update(replace(said, discarded_at=NOW + 5)))
    with store.read() as session:
        assert session.notice(kept.id) == changed == session.notice_of(7)
        assert session.notice_of(8) is None and session.open_notices() == []
        assert session.notices(NOW, NOW + 1) == [changed] and session.notices(NOW + 1, NOW + 2) == []
        assert session.updates([kept.id]) == [replace(said, discarded_at=NOW + 5)] == [session.update(said.id)]
        assert session.updates([]) == []
        for missing in (lambda: session.notice(99), lambda: session.update(99)):
            with pytest.raises(NotFound):
                missing()


# ---- by itself ------------------------------------------------------------------------------------------------------------


def test_an_incident_appears_after_its_time_and_proof_closes_it(world: PublicWorld) -> None:
    world.fails("shop/web")
    world.waits(119)
    assert world.page()["incidents"] == [] and world.part("ordering")["state"] == "down"
    world.waits(2)
    (shown,) = world.page()["incidents"]  # type: ignore[misc]
    assert (
        shown["title"] == "Ordering: down" and shown["components"] == ["Ordering"] and shown["state"] == "investigating"
    )
    assert shown["updates"][0]["text"] == "Ordering is down. We are looking into it."
    assert "shop" not in json.dumps(world.page())
    number = world.open()[0].id
    world.recovers("shop/web")
    world.posting.beat()
    page = world.page()
    assert page["incidents"] == [] and page["state"] == "works" and page["sentence"] == "Everything works."
    (past,) = page["past"]  # type: ignore[misc]
    assert past["proven"] and past["state"] == "resolved"
    assert past["updates"][0]["text"].startswith("Ordering works again since 09:")
    words = [each.text for each in world.events(number, "public")]
    assert len(words) == 2 and words[0].startswith("On the status page, investigating")
    assert world.acts() == [("status_page.post", "watchkeeper")] * 2
    assert world.posting.beat() == 0


def test_a_warning_a_hidden_part_and_maintenance_do_not_appear(world: PublicWorld) -> None:
    world.fails("shop/disk")  # hidden
    world.window("mail")
    world.now += 1
    world.fails("mail/queue@app1")
    world.waits(300)
    assert world.page()["incidents"] == []
    post = world.part("post")
    assert post["state"] == "maintenance" and post["until_at"]
    assert [each["components"] for each in world.page()["maintenance"]] == [["Post"]]  # type: ignore[attr-defined]
    assert world.part("ordering")["state"] == "works"


def test_by_hand_nothing_appears_until_a_person_says_so(tmp_path: Path) -> None:
    world = PublicWorld(tmp_path / "state", "manual")
    world.fails("shop/web")
    world.waits(3600)
    assert world.page()["incidents"] == []
    board = world.reader.board()
    assert [(each.id, keys) for each, keys in board.untold] == [(1, ("ordering",))]
    world.posting.publish(1, CREW)
    assert world.page()["incidents"][0]["title"] == "Ordering: down"  # type: ignore[index]
    with pytest.raises(Usage, match="already"):
        world.posting.publish(1, CREW)
    world.store.close()


def test_it_comes_back_and_closing_by_hand_is_no_proof(world: PublicWorld) -> None:
    world.fails("shop/web")
    world.waits(121)
    world.incidents.close_unproven(1, CREW, "looked at it")
    world.waits(1)
    (past,) = world.page()["past"]  # type: ignore[misc]
    assert past["proven"] is False and "not proven it" in past["updates"][0]["text"]

    def reopen(session) -> None:
        incident = session.incident(1)
        session.save_incident(replace(incident, status="open", closed_at=None, ending=None, reopened=1))

    world.store.write(reopen)
    world.waits(5)
    (shown,) = world.page()["incidents"]  # type: ignore[misc]
    assert shown["state"] == "investigating" and shown["updates"][0]["text"].startswith("It is back")


def test_what_needs_the_failing_one_is_told_under_its_public_name(tmp_path: Path) -> None:
    more = {
        "services/mail.yaml": FILES["services/mail.yaml"].replace(
            "service: mail\n", "service: mail\ndepends_on: [shop]\n"
        )
    }
    world = PublicWorld(tmp_path / "state", "auto", more)
    world.fails("shop/disk")  # a hidden part, which Post needs
    world.waits(130)
    assert world.page()["incidents"] == []  # Post is well
    world.reads("mail/queue@app1", State.WARN)
    world.waits(5)
    (shown,) = world.page()["incidents"]  # type: ignore[misc]
    assert shown["components"] == ["Post"] and shown["title"] == "Post: late or slow"
    world.reads("shop/web", State.CRIT)
    world.recorder.follow()
    world.waits(5)
    (shown,) = world.page()["incidents"]  # type: ignore[misc]
    assert shown["components"] == ["Ordering", "Post"] and shown["impact"] == "down"
    world.store.close()


# ---- by operators ---------------------------------------------------------------------------------------------------------


def test_drafts_wait_and_updates_are_never_changed(world: PublicWorld) -> None:
    world.fails("shop/web")
    notice, draft = world.posting.post(1, CREW, "We know it; hunter2", draft=True)
    assert not notice.public and draft.text == "We know it; ***"
    assert world.page()["incidents"] == []
    world.posting.publish_update(draft.id, CREW)
    assert world.page()["incidents"][0]["updates"][0]["text"] == "We know it; ***"  # type: ignore[index]
    for again in (world.posting.publish_update, world.posting.discard):
        with pytest.raises(Usage, match="what was said stays"):
            again(draft.id, CREW)
    _, second = world.posting.post(1, CREW, "not so", draft=True)
    world.posting.discard(second.id, CREW)
    world.now += 1
    _, third = world.posting.post(1, CREW, "A release is taken back.", "identified", title=" Orders\nlate ")
    shown = world.page()["incidents"][0]  # type: ignore[index]
    assert [each["id"] for each in shown["updates"]] == [third.id, draft.id]
    assert shown["title"] == "Orders late" and shown["state"] == "identified"
    assert [act for act, _ in world.acts()] == [
        "status_page.draft", "status_page.publish", "status_page.draft", "status_page.discard", "status_page.post",
    ]  # fmt: skip
    assert len(world.events(1, "public")) == 5


def test_withdrawn_is_gone_with_a_reason_and_can_come_back(world: PublicWorld) -> None:
    world.fails("shop/web")
    world.waits(121)
    world.posting.withdraw(1, CREW, "a test of ours")
    assert world.page()["incidents"] == []
    world.waits(600)
    assert world.page()["incidents"] == []  # it does not come back by itself
    with pytest.raises(Usage, match="withdrawn"):
        world.posting.post(1, CREW, "more")
    world.posting.publish(1, CREW)
    assert len(world.page()["incidents"]) == 1  # type: ignore[arg-type]
    assert ("status_page.withdraw", "bo") in world.acts()
    with pytest.raises(Usage, match="empty"):
        world.posting.withdraw(1, CREW, " \n")


def test_who_may_and_what_is_refused(world: PublicWorld) -> None:
    world.fails("shop/web")
    for actor in (VIEWER, AGENT):
        with pytest.raises(Forbidden):
            world.posting.post(1, actor, "hello")
    with pytest.raises(Usage, match="not proven to be over"):
        world.posting.post(1, CREW, "over", "resolved")
    for wrong in (
        {"text": " "},
        {"text": "x" * 5000},
        {"text": "x", "stage": "done"},
        {"text": "x", "impact": "works"},
    ):
        with pytest.raises(Usage):
            world.posting.post(1, CREW, **wrong)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        world.posting.post(1, CREW, "x", components=["secret-part"])
    with pytest.raises(NotFound):
        world.posting.post(99, CREW, "x")
    world.fails("shop/disk")
    assert world.acts() == []


def test_without_the_key_there_is_no_page(tmp_path: Path) -> None:
    world = PublicWorld(tmp_path / "state", "auto", {"watchkeeper.yaml": FILES["watchkeeper.yaml"]})
    world.fails("shop/web")
    assert world.reader.page() is None and world.posting.beat() == 0
    with pytest.raises(Usage, match="no key 'status_page'"):
        world.posting.post(1, CREW, "x")
    world.store.close()


# ---- the past, and what nobody sees ---------------------------------------------------------------------------------------


def test_days_shares_and_a_dead_watch(world: PublicWorld) -> None:
    world.fails("shop/web")
    world.now += 1800
    world.recovers("shop/web")
    part = world.part("ordering")
    assert part["days"][-1] == "down" and part["days"][:-1] == [None] * 89  # type: ignore[index]
    share = part["availability"]["30d"]  # type: ignore[index]
    assert 0.0 < share < 0.05
    world.now += 86_400
    assert world.part("ordering")["days"][-2:] == ["down", "works"]  # type: ignore[index]
    world.journal.dead_since = world.now
    world.now += 120
    page = world.page()
    assert {each["state"] for each in page["components"]} == {"unknown"}  # type: ignore[attr-defined]
    assert str(page["sentence"]).startswith("We cannot see whether")


def test_months(world: PublicWorld) -> None:
    world.fails("shop/web")
    world.waits(121)
    found = world.reader.month("2027-01")
    assert found is not None and [each.title for each in found[1]] == ["Ordering: down"] and found[2] == ("2026-12", "")
    for wrong in ("2027-02", "2027-13", "x"):
        with pytest.raises(NotFound):
            world.reader.month(wrong)


def test_a_canary_in_every_internal_field_never_reaches_the_public(tmp_path: Path) -> None:
    files = {
        "hosts.yaml": FILES["hosts.yaml"] + "  canary-host: {ssh: canary@canary.example.org, labels: {canary: canary}}\n",
        "services/canary.yaml": (
            "service: canary\ndescription: canary\nowner: canary\nhosts: [canary-host]\nlabels: {canary: canary}\n"
            "config: [/canary]\nrepository: canary\nlogs: [/canary.log]\ndocs: [canary.md]\nchecks:\n"
            "  - {name: canary, tcp: 'canary.example.org:80', every: 10s}\n"
        ),
        "watchkeeper.yaml": (
            "team: canary\nchannels: {canary: {script: tools/canary.sh}}\nstatus_page:\n  title: Status\n  publish: auto\n"
            "  after: 0s\n  components:\n    - {name: Orders, of: [canary]}\n"
            "    - {name: Canary hidden, of: [canary/canary], hidden: true}\n"
        ),
    }  # fmt: skip
    world = PublicWorld(tmp_path / "state", "auto", files)
    world.window("canary")
    world.fails("canary/canary")
    world.incidents.acknowledge(1, replace(CREW, name="canary"))
    world.incidents.note(1, CREW, "canary")
    world.posting.post(1, replace(CREW, name="canary"), "Orders come late.")
    world.posting.post(1, replace(CREW, name="canary"), "canary", draft=True)
    world.posting.withdraw(1, replace(CREW, name="canary"), "canary")
    world.posting.publish(1, CREW)
    page = world.reader.page()
    assert page is not None and len(page.open) == 1 and page.planned
    assert "canary" not in json.dumps(asdict(page)).lower()
    assert "canary" not in json.dumps(page_json(page)).lower()
    world.recovers("canary/canary")
    world.posting.beat()
    month = world.reader.month("2027-01")
    assert month is not None and "canary" not in json.dumps([asdict(each) for each in month[1]]).lower()
    assert world.now > START
    world.store.close()
