"""Approvals, roles, grants and locks, on the real store, the real spool of this machine and a clock that can be set.

Each test tries to get a command to run that nobody agreed to, as it is now.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.journeys.test_trust import Desk

from watchkeeper.core.actors import AGENT, LOCAL, Actor, RoleOn
from watchkeeper.core.approvals import pins_digest, so_far
from watchkeeper.core.errors import Forbidden, Locked, NeedsFactor, Usage, WatchkeeperError
from watchkeeper.core.incidents.values import Status
from watchkeeper.core.runs.values import Approval, Run, RunState, StepState
from watchkeeper.services import performing
from watchkeeper.services.accounts import Accounts, signed_in
from watchkeeper.services.deadlines import Deadlines
from watchkeeper.services.locks import Locks, claim_incident
from watchkeeper.services.ports import Session
from watchkeeper.services.tokens import Tokens

ADA = Actor("person", "ada", "admin")
BEN = Actor("person", "ben", "approver")
EVE = Actor("person", "eve", "operator")
VIC = Actor("person", "vic", "viewer")


class Room(Desk):
    """A desk whose fix is a script file on the host, and a second host name for the same machine."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.script = root / "fix.sh"
        self.say("touch", self.data / "fixed")

    def say(self, *words: object) -> None:
        self.script.write_text("#!/bin/sh\n" + " ".join(str(word) for word in words) + "\n")
        self.script.chmod(0o755)

    def ready(self, fix: str = "", mode: str = "propose", attrs: str = "", **more: str) -> Room:
        self.write(fix=fix or f"{self.script} --now", mode=mode, attrs=attrs, **more)
        self.open()
        self.accounts = Accounts(self.store, self.holder, self.clock)
        self.locks = Locks(self.store, self.holder, self.clock)
        return self

    def sign_in(self, *persons: Actor) -> None:
        for person in persons:
            self.accounts.add(person.name, LOCAL, (RoleOn(person.role), *person.roles), invite=False)
            Tokens(self.store, self.accounts, self.clock).add("desk", LOCAL, person.name)

    def waiting(self) -> tuple[Run, Approval]:
        """The check fails; the run that waits, and what is asked."""
        run = self.run_of(self.fails())
        return run, self.asked(run)

    def asked(self, run: Run) -> Approval:
        return self.approvals.of_run(run.id, pending=True)[0]

    def reload(self) -> None:
        self.holder.refresh()
        self.holder.refresh()
        assert self.holder.fault == ""
        self.hosts.replace(self.holder.current.hosts)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()


def why(room: Room, run: Run) -> str:
    return room.runs.get(run.id).parked_why


# ---- the bytes that were agreed to ----------------------------------------------------------------------------------


def test_the_request_names_the_script_its_digest_and_the_host(room: Room) -> None:
    run, asked = room.ready().waiting()
    assert asked.pins is not None
    [script] = asked.pins.scripts
    assert (script.host, script.path, len(script.digest)) == ("app1", str(room.script), 64)
    assert asked.pins.places == {"app1": "local"}
    assert asked.needs == "operator"
    done = room.approve(run)
    assert room.fixed and done.state is RunState.VERIFYING


def test_a_script_that_changes_after_the_approval_does_not_run_and_is_asked_anew(room: Room) -> None:
    run, asked = room.ready().waiting()
    room.approvals.approve(run.id, EVE, binds=asked.binds)
    room.say("touch", room.data / "evil")
    room.work()
    assert not (room.data / "evil").exists() and not room.fixed
    again = room.asked(run)
    assert again.binds != asked.binds
    assert f"{room.script} on app1 was changed since it was approved" in why(room, run)
    assert f"{room.script} on app1 was changed" in room.incidents.get(run.incident or 0).why_not_acted
    states = {each.binds: each.decided for each in room.approvals.of_run(run.id)}
    assert states == {asked.binds: "void", again.binds: ""}
    with pytest.raises(Usage, match="not the text that was shown"):
        room.approvals.approve(run.id, EVE, binds=asked.binds)
    room.approvals.approve(run.id, EVE, binds=again.binds)
    room.work()
    assert (room.data / "evil").exists(), "these bytes were shown and agreed to"


def test_a_script_that_is_gone_or_comes_to_a_likelier_place_voids(room: Room) -> None:
    run, _ = room.ready(fix=f"cd {room.data}\n./fix.sh\ncd {room.root}\n./fix.sh").waiting()
    room.approvals.approve(run.id, EVE)
    shutil.copy(room.script, room.data / "fix.sh")
    room.work()
    assert not room.fixed and "fix.sh on app1 was not looked at when it was approved" in why(room, run)
    room.approvals.approve(run.id, EVE)
    room.script.unlink()
    (room.data / "fix.sh").unlink()
    room.work()
    assert not room.fixed and room.runs.get(run.id).state is RunState.PARKED
    assert "there is no such file now" in why(room, run)


def test_an_interpreter_a_sourced_file_and_a_fed_file_are_held_fast(room: Room) -> None:
    helper, fed = room.root / "helper.sh", room.root / "fed.sql"
    helper.write_text("helper() { :; }\n")
    fed.write_text("touch /dev/null\n")
    fix = f". {helper}\nbash {room.script}\nbash < {fed}"
    run, asked = room.ready(fix=fix).waiting()
    assert asked.pins is not None
    assert {each.path for each in asked.pins.scripts} == {str(helper), str(room.script), str(fed)}
    room.approvals.approve(run.id, EVE)
    helper.write_text("helper() { :; } # one more byte\n")
    room.work()
    assert not room.fixed and str(helper) in why(room, run)


def test_a_host_entry_that_points_elsewhere_voids_request_and_approval(room: Room) -> None:
    run, asked = room.ready().waiting()
    entry = room.ops / "hosts.yaml"
    before = entry.read_text()
    entry.write_text("hosts: {app1: {ssh: deploy@127.0.0.1, port: 9}, far: {ssh: nobody@127.0.0.1, port: 9}}\n")
    room.reload()
    with pytest.raises(Usage, match=r"void: app1 in hosts\.yaml is another machine or user than when it was asked"):
        room.approvals.approve(run.id, EVE, binds=asked.binds)
    entry.write_text(before)
    room.reload()
    room.approvals.approve(run.id, EVE, binds=asked.binds)
    entry.write_text("hosts: {app1: {local: true, become: sudo -n}, far: {ssh: nobody@127.0.0.1, port: 9}}\n")
    room.reload()
    room.work()
    assert not room.fixed
    assert "app1 in hosts.yaml is another machine or user" in why(room, run) and "local sudo -n now" in why(room, run)


def test_a_run_by_hand_shows_and_holds_fast_what_it_starts(room: Room) -> None:
    room.ready()
    shown = room.runs.plan("runbooks/web.md", "shop", {}, (), LOCAL)
    assert shown.pins is not None and [each.path for each in shown.pins.scripts] == [str(room.script)]
    room.say("touch", room.data / "evil")
    with pytest.raises(Usage, match=r"script file of runbooks/web\.md has changed since its plan was shown"):
        room.runs.start("runbooks/web.md", "shop", {}, (), LOCAL, shown.plan.digest, pins_digest(shown.pins))
    run = room.runs.start("runbooks/web.md", "shop", {}, (), LOCAL)
    room.say("touch", room.data / "worse")
    room.work()
    assert sorted(path.name for path in room.data.iterdir()) == []
    assert f"{room.script} on app1 was changed since it was started" in why(room, run)
    room.approvals.approve(run.id, LOCAL)
    room.work()
    assert (room.data / "worse").exists()


def test_a_grant_covers_the_script_as_it_was_when_it_was_given(room: Room) -> None:
    room.ready(mode="auto")
    grant = room.grants.add("shop/runbooks/web.md", BEN)
    assert grant.pins is not None and grant.pins.places == {"app1": "local"}
    room.say("touch", room.data / "evil")
    incident = room.fails()
    run = room.run_of(incident)
    assert (run.state, run.mode) == (RunState.PARKED, "propose")
    assert not (room.data / "evil").exists()
    assert f"{room.script} on app1 was changed since it was granted" in room.incidents.get(incident.id).why_not_acted


def test_a_grant_whose_script_is_the_same_acts(room: Room) -> None:
    room.ready(mode="auto")
    room.grants.add("shop/runbooks/web.md", BEN)
    room.fails()
    assert room.fixed


def test_a_host_without_an_answer_holds_nothing_fast(room: Room) -> None:
    room.ready(attrs='{"host":"far"}')
    run, asked = room.waiting()
    assert asked.pins is not None and asked.pins.scripts[0].note == "the host gave no answer"
    room.approvals.approve(run.id, EVE)
    room.work()
    assert room.runs.get(run.id).state is RunState.PARKED and "far gave no answer" in why(room, run)


def test_a_digest_of_an_earlier_request_is_refused_also_after_a_new_request(room: Room) -> None:
    run, first = room.ready().waiting()
    room.say("true")
    room.runs.resume(run.id, EVE)
    room.work()
    second = room.asked(run)
    assert second.id != first.id and second.binds != first.binds
    with pytest.raises(Usage, match="not the text that was shown"):
        room.approvals.approve(run.id, EVE, binds=first.binds)
    assert room.runs.get(run.id).state is RunState.PARKED


# ---- who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        (AGENT, "agent is not a person"),
        (Actor("agent", "helper", "admin"), "helper is not a person"),
        (Actor("watchkeeper", "watchkeeper", "admin"), "watchkeeper is not a person"),
        (VIC, "you are a viewer"),
        (Actor("person", "zed"), "you are a viewer"),
        (replace(ADA, scope="read"), "Your token reaches as far as read"),
    ],
)
def test_agents_and_viewers_decide_and_start_nothing(room: Room, actor: Actor, said: str) -> None:
    run, asked = room.ready().waiting()
    acts: list[Callable[[], object]] = [
        lambda: room.approvals.approve(run.id, actor, binds=asked.binds),
        lambda: room.approvals.deny(run.id, actor),
        lambda: room.approvals.fill(run.id, actor, {"x": "y"}),
        lambda: room.runs.resume(run.id, actor),
        lambda: room.runs.undo(run.id, actor),
        lambda: room.grants.add("shop/runbooks/web.md", actor),
        lambda: room.automation.switch(True, actor),
        lambda: room.locks.take("deploy:shop", actor, 600, "x"),
        lambda: room.accounts.add("mel", actor, (RoleOn("admin"),)),
    ]
    if actor.kind == "person":
        acts.append(lambda: room.runs.start("runbooks/web.md", "shop", {}, (), actor))
    for act in acts:
        with pytest.raises(Forbidden, match=said):
            act()
    assert room.runs.get(run.id).state is RunState.PARKED and not room.fixed


def test_an_agent_may_stop_things_and_a_viewer_may_not(room: Room) -> None:
    run, _ = room.ready().waiting()
    with pytest.raises(Forbidden, match="you are a viewer"):
        room.runs.cancel(run.id, VIC)
    with pytest.raises(Forbidden, match="you are a viewer"):
        room.automation.switch(False, VIC)
    assert room.automation.switch(False, AGENT, "something is odd")[0] is False
    assert room.runs.cancel(run.id, AGENT).state is RunState.CANCELLED


def test_what_destroys_needs_an_approver_also_in_a_run_by_hand(room: Room) -> None:
    (room.data / "old").mkdir()
    room.ready(fix=f"rm -rf {room.data}/old")
    run, asked = room.waiting()
    assert asked.needs == "approver"
    with pytest.raises(Forbidden, match="it takes an approver or more, and you are an operator there"):
        room.approvals.approve(run.id, EVE)
    room.runs.cancel(run.id, EVE)
    by_hand = room.runs.start("runbooks/web.md", "shop", {}, (), EVE)
    room.work()
    assert (room.data / "old").exists() and room.runs.get(by_hand.id).state is RunState.PARKED
    with pytest.raises(Forbidden):
        room.approvals.approve(by_hand.id, EVE)
    room.approvals.approve(by_hand.id, BEN)
    room.work()
    assert not (room.data / "old").exists()


def test_what_was_raised_stays_raised_when_a_value_is_given_or_the_run_goes_on(room: Room) -> None:
    (room.data / "old").mkdir()
    fix = f"touch {room.data}/<name>\n```\n\n```bash\nrm -rf {room.data}/old/<name>; rmdir {room.data}/old; false"
    room.ready(fix=fix)
    run = room.runs.start("runbooks/web.md", "shop", {}, (), EVE)
    room.work()
    room.approvals.fill(run.id, EVE, {"name": "x"})
    room.approvals.approve(run.id, EVE)
    room.work()
    assert (room.data / "x").exists() and (room.data / "old").exists()
    assert room.runs.get(run.id).state is RunState.PARKED and room.asked(run).needs == "approver"
    room.approvals.approve(run.id, BEN)
    room.work()
    assert room.runs.get(run.id).state is RunState.FAILED and not (room.data / "old").exists()
    (room.data / "old").mkdir()
    room.runs.resume(run.id, EVE)
    room.work()
    assert (room.data / "old").exists(), "an approval is for once: going on asks again"
    assert room.asked(run).needs == "approver"


def test_a_grant_needs_an_approver(room: Room) -> None:
    room.ready(mode="auto")
    with pytest.raises(Forbidden, match="You may read, not grant: that takes an approver"):
        room.grants.add("shop/runbooks/web.md", EVE)


def test_an_unknown_word_asks_for_the_most_and_says_so(room: Room) -> None:
    room.ready(attrs='{"approve":"aprover"}')
    run, asked = room.waiting()
    assert asked.needs == "two admins"
    assert "approve=aprover, which is no role" in why(room, run)
    for actor in (EVE, BEN):
        with pytest.raises(Forbidden):
            room.approvals.approve(run.id, actor)


def test_a_file_that_says_no_or_viewer_lowers_nothing(room: Room) -> None:
    (room.data / "old").mkdir()
    room.ready(fix=f"rm -rf {room.data}/old", attrs='{"approve":"viewer"}')
    run, asked = room.waiting()
    assert asked.needs == "approver"
    with pytest.raises(Forbidden):
        room.approvals.approve(run.id, EVE)
    assert (room.data / "old").exists() and run.state is RunState.PARKED


# ---- on some services only ------------------------------------------------------------------------------------------


def test_a_role_on_another_service_is_none_here(room: Room) -> None:
    room.ready(attrs='{"approve":"approver"}')
    run, asked = room.waiting()
    desk = Actor("person", "dot", roles=(RoleOn("admin", "desk"), RoleOn("admin", "tier=1")))
    here = Actor("person", "cat", roles=(RoleOn("operator", "shop"),))
    acts: list[Callable[[Actor], object]] = [
        lambda actor: room.approvals.approve(run.id, actor, binds=asked.binds),
        lambda actor: room.approvals.deny(run.id, actor),
        lambda actor: room.approvals.fill(run.id, actor, {"x": "y"}),
        lambda actor: room.runs.resume(run.id, actor),
        lambda actor: room.runs.undo(run.id, actor),
        lambda actor: room.runs.start("runbooks/web.md", "shop", {}, (), actor),
        lambda actor: room.grants.add("shop/runbooks/web.md", actor),
        lambda actor: room.locks.take("deploy:shop", actor, 600, "x"),
    ]
    for act in acts:
        with pytest.raises(
            Forbidden, match=r"You may read shop, not .* on it: that takes an? .* there, and you are a viewer"
        ):
            act(desk)
    with pytest.raises(Forbidden, match="it takes an approver or more, and you are an operator there"):
        room.approvals.approve(run.id, here, binds=asked.binds)
    chief = replace(here, roles=(RoleOn("approver", "shop"),))
    with pytest.raises(NeedsFactor, match="second factor"):
        room.approvals.approve(run.id, replace(chief, fresh=False), binds=asked.binds)
    assert not room.fixed
    room.approvals.approve(run.id, chief, binds=asked.binds)
    room.work()
    assert room.fixed


def test_the_two_are_counted_where_they_have_their_role(room: Room) -> None:
    dot = Actor("person", "dot", roles=(RoleOn("approver", "desk"),))
    room.ready(attrs='{"approve":"two"}').sign_in(ADA, dot)
    run, _ = room.waiting()
    assert "only ada can here" in why(room, run), "an approver of another service is none of the two"


def test_an_agent_asks_for_a_run_and_every_step_waits_for_a_person(room: Room) -> None:
    room.ready()
    asked = room.runs.start("runbooks/web.md", "shop", {}, (), AGENT)
    room.work()
    run = room.runs.get(asked.id)
    assert run.state is RunState.PARKED and run.actor == "agent" and not room.fixed
    assert all(step.plan.approve for step in run.steps if step.plan.phase != "verify")
    with pytest.raises(Forbidden, match="not a person"):
        room.approvals.approve(run.id, AGENT)
    for _ in run.steps:
        if room.runs.get(run.id).state is RunState.PARKED:
            room.approvals.approve(run.id, EVE)
            room.work()
    assert room.fixed
    with pytest.raises(Forbidden, match="takes an operator"):
        room.runs.start("runbooks/web.md", "shop", {}, (), Actor("agent", "bot"))


def test_an_agent_takes_no_run_away_that_waits(room: Room) -> None:
    run, _ = room.ready().waiting()
    with pytest.raises(Locked, match=f"Run {run.id} waits on incident"):
        room.runs.start("runbooks/web.md", "shop", {}, (), AGENT)
    assert room.runs.get(run.id).state is RunState.PARKED


def test_what_destroys_waits_for_a_fresh_second_factor_also_by_hand(room: Room) -> None:
    (room.data / "old").mkdir()
    room.ready(fix=f"rm -rf {room.data}/old")
    for actor in (replace(BEN, fresh=False), replace(BEN, scope="act")):
        run = room.runs.start("runbooks/web.md", "shop", {}, (), actor)
        room.work()
        assert (room.data / "old").exists() and room.runs.get(run.id).state is RunState.PARKED
        with pytest.raises(Forbidden):
            room.approvals.approve(run.id, actor)
    room.approvals.approve(run.id, BEN)
    room.work()
    assert not (room.data / "old").exists()


# ---- two ------------------------------------------------------------------------------------------------------------


def test_two_is_two_different_people_each_of_the_role(room: Room) -> None:
    room.ready(attrs='{"approve":"two"}').sign_in(ADA, BEN, EVE)
    run, asked = room.waiting()
    assert asked.needs == "two approvers"
    half = room.approvals.approve(run.id, ADA, binds=asked.binds)
    assert half.state is RunState.PARKED and "1 of 2: ada" in half.parked_why
    assert so_far(room.asked(run)) == "1 of 2: ada"
    with pytest.raises(Forbidden, match="You have approved it already"):
        room.approvals.approve(run.id, ADA, binds=asked.binds)
    with pytest.raises(Forbidden, match="you are an operator there"):
        room.approvals.approve(run.id, EVE, binds=asked.binds)
    room.work()
    assert not room.fixed
    whole = room.approvals.approve(run.id, BEN, binds=asked.binds)
    assert whole.steps[-1].decided_by == "ada and ben"
    room.work()
    assert room.fixed


def test_who_asked_for_the_run_or_gave_its_value_is_none_of_the_two(room: Room) -> None:
    room.ready(fix=f"touch {room.data}/<name>", attrs='{"approve":"two"}').sign_in(ADA, BEN)
    run = room.runs.start("runbooks/web.md", "shop", {}, (), BEN)
    room.work()
    assert room.runs.get(run.id).state is RunState.PARKED
    room.approvals.fill(run.id, ADA, {"name": "fixed"})
    for actor in (ADA, BEN):
        with pytest.raises(Forbidden, match=f"You asked for run {run.id}"):
            room.approvals.approve(run.id, actor)
    cat, dan = Actor("person", "cat", "approver"), Actor("person", "dan", "admin")
    room.approvals.approve(run.id, cat)
    room.approvals.approve(run.id, dan)
    room.work()
    assert room.fixed


def test_without_two_signed_in_people_two_says_so(room: Room) -> None:
    room.ready(attrs='{"approve":"two"}')
    run, _ = room.waiting()
    assert "needs two signed-in persons" in why(room, run) and "nobody can here: wk user add" in why(room, run)
    room.approvals.approve(run.id, LOCAL)
    with pytest.raises(Forbidden, match="You have approved it already") as refused:
        room.approvals.approve(run.id, LOCAL)
    assert "two signed-in persons" in refused.value.hint


def test_a_changed_script_takes_back_both_yeses(room: Room) -> None:
    room.ready(attrs='{"approve":"two"}').sign_in(ADA, BEN)
    run, _ = room.waiting()
    room.approvals.approve(run.id, ADA)
    room.approvals.approve(run.id, BEN)
    room.say("touch", room.data / "evil")
    room.work()
    again = room.asked(run)
    assert again.given == () and not (room.data / "evil").exists()
    room.approvals.approve(run.id, ADA)
    room.work()
    assert not (room.data / "evil").exists()


def test_a_value_given_after_the_first_yes_takes_it_back(room: Room) -> None:
    room.ready(fix=f"touch {room.data}/<name>", attrs='{"approve":"two"}').sign_in(ADA, BEN)
    run, _ = room.waiting()
    room.approvals.fill(run.id, EVE, {"name": "first"})
    room.approvals.approve(run.id, ADA)
    room.approvals.fill(run.id, EVE, {"name": "fixed"})
    assert room.asked(run).given == ()
    room.approvals.approve(run.id, BEN)
    room.work()
    assert list(room.data.iterdir()) == []


# ---- time and races -------------------------------------------------------------------------------------------------


def test_after_its_end_an_approval_is_no_use_and_nothing_later_runs(room: Room) -> None:
    room.ready(fix=f"{room.script}\n```\n\n```bash\ntouch {room.data}/second")
    run, asked = room.waiting()
    room.shift += 1801
    with pytest.raises(Usage, match="has expired"):
        room.approvals.approve(run.id, EVE, binds=asked.binds)
    deadlines = Deadlines(room.store, room.journal, room.approvals._engine, room.responder, room.holder, room.clock)
    deadlines.expire()
    ended = room.runs.get(run.id)
    assert ended.state is RunState.FAILED
    assert [step.state for step in ended.steps[-2:]] == [StepState.SKIPPED, StepState.SKIPPED]
    with pytest.raises(Usage, match="waits for no approval"):
        room.approvals.approve(run.id, EVE, binds=asked.binds)
    room.work()
    assert list(room.data.iterdir()) == []


def test_an_approval_that_was_given_long_ago_starts_nothing(room: Room) -> None:
    """Main was down after the approval, and comes back when nobody thinks of it any more."""
    run, asked = room.ready().waiting()
    room.shift += 1700
    room.approvals.approve(run.id, EVE, binds=asked.binds)
    room.shift += 1801
    room.work()
    assert not room.fixed and "was approved more than 30 minutes ago" in why(room, run)
    room.approvals.approve(run.id, EVE)
    room.work()
    assert room.fixed


def test_denied_ends_the_run_and_its_later_steps(room: Room) -> None:
    room.ready(fix=f"{room.script}\n```\n\n```bash\ntouch {room.data}/second")
    run, asked = room.waiting()
    assert room.approvals.deny(run.id, EVE, "not now").state is RunState.FAILED
    with pytest.raises(Usage, match="waits for no approval"):
        room.approvals.approve(run.id, BEN, binds=asked.binds)
    room.work()
    assert list(room.data.iterdir()) == []


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each answered or raised, all begun at the same moment."""
    barrier, answers = threading.Barrier(len(acts)), []

    def one(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            answers.append(act())
        except WatchkeeperError as error:
            answers.append(error)

    threads = [threading.Thread(target=one, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_racing_decisions_one_counts_and_the_step_runs_at_most_once(room: Room) -> None:
    room.say("echo x >>", room.data / "fixed")
    room.ready()
    for _ in range(8):
        run, asked = room.waiting()
        approving = [partial(room.approvals.approve, run.id, actor, None, asked.binds) for actor in (ADA, BEN, EVE)]
        answers = at_once(*approving, partial(room.approvals.deny, run.id, ADA))
        won = [each for each in answers if isinstance(each, Run)]
        assert len(won) == 1, answers
        [decided] = [each.decided for each in room.approvals.of_run(run.id)]
        assert decided == ("denied" if won[0].state is RunState.FAILED else "approved")
        room.work()
        lines = (room.data / "fixed").read_text().count("x") if room.fixed else 0
        assert lines == (decided == "approved")
        (room.data / "fixed").unlink(missing_ok=True)
        if room.runs.get(run.id).state is RunState.VERIFYING:
            room.runs.cancel(run.id, ADA)
        room.store.write(partial(close, run.incident or 0, room.clock() - 3 * 86400))


def close(number: int, at: float, session: Session) -> None:
    session.save_incident(replace(session.incident(number), status=Status.CLOSED, closed_at=at))


def test_two_yeses_at_once_are_both_kept(room: Room) -> None:
    room.ready(attrs='{"approve":"two"}').sign_in(ADA, BEN)
    run, asked = room.waiting()
    answers = at_once(
        *(partial(room.approvals.approve, run.id, actor, None, asked.binds) for actor in (ADA, BEN, ADA, BEN))
    )
    assert sum(isinstance(each, Run) for each in answers) == 2
    assert sorted(each.by for each in room.approvals.of_run(run.id)[0].given) == ["ada", "ben"]


# ---- people ---------------------------------------------------------------------------------------------------------


def test_the_team_file_only_takes_away(room: Room) -> None:
    room.ready().sign_in(ADA, replace(BEN, role="operator", roles=(RoleOn("admin", "shop"),)))
    team = room.ops / "watchkeeper.yaml"
    team.write_text(team.read_text() + "people: {ada: {role: viewer}, ben: {role: approver}, mel: {role: admin}}\n")
    room.reload()
    with room.store.read() as session:
        assert signed_in(session, room.holder.current.team) == {"ada": "viewer", "ben": "approver"}


# ---- locks ----------------------------------------------------------------------------------------------------------


def test_another_node_that_changes_the_host_is_named_with_its_end(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = room.ready().waiting()
    monkeypatch.setattr(performing, "HOST_TURN_S", 0.0)
    other = room.store.write(
        lambda session: session.add_run(
            replace(room.runs.get(run.id), state=RunState.RUNNING, actor="ben", incident=None)
        )
    )
    end = room.clock() + 900
    room.store.write(lambda s: s.take_lease("host:app1", f"run {other.id}", room.clock(), 900, "ben, step x", other.id))
    room.approvals.approve(run.id, EVE)
    room.work()
    assert not room.fixed
    clock = time.strftime("%H:%M", time.gmtime(end))
    assert why(room, run) == f"Run {other.id} (ben, step x) is changing app1 until about {clock} UTC."
    room.store.write(lambda s: s.save_run(replace(s.run(other.id), state=RunState.FAILED)))
    room.approve(run)
    assert room.fixed, "a lock that an ended run left behind holds nobody up"


def test_a_run_holds_its_host_while_it_changes_it_and_lets_go(room: Room) -> None:
    room.say("sleep 0.5; touch", room.data / "fixed")
    run, _ = room.ready().waiting()
    room.approvals.approve(run.id, EVE)
    worker = threading.Thread(target=room.work)
    worker.start()
    held: list[str] = []
    while worker.is_alive() and "host:app1" not in held:
        worker.join(0.02)
        held = [each.name for each in room.locks.held()]
    worker.join()
    assert held == [f"incident:{run.incident}", "host:app1"]
    kept = held
    for _ in range(200):
        threading.Event().wait(0.02)
        with room.store.read() as session:
            kept = [each.name for each in session.leases(room.clock())]
        if "host:app1" not in kept:
            break
    assert kept == [f"incident:{run.incident}"]


def test_a_deploy_lock_makes_a_granted_response_propose(room: Room) -> None:
    room.ready(mode="auto")
    room.grants.add("shop/runbooks/web.md", BEN)
    taken = room.locks.take("deploy:shop", EVE, 1800, "release 2.4")
    with pytest.raises(Locked, match=r"eve \(release 2.4\) is deploying shop until about \d\d:\d\d UTC"):
        room.locks.take("deploy:shop", BEN, 60, "me too")
    incident = room.fails()
    assert not room.fixed
    assert "eve (release 2.4) is deploying shop until about" in room.incidents.get(incident.id).why_not_acted
    room.locks.release("deploy:shop", BEN)
    assert [each.name for each in room.locks.held()] == [f"incident:{incident.id}"]
    with room.store.read() as session:
        [entry] = [each for each in session.entries(9) if "deploy:shop" in each.draft.title]
    assert entry.draft.title == "Lock deploy:shop taken from eve" and taken.fencing == 1


def test_one_run_per_incident_also_for_another_node(room: Room) -> None:
    run, _ = room.ready().waiting()
    with pytest.raises(Locked, match=f"Run {run.id} .* is at work on incident {run.incident}"):
        room.store.write(lambda session: _second(room, session, run))
    with room.store.read() as session:
        assert len(session.runs(incident=run.incident)) == 1, "nothing of the second one is kept"
    room.approvals.deny(run.id, EVE)
    room.store.write(lambda session: _second(room, session, run))


def _second(room: Room, session: Session, run: Run) -> None:
    claim_incident(session, session.add_run(replace(run, id=0, actor="ben")), room.clock())
