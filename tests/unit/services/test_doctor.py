"""What the doctor makes of a host's answer; real hosts are in tests/lab/test_doctor.py."""

from __future__ import annotations

import pytest

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.doctor.hosts import HostDoctor, clock_offset
from watchkeeper.services.ports import CommandResult

WELL = """\
now 1000.250000000
uid 0
user root
setsid yes
bash yes
boot yes
spool /var/tmp/wk-0
entry drwx------ 2 0 0 4096 Nov 21 12:00 /var/tmp/wk-0
folder yes
own yes
place /var/tmp/wk-0
writable yes
free 5000000
"""


class Answers:
    """A hand-written host port: answers the second command with a text, after a time on the clock given."""

    def __init__(self, text: str, took_s: float = 0.5, error: NoAnswer | None = None) -> None:
        self.text, self.took_s, self.error = text, took_s, error
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def get(self, name: str) -> Answers:
        return self

    def read(self, text: str, **more: object) -> CommandResult:
        if self.error:
            raise self.error
        if text == ":":
            return CommandResult(0, b"", b"", 0.0)
        self.now += self.took_s
        return CommandResult(0, self.text.encode(), b"", self.took_s)


def examine(answers: Answers) -> dict[str, tuple[State, str]]:
    doctor = HostDoctor(answers, answers.clock)  # type: ignore[arg-type]
    return {each.name: (each.state, each.sentence) for each in doctor.examine(Host("app1", "ssh", address="app1"))}


def test_a_host_that_is_well_is_one_finding() -> None:
    assert set(examine(Answers(WELL))) == {"host app1"}
    state, sentence = examine(Answers(WELL))["host app1"]
    assert state is State.OK
    assert (
        sentence == "answers in 500 ms as root; its clock agrees; bash; spool /var/tmp/wk-0 on a disk with 5.1 GB free"
    )


@pytest.mark.parametrize(
    ("line", "other", "name", "state", "words"),
    [
        ("setsid yes\n", "", "shell", State.CRIT, "no setsid"),
        ("boot yes\n", "", "shell", State.CRIT, "no boot id"),
        ("own yes\n", "", "spool", State.CRIT, "does not belong to uid 0, but to uid 0"),
        ("folder yes\n", "", "spool", State.CRIT, "is no directory"),
        ("folder yes\n", "folder yes\nlink yes\n", "spool", State.CRIT, "symbolic link"),
        ("drwx------", "drwxrwx---", "spool", State.CRIT, "open to others (drwxrwx---)"),
        ("writable yes\n", "", "spool", State.CRIT, "cannot be written"),
        ("free 5000000", "free 900", "spool", State.CRIT, "is full"),
        ("free 5000000", "free 20000", "spool", State.WARN, "20 MB are free"),
        ("now 1000.25", "now 4600.25", "clock", State.WARN, "ahead of this machine"),
        ("now 1000.25", "now 940.25", "clock", State.WARN, "behind"),
    ],
)
def test_one_thing_wrong_is_one_more_finding(line: str, other: str, name: str, state: State, words: str) -> None:
    assert line in WELL
    found = examine(Answers(WELL.replace(line, other)))
    assert set(found) == {"host app1", f"host app1 {name}"}
    assert found[f"host app1 {name}"][0] is state
    assert words in found[f"host app1 {name}"][1]


def test_a_slow_host_and_one_that_says_nothing() -> None:
    assert examine(Answers(WELL, took_s=3.0))["host app1"][0] is State.WARN
    assert examine(Answers(""))["host app1"][0] is State.WARN
    gone = examine(Answers("", error=NoAnswer("app1 did not answer.", "Is it up?")))
    assert gone == {"host app1": (State.CRIT, "app1 did not answer.")}


def test_the_round_trip_is_halved_and_whole_seconds_count_as_their_middle() -> None:
    assert clock_offset("1000.5", 1000.0, 1.0) == 0.0
    assert clock_offset("1000.", 1000.0, 1.0) == 0.0  # busybox knows no nanoseconds
    assert clock_offset("1000.%N", 1000.0, 1.0) == 0.0
    assert clock_offset("", 1000.0, 1.0) is None
