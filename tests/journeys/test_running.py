"""How runs behave: conditions, captures, expectations, repeats, several hosts, background steps, and undo.

On the real store and the real spool of this machine; a test takes up ready runs itself, so it may stop anywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fixtures.empty_store import open_store
from tests.house import House
from tests.journeys.test_web import Visitor

from watchkeeper.adapters.hosts.blocking import BlockingHosts
from watchkeeper.adapters.repositories.directory import DirectoryRepository
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import Flip, Judged, State
from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runs.preview import notes
from watchkeeper.core.runs.values import PlanStep, Run, RunState, RunStep, StepState
from watchkeeper.services.approvals import Approvals
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.cancelling import Cancelling
from watchkeeper.services.deadlines import Deadlines
from watchkeeper.services.grants import Grants
from watchkeeper.services.incidents import Incidents
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Session
from watchkeeper.services.responses import Responder
from watchkeeper.services.rights import Rights
from watchkeeper.services.runs import Runs
from watchkeeper.services.segments import Segments
from watchkeeper.services.steps import StepRunner
from watchkeeper.store.evidence import EvidenceStore

ADA = Actor("person", "ada", "admin")
SERVICE = """service: shop
hosts: [app1]
checks:
  - {name: web, command: "true", from: host, crit: exit_code != 0, recover: 2 in a row}
respond:
  - {to: [web], runbook: runbooks/web.md, mode: MODE, prove_within: 4s}
"""


class Quiet:
    """The journal of a watch that has nothing to say, and an engine that runs nothing by itself."""

    good: dict[str, list[Judged]] = {}

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]:
        return self.good.get(check, [])

    def fixed(self, checks: list[str]) -> None: ...

    def nudge(self) -> None: ...

    def cancel(self, run: int) -> None: ...


class Desk:
    """The services of main around a small ops repo with three hosts, all of them this machine."""

    def __init__(self, root: Path) -> None:
        self.root, self.shift, self.marks = root, 0.0, root / "marks"
        self.ops, self.state = root / "ops", root / "state"
        for folder in (self.ops / "services", self.ops / "runbooks", self.state, self.marks):
            folder.mkdir(parents=True)
        (self.ops / "watchkeeper.yaml").write_text("team: Test\n")
        hosts = ", ".join(f"app{n}: {{local: true, labels: {{role: app}}}}" for n in (1, 2, 3))
        (self.ops / "hosts.yaml").write_text(f"hosts: {{{hosts}}}\n")
        (self.ops / "services/shop.yaml").write_text(SERVICE.replace("MODE", "auto"))
        (self.ops / "services/fleet.yaml").write_text("service: fleet\nhosts: [app1, app2, app3]\nchecks: []\n")
        (self.ops / "runbooks/web.md").write_text("# Web\n\n**Solution:**\n\n```bash\ntrue\n```\n")
        self.open()

    def open(self) -> None:
        """The services, as main builds them; called again it is main after its death."""
        self.store = open_store(self.state)
        self.holder = InventoryHolder(DirectoryRepository(self.ops), self.clock, quiet_s=0.0)
        assert self.holder.fault == "", self.holder.fault
        self.hosts = BlockingHosts(self.holder.current.hosts)
        self.evidence, quiet = EvidenceStore(self.state / "evidence.db"), Quiet()
        self.responder, measurer = Responder(self.holder), Measurer(self.hosts, self.clock)
        self.installation = getattr(self, "installation", uuid.uuid4().hex[:12])
        self.secrets: list[str] = ["hunter2-of-the-desk"]
        self.steps = steps = StepRunner(self.hosts, self.evidence, lambda: self.secrets, self.clock, self.installation)
        self.segments = Segments(self.store, steps, self.responder, self.holder, self.clock, measurer)
        self.runs = Runs(self.store, self.evidence, quiet, steps, self.responder, self.holder, self.clock, measurer)  # type: ignore[arg-type]
        self.approvals = Approvals(self.store, quiet, self.responder, self.holder, self.clock, measurer)  # type: ignore[arg-type]
        self.grants = Grants(self.store, self.responder, self.holder, self.clock, measurer.pinner)
        self.incidents = Incidents(self.store, quiet, quiet, self.holder, self.clock)  # type: ignore[arg-type]
        self.deadlines = Deadlines(self.store, quiet, quiet, self.responder, self.holder, self.clock)  # type: ignore[arg-type]
        self.cancelling = Cancelling(self.store, steps, self.clock)

    def close(self) -> None:
        self.cancelling.stop()
        self.hosts.close()
        self.store.close()
        self.evidence.close()

    def clock(self) -> float:
        return time.time() + self.shift

    def write(self, text: str, name: str = "web", mode: str = "auto") -> None:
        """A runbook; MARKS in it stands for a folder of this test."""
        self.marks = self.root / f"marks-{uuid.uuid4().hex[:6]}"
        self.marks.mkdir()
        (self.ops / f"runbooks/{name}.md").write_text(text.replace("MARKS", str(self.marks)))
        (self.ops / "services/shop.yaml").write_text(SERVICE.replace("MODE", mode))
        self.holder.refresh()
        self.holder.refresh()
        assert self.holder.fault == "", self.holder.fault

    def mark(self, name: str) -> str:
        """What a command wrote into a file of this test."""
        path = self.marks / name
        return path.read_text() if path.exists() else ""

    def run(self, service: str = "shop", work: bool = True, **params: str) -> Run:
        """Start runbooks/web.md by hand and take it as far as it goes."""
        run = self.runs.start("runbooks/web.md", service, params, (), ADA)
        return self.work(run.id) if work else run

    def work(self, number: int) -> Run:
        """Take a run up until nobody has anything to do for it."""
        while self.runs.get(number).state is RunState.READY:
            self.segments.execute(number)
        return self.runs.get(number)

    def approve(self, run: Run, index: int | None = None) -> Run:
        self.approvals.approve(run.id, ADA, index)
        return self.work(run.id)

    def fails(self) -> Incident:
        """The check of the shop fails: an incident opens and is answered."""
        held, now = self.holder.current.checks["shop/web"], self.clock()
        flip = Flip(0, held.key, "shop", "app1", now, State.OK, State.CRIT, "exit code 1", {}, held.rule_hash, "")

        def act(session: Session) -> int:
            incident = session.add_incident(rules.opened(flip, self.holder.current.services["shop"], held, now))
            session.add_event(Event(0, incident.id, now, "opened", "watchkeeper", "Opened."))
            self.responder.respond(session, incident, now)
            return incident.id

        number = self.store.write(act)
        for run in self.runs.newest(incident=number):
            self.work(run.id)
        return self.incidents.get(number)

    def over(self, incident: Incident) -> None:
        """The test is done with it."""
        for run in self.runs.newest(incident=incident.id, active=True):
            self.runs.cancel(run.id, ADA)
        self.incidents.close_unproven(incident.id, ADA, "over")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


def step(run: Run, name: str, host: str = "app1") -> RunStep:
    return next(each for each in run.steps if each.plan.id == name and each.plan.host == host)


def fence(attributes: dict[str, str], text: str) -> str:
    return f"```bash {json.dumps(attributes)}\n{text}\n```\n\n"


# ---- conditions and captures -------------------------------------------------------------------------------------------

DEPTH = fence({"name": "depth", "capture": "depth"}, "echo 412")


def test_a_condition_decides_with_captured_values_states_and_exit_codes(desk: Desk) -> None:
    text = (
        "# Queue\n\n## Diagnosis\n\n" + DEPTH
        + fence({"name": "broken"}, "exit 3")
        + "## Resolution\n\n"
        + fence({"name": "much", "when": "depth > 100 and broken.exit_code == 3"}, "touch MARKS/much")
        + fence({"name": "little", "when": "depth < 100"}, "touch MARKS/little")
        + fence({"name": "after", "when": "much.state == done and little.state == skipped"}, "touch MARKS/after")
    )  # fmt: skip
    desk.write(text)
    run = desk.run()
    assert run.state is RunState.DONE, run.message or run.parked_why
    assert sorted(path.name for path in desk.marks.iterdir()) == ["after", "much"]
    skipped = step(run, "little")
    assert skipped.state is StepState.SKIPPED
    assert skipped.message == "its condition is not met: depth < 100 (depth is 412)"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("dept > 100", "when= asks for dept, which is no value of this run"),
        ("later.state == done", "when= asks for later.state, and later does not run before it"),
        ("ghost.state == done", "and ghost is no step of this document"),
        ("depth > 100; rm -rf /", "cannot be read at"),
        ("__import__('os')", "compares __import__ with nothing"),
    ],
)
def test_a_condition_that_cannot_work_is_refused_before_anything_runs(desk: Desk, when: str, said: str) -> None:
    desk.write(
        "# Queue\n\n## Diagnosis\n\n" + DEPTH + "## Resolution\n\n"
        + fence({"name": "first", "when": when}, "touch MARKS/first") + fence({"name": "later"}, "true")
    )  # fmt: skip
    with pytest.raises(Usage, match="step first in line") as refused:
        desk.run()
    assert said in str(refused.value)
    assert not list(desk.marks.iterdir())


def test_a_condition_that_cannot_be_judged_waits_for_a_person(desk: Desk) -> None:
    desk.write(
        "# Queue\n\n## Diagnosis\n\n" + fence({"name": "depth", "capture": "depth"}, "echo many")
        + "## Resolution\n\n" + fence({"name": "act", "when": "depth > 100"}, "touch MARKS/acted")
    )  # fmt: skip
    run = desk.run()
    assert run.state is RunState.PARKED
    assert "its condition depth > 100 cannot be judged" in run.parked_why and "'many' is none" in run.parked_why
    assert desk.approve(run).state is RunState.DONE and desk.mark("acted") == "" and (desk.marks / "acted").exists()


RESTART = "---\nwatchkeeper: {params: {mode: restart}}\n---\n"


def test_a_condition_picks_one_way_of_a_menu_and_two_that_hold_leave_it_to_a_person(desk: Desk) -> None:
    ways = (
        "# Menu\n\n## Resolution\n\nIf the worker is stuck:\n\n" + fence({"when": "mode == stop"}, "touch MARKS/stop")
        + "If that does not help:\n\n" + fence({"when": "mode == restart"}, "touch MARKS/restart")
    )  # fmt: skip
    desk.write(RESTART + ways)
    run = desk.run()
    assert all(each.alternatives for each in desk.runs.plan("runbooks/web.md", "shop", {}, (), ADA).plan.steps)
    assert run.state is RunState.DONE and [path.name for path in desk.marks.iterdir()] == ["restart"]
    desk.write(
        RESTART
        + "# Menu\n\n## Resolution\n\n"
        + fence({"when": "mode == restart"}, "touch MARKS/a\n# or\ntouch MARKS/b")
    )
    run = desk.run()
    assert run.state is RunState.PARKED and "waits for a choice" in run.parked_why and not list(desk.marks.iterdir())
    run = desk.approve(run, 1)
    assert [path.name for path in desk.marks.iterdir()] == ["b"] and run.steps[0].state is StepState.SKIPPED


def test_a_captured_value_reaches_later_steps_as_it_is_and_asks_a_person_with_the_value(desk: Desk) -> None:
    desk.write(
        "# Queue\n\n## Diagnosis\n\n" + DEPTH + fence({"name": "see"}, 'echo "got ${depth}"')
        + "## Resolution\n\n" + fence({"name": "act"}, 'echo "$depth" > MARKS/acted')
    )  # fmt: skip
    run = desk.run()
    assert run.state is RunState.PARKED and "a value that is known only now: depth=412" in run.parked_why
    assert run.captures == {"depth": {"app1": "412"}}
    assert desk.runs.output(run.id, step(run, "see").index)[0] == b"got 412\n"
    asked = desk.approvals.of_run(run.id, pending=True)[0]
    other = replace(step(run, "act").plan, environment={"depth": "9"})
    from watchkeeper.core.approvals import binds

    assert asked.binds == binds(step(run, "act").plan, run.plan.runbook_digest, asked.pins)
    assert asked.binds != binds(other, run.plan.runbook_digest, asked.pins)
    assert desk.approve(run).state is RunState.DONE
    assert desk.mark("acted") == "412\n"


HOSTILE = [
    ("echo '$(touch MARKS/harm)'", "does not fit its type"),
    ("echo '; touch MARKS/harm'", "does not fit its type"),
    ("printf 'one\\ntwo\\n'", "has 2 lines"),
    ("true", "the output is empty"),
    ("head -c 5000 /dev/zero | tr '\\0' x", "is longer than 4096 characters"),
    ("echo password=hunter2-of-the-desk", "a secret was taken out"),
    ("echo hunter2-of-the-desk", "a secret was taken out"),
    ("echo -n --help", "starts with - or +"),
    ("echo ../../etc/passwd", 'climbs with ".."'),
    ("echo 5; exit 4", "it ended with exit code 4"),
]


@pytest.mark.parametrize(("command", "said"), HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_output_that_is_no_value_is_never_captured(desk: Desk, command: str, said: str) -> None:
    """What a host prints is untrusted: the later step waits for a person instead of running with it."""
    desk.write(
        "# Queue\n\n## Diagnosis\n\n" + fence({"name": "depth", "capture": "depth"}, command)
        + "## Resolution\n\n" + fence({"name": "act"}, 'echo "$depth" > MARKS/acted')
    )  # fmt: skip
    run = desk.run()
    assert said in step(run, "depth").message, step(run, "depth")
    assert run.state is RunState.PARKED and "needs a value for depth" in run.parked_why
    assert run.captures == {} and not list(desk.marks.iterdir())
    desk.approvals.fill(run.id, ADA, {"depth": "7"})
    assert desk.approve(run).state is RunState.DONE and desk.mark("acted") == "7\n"


def test_a_way_of_a_menu_is_approved_with_the_captured_value_and_asked_once(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Diagnosis\n\n" + DEPTH + "## Resolution\n\n"
        + fence({}, 'echo "a $depth" > MARKS/log\n# or\necho "b $depth" > MARKS/log')
    )  # fmt: skip
    run = desk.run()
    assert run.state is RunState.PARKED and len(desk.approvals.of_run(run.id, pending=True)) == 2
    assert desk.approve(run, 2).state is RunState.DONE and desk.mark("log") == "b 412\n"


def test_names_that_programs_obey_are_no_captures(desk: Desk) -> None:
    for name in ("PATH", "LD_PRELOAD", "BASH_ENV", "PYTHONPATH", "HTTP_PROXY", "a b", "1x"):
        desk.write("# X\n\n## Diagnosis\n\n" + fence({"name": "x", "capture": name}, "echo 1"))
        with pytest.raises(Usage, match="captures into"):
            desk.run()


def test_captures_of_several_hosts_stay_with_their_host(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Diagnosis\n\n" + fence({"name": "who", "capture": "who"}, "mktemp -u MARKS/who-XXXXXX | sed s,.*/,,")
        + fence({"name": "say"}, "echo $who")
    )  # fmt: skip
    run = desk.run("fleet")
    values = run.captures["who"]
    assert len(set(values.values())) == 3
    for host, value in values.items():
        assert desk.runs.output(run.id, step(run, "say", host).index)[0].decode().strip() == value


# ---- results -----------------------------------------------------------------------------------------------------------

EXPECTED = [
    ("OK: ...\n...\nlast (glob)", "printf 'OK: 3 jobs\\na\\nb\\nlast\\n'", ""),
    ("a\n\\d+ (re)\nc* (glob)", "printf 'a\\n412\\ncdef\\n'", ""),
    ("a\nb", "printf 'a\\nc\\n'", "line 2 of its output is 'c', expected 'b'"),
    ("a\nb\nc", "printf 'a\\nb\\n'", "line 3 of its output is the end of the output, expected 'c'"),
    ("(a*)*b\n...", "echo " + "a" * 3000, "line 1 of its output is"),
    ("^(a|aa)+$", "echo " + "a" * 3000 + "b", "its output does not match"),
    ("< 100", "echo depth 412", "its output ends with 412, expected < 100"),
    ("3", "exit 3", ""),
]


@pytest.mark.parametrize(("expect", "command", "said"), EXPECTED, ids=[str(n) for n in range(len(EXPECTED))])
def test_the_result_is_compared_and_the_first_difference_is_said(
    desk: Desk, expect: str, command: str, said: str
) -> None:
    desk.write("# X\n\n## Verification\n\n" + fence({"name": "see", "expect": expect}, command))
    begun = time.monotonic()
    run = desk.run()
    assert time.monotonic() - begun < 20  # a pattern that explodes would take years
    assert run.state is (RunState.UNPROVEN if said else RunState.PROVEN), run.message
    assert said in run.message


def test_a_pattern_that_cannot_be_bounded_is_refused_before_anything_runs(desk: Desk) -> None:
    desk.write("# X\n\n## Verification\n\n" + fence({"name": "see", "expect": r"(?=x)(a)\1"}, "touch MARKS/ran"))
    with pytest.raises(Usage, match="cannot be checked within bounded time"):
        desk.run()
    assert not list(desk.marks.iterdir())


def test_a_changing_step_is_repeated_only_when_it_may_be(desk: Desk) -> None:
    count = "echo x >> MARKS/count; test $(wc -l < MARKS/count) -ge 3"
    for attributes, runs in (({}, 1), ({"idempotent": "true"}, 3)):
        desk.write(
            "# X\n\n## Resolution\n\n" + fence({"name": "try", "retries": "3", "every": "0.05", **attributes}, count)
        )
        run = desk.run()
        assert desk.mark("count").count("x") == runs
        assert run.state is (RunState.DONE if runs == 3 else RunState.FAILED)


# ---- several hosts -----------------------------------------------------------------------------------------------------

MEET = "echo $$ >> MARKS/here; for i in $(seq 60); do test $(wc -l < MARKS/here) -ge {n} && exit 0; sleep 0.05; done; exit 1"


@pytest.mark.parametrize(
    ("serial", "meets", "works"), [("3", 3, True), ("2", 2, True), ("1", 2, False), ("", 2, False)]
)
def test_as_many_hosts_at_once_as_serial_says(desk: Desk, serial: str, meets: int, works: bool) -> None:
    """Each host waits for the others: with too few at once none would ever get through."""
    attributes = {"name": "meet", **({"serial": serial} if serial else {})}
    text = MEET.replace("{n}", str(meets))
    desk.write("# X\n\n## Resolution\n\n" + fence(attributes, text.replace("seq 60", "seq 60" if works else "seq 6")))
    run = desk.run("fleet")
    assert (run.state is RunState.DONE) is works
    if not works:
        assert desk.mark("here").count("\n") == 1  # no other host after the first that failed
        assert [each.message for each in run.steps[1:]] == ["not reached", "not reached"]
        assert "step meet on app1 ended with exit code 1" in run.message


def test_reads_go_to_all_hosts_at_once(desk: Desk) -> None:
    desk.write("# X\n\n## Diagnosis\n\n" + fence({"name": "meet", "risk": "read"}, "sleep 0.6"))
    begun = time.monotonic()
    run = desk.run("fleet")
    took = max(each.ended_at or 0 for each in run.steps) - min(each.started_at or 0 for each in run.steps)
    assert took < time.monotonic() - begun and all(each.state is StepState.DONE for each in run.steps)
    starts = sorted(each.started_at or 0 for each in run.steps)
    ends = sorted(each.ended_at or 0 for each in run.steps)
    assert starts[-1] < ends[0]  # the last one had begun before the first one ended


def test_a_failed_host_stops_the_others_and_resume_goes_on_where_it_failed(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Resolution\n\n" + fence({"name": "one"}, "echo x >> MARKS/one")
        + fence({"name": "two"}, "echo x >> MARKS/two; test ! -e MARKS/bad || test $(wc -l < MARKS/two) -ne 2")
    )  # fmt: skip
    (desk.marks / "bad").touch()
    run = desk.run("fleet")
    assert run.state is RunState.FAILED and "step two on app2" in run.message
    assert desk.runs.failed_hosts(run.id) == ("app2", "app3")
    again = desk.runs.start("runbooks/web.md", "fleet", {}, (), ADA, hosts=desk.runs.failed_hosts(run.id))
    assert [(each.plan.id, each.plan.host) for each in again.steps] == [
        ("one", "app2"), ("one", "app3"), ("two", "app2"), ("two", "app3"),
    ]  # fmt: skip
    desk.runs.cancel(again.id, ADA)
    (desk.marks / "bad").unlink()
    desk.runs.resume(run.id, ADA)
    assert desk.work(run.id).state is RunState.DONE
    assert (desk.mark("one").count("x"), desk.mark("two").count("x")) == (3, 4)


def test_a_group_of_hosts_is_named_by_a_label(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Diagnosis\n\n"
        + fence({"name": "a", "host": "role:app"}, "true")
        + fence({"name": "b", "host": "app3,app1"}, "true")
    )
    plan = desk.runs.plan("runbooks/web.md", "", {}, (), ADA).plan
    assert [each.host for each in plan.steps] == ["app1", "app2", "app3", "app3", "app1"]


# ---- background steps --------------------------------------------------------------------------------------------------

LASTS = "trap 'echo ended >> MARKS/log; exit 0' TERM\necho begun >> MARKS/log\nwhile :; do sleep 0.1; done"


def test_a_background_step_lasts_as_long_as_its_run_and_is_ended_with_its_group(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Resolution\n\n" + fence({"name": "tunnel", "background": "true"}, LASTS)
        + fence({"name": "use"}, "for i in $(seq 50); do grep -q begun MARKS/log && exit 0; sleep 0.1; done; exit 1")
    )  # fmt: skip
    run = desk.run()
    assert run.state is RunState.DONE, run.message or run.parked_why
    assert desk.mark("log") == "begun\nended\n"
    tunnel = step(run, "tunnel")
    assert tunnel.state is StepState.DONE and "ended with the run" in tunnel.message and tunnel.evidence is not None


def test_a_background_step_is_followed_again_when_its_run_goes_on(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Resolution\n\n" + fence({"name": "tunnel", "background": "true"}, LASTS)
        + fence({"name": "ask", "approve": "operator"}, "echo asked >> MARKS/log")
    )  # fmt: skip
    run = desk.run()
    assert run.state is RunState.PARKED and desk.mark("log") == "begun\n"
    run = desk.approve(run)
    assert run.state is RunState.DONE and desk.mark("log") == "begun\nasked\nended\n"
    assert step(run, "tunnel").attempt == 1


def test_a_background_step_that_dies_early_fails_the_run(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Resolution\n\n" + fence({"name": "tunnel", "background": "true"}, "sleep 0.3; exit 7")
        + fence({"name": "use"}, "sleep 1.2; touch MARKS/used") + fence({"name": "more"}, "touch MARKS/more")
    )  # fmt: skip
    run = desk.run()
    assert run.state is RunState.FAILED
    assert "step tunnel ended with exit code 7, expected 0; it was to last until the end of the run" in run.message
    assert not (desk.marks / "more").exists()


def test_a_background_step_of_a_run_that_waits_goes_on_and_is_ended_when_the_run_is_denied(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Resolution\n\n" + fence({"name": "tunnel", "background": "true", "timeout": "60s"}, LASTS)
        + fence({"name": "ask", "approve": "operator"}, "true")
    )  # fmt: skip
    run = desk.run()
    assert run.state is RunState.PARKED and step(run, "tunnel").state is StepState.RUNNING
    assert "ended" not in desk.mark("log")
    desk.approvals.deny(run.id, ADA)
    until = time.monotonic() + 20
    while step(desk.runs.get(run.id), "tunnel").state is StepState.RUNNING and time.monotonic() < until:
        desk.cancelling.beat()
        time.sleep(0.1)
    assert "ended" in desk.mark("log") and step(desk.runs.get(run.id), "tunnel").state is StepState.CANCELLED


# ---- undo --------------------------------------------------------------------------------------------------------------


def three(
    last: str = "true", verify: str = "test ! -e MARKS/harm", two: str = "", undo_two: str = "", more: str = ""
) -> str:
    """Three changes, of which the first and the second name an undo; what they do and take back is written down."""
    said = "echo {0} >> MARKS/log"
    return (
        "# X\n\n## Resolution\n\n"
        + fence({"name": "one", "undo": "un-one"}, said.format("one"))
        + fence({"name": "two", "undo": "un-two"}, two or "touch MARKS/harm; " + said.format("two"))
        + fence({"name": "three"}, said.format("three") + "; " + last)
        + "## Verification\n\n" + fence({"name": "see"}, verify)
        + "## Rollback\n\n" + fence({"name": "un-one"}, said.format("un-one"))
        + fence({"name": "un-two"}, undo_two or "rm MARKS/harm; " + said.format("un-two")) + more
    )  # fmt: skip


def logged(desk: Desk) -> list[str]:
    return desk.mark("log").split()


def test_a_failed_verification_takes_back_in_reverse_order_and_verifies_again(desk: Desk) -> None:
    desk.write(three(verify="ls MARKS; test ! -e MARKS/harm"))
    run = desk.run()
    assert logged(desk) == ["one", "two", "three", "un-two", "un-one"]
    assert run.state is RunState.FAILED and run.undo is not None  # something of it is still in place
    assert run.undo.verified == "good"
    assert run.undo.undone == ("two on app1 by un-two", "one on app1 by un-one")
    assert run.undo.left == ("three on app1 (it names no undo)",)
    assert run.message == (
        "step see ended with exit code 1, expected 0; its last words: log; "
        "undone: two on app1 by un-two, one on app1 by un-one; "
        "not undone: three on app1 (it names no undo); the verification after it is good"
    )
    see = step(run, "see")
    assert (see.state, see.attempt) == (StepState.DONE, 2)
    assert desk.runs.output(run.id, see.index, attempt=1)[0] == b"harm\nlog\n"  # the first verification stays readable
    assert desk.runs.output(run.id, see.index)[0] == b"log\n"
    with pytest.raises(Usage, match="was undone, so it cannot go on"):
        desk.runs.resume(run.id, ADA)


def test_a_failed_fix_takes_back_what_was_done_before_it(desk: Desk) -> None:
    desk.write(three(last="exit 9"))
    run = desk.run()
    assert logged(desk) == ["one", "two", "three", "un-two", "un-one"]
    assert run.state is RunState.FAILED and run.undo is not None
    assert run.undo.left == ("three on app1 (it failed, and may have partly run)",)
    assert "step three ended with exit code 9" in run.message and "the verification after it is good" in run.message


def test_a_run_that_proves_takes_nothing_back(desk: Desk) -> None:
    desk.write(three(verify="true"))
    run = desk.run()
    assert run.state is RunState.PROVEN and run.undo is None and logged(desk) == ["one", "two", "three"]
    desk.runs.undo(run.id, ADA)  # a person may ask for it later
    run = desk.work(run.id)
    assert logged(desk)[3:] == ["un-two", "un-one"]
    assert run.state is RunState.DONE and run.message.startswith("ada asked to undo it; undone: two on app1")
    with pytest.raises(Usage, match="it was undone before"):
        desk.runs.undo(run.id, ADA)


def test_an_undo_that_fails_leaves_what_is_behind_it_and_says_so(desk: Desk) -> None:
    desk.write(three(undo_two="echo un-two >> MARKS/log; exit 5"))
    run = desk.run()
    assert logged(desk) == ["one", "two", "three", "un-two"]
    assert run.undo is not None and run.undo.verified == "failed" and run.undo.undone == ()
    assert run.undo.left[1] == "two on app1 (un-two failed: ended with exit code 5, expected 0)"
    assert run.undo.left[2] == "one on app1 (un-one did not run)"
    assert "nothing was undone" in run.message and run.state is RunState.FAILED
    desk.runs.resume(run.id, ADA)  # the undo goes on from where it failed; what was done is not done again
    assert [each for each in logged(desk) if not each.startswith("un-")] == ["one", "two", "three"]
    desk.work(run.id)
    assert [each for each in logged(desk) if not each.startswith("un-")] == ["one", "two", "three"]


def test_without_any_undo_the_rollback_of_the_document_is_run(desk: Desk) -> None:
    text = (
        "# X\n\n## Resolution\n\n" + fence({"name": "one"}, "echo one >> MARKS/log; touch MARKS/harm")
        + "## Verification\n\n" + fence({"name": "see"}, "test ! -e MARKS/harm")
        + "## Rollback\n\n" + fence({"name": "back"}, "echo back >> MARKS/log; rm MARKS/harm")
    )  # fmt: skip
    desk.write(text)
    run = desk.run()
    assert logged(desk) == ["one", "back"] and run.state is RunState.UNPROVEN and run.undo is not None
    assert run.undo.undone == ("rollback step back on app1 was run",) and run.undo.left == ()
    desk.write(text.replace("echo one >> MARKS/log; touch MARKS/harm", "exit 1").replace("test !", "true; test !"))
    run = desk.run()
    assert logged(desk) == ["back"]  # it began, so it may have changed something


def test_one_undo_for_two_steps_runs_once_and_on_each_of_their_hosts(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Resolution\n\n" + fence({"name": "one", "undo": "back"}, "echo one >> MARKS/log")
        + fence({"name": "two", "undo": "back"}, "echo two >> MARKS/log")
        + "## Verification\n\n" + fence({"name": "see"}, "false")
        + "## Rollback\n\n" + fence({"name": "back"}, "echo back >> MARKS/log")
    )  # fmt: skip
    run = desk.run("fleet")
    assert logged(desk) == ["one"] * 3 + ["two"] * 3 + ["back"] * 3
    hosts = [each.plan.host for each in run.steps if each.plan.undoes]
    assert hosts == ["app3", "app2", "app1"]


def test_an_undo_that_names_no_step_is_refused_before_anything_runs(desk: Desk) -> None:
    desk.write("# X\n\n## Resolution\n\n" + fence({"name": "one", "undo": "ghost"}, "touch MARKS/ran"))
    with pytest.raises(Usage, match="names ghost to undo it, and that is no other step"):
        desk.run()
    assert not list(desk.marks.iterdir())


def test_without_a_grant_an_undo_waits_for_a_person_who_may_refuse_it(desk: Desk) -> None:
    desk.write(three(), mode="propose")
    incident = desk.fails()
    run = desk.runs.newest(incident=incident.id)[0]
    for _ in range(3):
        assert run.state is RunState.PARKED
        run = desk.approve(run)
    assert logged(desk) == ["one", "two", "three"] and run.state is RunState.PARKED and run.undo is not None
    assert run.parked_why.startswith("The response asks before it changes anything.")
    assert "taking it back waits" in desk.incidents.get(incident.id).escalated_why
    run = desk.approve(run)
    assert logged(desk)[3:] == ["un-two"]
    desk.approvals.deny(run.id, ADA, "leave it")
    run = desk.runs.get(run.id)
    assert run.state is RunState.FAILED and "ada denied step un-one: leave it" in run.message
    assert (
        "undone: two on app1 by un-two; not undone: three on app1 (it names no undo), one on app1 (un-one did not run)"
        in run.message
    )
    desk.over(incident)


def test_a_proof_that_does_not_come_takes_back_under_the_grant_and_calls_a_person(desk: Desk) -> None:
    desk.write(three(verify="true").replace("three", "four"))
    desk.grants.add("shop/runbooks/web.md", ADA, 30)
    incident = desk.fails()
    run = desk.runs.newest(incident=incident.id)[0]
    assert run.state is RunState.VERIFYING and logged(desk) == ["one", "two", "four"]
    assert desk.incidents.get(incident.id).escalated_at is None
    looks = [
        replace(each, reading=replace(each.reading, at=desk.clock() + n)) for n, each in enumerate([bad(desk)] * 20)
    ]
    Quiet.good["shop/web"] = looks
    desk.shift += 12
    try:
        desk.deadlines.expire()
        assert desk.runs.get(run.id).state is RunState.READY
        run = desk.work(run.id)
    finally:
        Quiet.good.clear()
        desk.shift = 0.0
    assert logged(desk)[3:] == ["un-two", "un-one"]
    assert run.state is RunState.FAILED and run.undo is not None and run.undo.verified == "good"
    incident = desk.incidents.get(incident.id)
    assert "undone: two on app1 by un-two, one on app1 by un-one" in incident.escalated_why
    assert "not undone: four on app1 (it names no undo)" in incident.escalated_why
    desk.over(incident)


def bad(desk: Desk) -> Judged:
    from watchkeeper.core.checks.values import Reading, Verdict

    held = desk.holder.current.checks["shop/web"]
    return Judged(Reading(held.key, 0.0, 0.01), Verdict(State.CRIT, "exit code 1"), held.rule_hash)


def test_a_dry_run_says_of_each_step_what_would_happen_and_runs_nothing(desk: Desk) -> None:
    (desk.ops / "hosts.yaml").write_text(
        "hosts: {app1: {local: true}, app2: {local: true, become: sudo -n}, app3: {local: true, labels: {role: app}}}\n"
    )
    steps = [
        fence({"name": "depth", "capture": "depth"}, "echo 1"), "## Resolution\n\n",
        fence({"name": "act", "undo": "back", "when": "depth > 5", "serial": "2"}, 'sudo touch "MARKS/$depth"'),
        fence({"name": "late", "background": "true", "approve": "two"}, "sleep 5"), "## Rollback\n\n",
        fence({"name": "back"}, "rm -rf MARKS/x"), fence({"name": "own"}, "true"),
    ]  # fmt: skip
    desk.write("# X\n\n## Diagnosis\n\n" + "".join(steps))
    try:
        draft = desk.runs.plan("runbooks/web.md", "fleet", {}, (), ADA)
        told = {(each.id, each.host, bool(each.undoes)): " ".join(notes(each, draft.plan, desk.holder.current.hosts, "manual"))
                for each in draft.plan.steps}  # fmt: skip
    finally:
        hosts = ", ".join(f"app{n}: {{local: true, labels: {{role: app}}}}" for n in (1, 2, 3))
        (desk.ops / "hosts.yaml").write_text(f"hosts: {{{hosts}}}\n")
        desk.write("# X\n")
    assert draft.id == 0 and draft.plan.digest not in [run.plan.digest for run in desk.runs.newest()]
    assert told["depth", "app1", False] == " ".join(
        ("On 32 hosts at once at most.", "For 1 min at most.", "What it prints becomes the value depth.")
    )
    act = told["act", "app2", False]
    assert act.startswith(
        "Runs only when depth > 5. Runs as root: app2 is reached with `become: sudo -n`. On 2 hosts at once"
    )
    assert "It uses depth, which an earlier step prints; unknown until then." in act
    assert "Waits for an operator once its value is known. Taken back by back." in act
    assert "It calls sudo: it is refused before it starts where" in told["act", "app1", False]
    late = told["late", "app1", False]
    assert "In the background, for 1 h at most; it is ended with the run. Waits for two approvers: " in late
    assert late.endswith("Nothing takes it back: it names no undo.")
    undo = told["back", "app3", True]
    assert (
        undo.startswith("Runs only when the run is undone; it takes back step")
        and "Waits for an approver: it destroys." in undo
    )
    assert told["own", "app1", False].startswith(
        "Runs only when the run is undone and no step that was done names an undo"
    )


def test_an_undo_that_destroys_waits_even_when_a_person_started_the_run(desk: Desk) -> None:
    desk.write(three(undo_two="rm -rf MARKS/harm; echo un-two >> MARKS/log"))
    run = desk.run()
    assert run.state is RunState.PARKED and logged(desk) == ["one", "two", "three"]
    assert run.parked_why.startswith("Undo step un-two destroys, so it waits for a person.")
    run = desk.approve(run)
    assert logged(desk)[3:] == ["un-two", "un-one"]


class Dead(BaseException):
    """What a killed process does: nothing more is written."""


def dies_and_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch, run: Run, after: int) -> Run:
    """The process ends at its nth write, and the next one goes on from the rows; the run as it ended."""
    write, seen = desk.store.write, 0

    def counted(work):  # type: ignore[no-untyped-def]
        nonlocal seen
        seen += 1
        if seen >= after:
            raise Dead
        return write(work)

    monkeypatch.setattr(desk.store, "write", counted)
    with contextlib.suppress(Dead):
        desk.segments.execute(run.id)
    monkeypatch.setattr(desk.store, "write", write)
    if desk.runs.get(run.id).state is RunState.RUNNING:
        desk.store.write(lambda session: session.save_run(replace(session.run(run.id), state=RunState.READY)))
    return desk.work(run.id)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("after", [*range(1, 30, 3), *range(30, 46, 2)])
def test_a_death_anywhere_does_and_undoes_nothing_twice_and_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The process ends at its nth write, and the next one goes on from the rows."""
    desk.write(three())
    run = desk.run(work=False)
    found = dies_and_goes_on(desk, monkeypatch, run, after)
    assert logged(desk) == ["one", "two", "three", "un-two", "un-one"]
    assert found.state is RunState.FAILED and found.undo is not None and found.undo.verified == "good"
    assert len(found.undo.undone) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("after", range(2, 9))
def test_a_fix_that_failed_when_we_died_is_not_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    desk.write("# X\n\n## Resolution\n\n" + fence({"name": "one"}, "echo one >> MARKS/log; exit 4"))
    run = desk.run(work=False)
    found = dies_and_goes_on(desk, monkeypatch, run, after)
    assert logged(desk) == ["one"] and found.state is RunState.FAILED, found.message


# ---- cancelled, taken over, older ---------------------------------------------------------------------------------------


def test_a_cancel_ends_a_step_on_all_hosts_at_once(desk: Desk) -> None:
    desk.write(
        "# X\n\n## Resolution\n\n"
        + fence({"name": "wait", "serial": "3"}, "echo $$ >> MARKS/pids; sleep 60; touch MARKS/x")
    )
    run = desk.run("fleet", work=False)
    worker = threading.Thread(target=desk.segments.execute, args=(run.id,))
    worker.start()
    until = time.monotonic() + 20
    while desk.mark("pids").count("\n") < 3 and time.monotonic() < until:
        time.sleep(0.05)
    desk.runs.cancel(run.id, ADA)
    worker.join(20)
    assert not worker.is_alive()
    assert {each.state for each in desk.runs.get(run.id).steps} == {StepState.CANCELLED}
    assert len(desk.mark("pids").split()) == 3 and not [pid for pid in desk.mark("pids").split() if at_work(pid)]


def at_work(pid: str) -> bool:
    """Whether a process is there and has not ended; one that only waits to be fetched by its parent has."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_a_command_that_was_ended_on_its_host_by_others_fails_the_run_instead_of_holding_it(desk: Desk) -> None:
    desk.write("# X\n\n## Resolution\n\n" + fence({"name": "wait"}, "touch MARKS/begun; sleep 60"))
    run = desk.run(work=False)
    worker = threading.Thread(target=desk.segments.execute, args=(run.id,))
    worker.start()
    until = time.monotonic() + 20
    while not (desk.marks / "begun").exists() and time.monotonic() < until:
        time.sleep(0.05)
    desk.steps.cancel(desk.runs.get(run.id).steps[0])  # as another watchkeeper with our rows would
    worker.join(20)
    assert not worker.is_alive() and desk.runs.get(run.id).state is RunState.FAILED


@pytest.mark.parametrize("attributes", [{"risk": "read"}, {"idempotent": "true"}])
def test_a_cancel_ends_the_pause_between_two_attempts(desk: Desk, attributes: dict[str, str]) -> None:
    phase = "Verification" if "risk" in attributes else "Resolution"
    desk.write(f"# X\n\n## {phase}\n\n" + fence({"name": "a", "retries": "9", "every": "10m", **attributes}, "false"))
    run = desk.run(work=False)
    worker = threading.Thread(target=desk.segments.execute, args=(run.id,))
    worker.start()
    until = time.monotonic() + 20
    while not desk.runs.get(run.id).steps[0].attempt and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    desk.runs.cancel(run.id, ADA)
    worker.join(20)
    found = desk.runs.get(run.id).steps[0]
    assert not worker.is_alive() and found.state is StepState.CANCELLED


def test_an_executor_that_was_taken_over_lets_go_of_the_command_and_writes_nothing(desk: Desk) -> None:
    """Two executors follow one command; the older one neither ends it nor has a word in how it ended."""
    desk.write(
        "# X\n\n## Resolution\n\n" + fence({"name": "long"}, "echo x >> MARKS/log; sleep 1.5; echo y >> MARKS/log")
    )
    run = desk.run(work=False)
    older = threading.Thread(target=desk.segments.execute, args=(run.id,))
    older.start()
    until = time.monotonic() + 20
    while "x" not in desk.mark("log") and time.monotonic() < until:
        time.sleep(0.05)
    ready = replace(desk.runs.get(run.id), state=RunState.READY, segment=2)
    desk.store.write(lambda session: session.save_run(ready))
    quiet = Segments(desk.store, desk.steps, desk.responder, desk.holder, desk.clock, Measurer(desk.hosts, desk.clock))
    quiet.execute(run.id)
    older.join(20)
    found = desk.runs.get(run.id)
    assert desk.mark("log").split() == ["x", "y"]
    assert (found.state, found.fence, found.steps[0].state, found.steps[0].attempt) == (
        RunState.DONE,
        2,
        StepState.DONE,
        1,
    )


def test_a_plan_from_before_these_fields_still_runs(desk: Desk) -> None:
    desk.write("# X\n\n## Resolution\n\n" + fence({"name": "old"}, "touch MARKS/old"))
    run = desk.run(work=False)
    new = {"undo", "undoes", "when", "capture", "capture_type", "needs", "serial", "background", "sudo"}
    with sqlite3.connect(desk.state / "main.db") as connection:
        step_plan = json.loads(connection.execute("select plan from run_step where run = ?", (run.id,)).fetchone()[0])
        plan = json.loads(connection.execute("select plan from run where id = ?", (run.id,)).fetchone()[0])
        assert new <= set(step_plan) and "values" in plan
        older = {name: value for name, value in step_plan.items() if name not in new}
        plan = {name: value for name, value in plan.items() if name != "values"} | {"steps": [older]}
        connection.execute("update run_step set plan = ? where run = ?", (json.dumps(older), run.id))
        connection.execute("update run set plan = ? where id = ?", (json.dumps(plan), run.id))
    assert desk.work(run.id).state is RunState.DONE and (desk.marks / "old").exists()


# ---- sudo --------------------------------------------------------------------------------------------------------------

SUDO = """#!/bin/sh
[ "$1" = -n ] || { echo "sudo: a terminal is required" >&2; exit 1; }
shift
case "$*" in "-l -- systemctl"|"-l -- /usr/bin/find") exit 0;; esac
echo "sudo: a password is required" >&2; exit 1
"""


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("sudo touch MARKS/x", True), ("sudo systemctl restart x", False), ("sudo systemctl stop x && sudo rm y", True),
        ("echo a | sudo -n /usr/bin/find / | head", False), ("ssh app2 sudo rm y", False),
        ("VAR=1 sudo $TOOL", True), ("sudo -u shop systemctl x", True),
    ],
)  # fmt: skip
def test_a_step_whose_sudo_would_ask_is_refused_before_it_starts(tmp_path: Path, text: str, refused: bool) -> None:
    """The real question on the real shell; sudo and id are stand-ins, because no password may be in a test."""
    for name, script in {"sudo": SUDO, "id": "#!/bin/sh\necho 1000\n"}.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    hosts = BlockingHosts({"app1": Host("app1", "local")}, local_environment={**os.environ, "PATH": path})
    try:
        step = PlanStep(0, "a", "fix", "", text, "bash", "change", "app1", sudo=True)
        said = Rights(hosts).refusal(step)
    finally:
        hosts.close()
    assert bool(said) is refused, said
    assert not refused or "would ask for a password, and nobody is there to give it" in said


# ---- the programs as a user has them -----------------------------------------------------------------------------------


def wk(house: House, *words: str) -> subprocess.Popen[str]:
    """The command line against this house."""
    environment = os.environ | {"WATCHKEEPER_STATE": str(house.state)}
    return subprocess.Popen(
        [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(house.ops), *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip


def test_killed_in_the_middle_of_an_undo_and_watched_live(tmp_path: Path) -> None:
    """A line is with the viewer within a second of being printed; kill -9 in an undo step, and it goes on, nothing twice."""
    house, marks = House(tmp_path), tmp_path / "marks"
    marks.mkdir()
    house.service("shop")
    text = three(
        undo_two="echo un-two >> MARKS/log; for i in 1 2 3 4 5 6; do date +%s.%N; sleep 0.5; done; rm MARKS/harm"
    )
    house.write("runbooks/undo.md", text.replace("MARKS", str(marks)))
    try:
        house.start("main")
        dry = wk(house, "run", "undo.md", "--service", "shop", "--dry-run")
        shown = dry.communicate(timeout=60)[0]
        assert dry.returncode == 0 and "Taken back by un-two." in shown and "un-one" in shown, shown
        asked = wk(house, "--json", "run", "undo.md", "--service", "shop", "--dry-run", "--on", "app1").communicate(
            timeout=60
        )
        plan = json.loads(asked[0])["run"]
        assert [each["plan"]["undoes"] for each in plan["steps"] if each["plan"]["undoes"]] == [[1], [0]]
        assert plan["undo"] is None and all(each["notes"] for each in plan["steps"]) and not (marks / "log").exists()
        number = house.post("/runs", runbook="undo.md", service="shop")["run"]["id"]
        viewer = wk(house, "runs", "show", str(number), "--follow")
        late = []
        for line in viewer.stdout or ():
            found = re.search(r"\d{10}\.\d{9}", line)
            if found:
                late.append(time.time() - float(found.group()))
                if len(late) == 3:
                    break
        house.kill("main")
        viewer.kill()
        viewer.communicate()
        house.start("main")
        run = house.until(
            lambda: (found := house.get(f"/runs/{number}")["run"])["state"] in ("failed", "unproven") and found,
            60,
            "it ends",
        )
        link = urlsplit(house.post("/links")["link"]["url"])
        visitor = Visitor(f"{link.scheme}://{link.netloc}")
        visitor.ask("GET", f"{link.path}?{link.query}")
        page = visitor.get(f"/runs/{number}")
    finally:
        house.stop()
    assert "It was undone:" in page and "not undone: three on app1 (it names no undo)" in page
    assert "only if the run is undone" in page and f'action="/runs/{number}/undo"' not in page
    assert f'action="/runs/{number}/resume"' not in page
    assert (marks / "log").read_text().split() == ["one", "two", "three", "un-two", "un-one"]
    assert run["undo"]["verified"] == "good" and len(run["undo"]["undone"]) == 2
    assert sorted(late)[1] < 1.0, late  # the middle of three: the machine may be busy for one of them
