"""The holder: taken up when a save has come to rest, the last good inventory while files are broken."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from watchkeeper.core.errors import Invalid
from watchkeeper.services.inventory import InventoryHolder

GOOD = {
    "watchkeeper.yaml": b"team: Harbour\ntimezone: Europe/Amsterdam\n",
    "services/docs.yaml": b"service: docs\nchecks:\n  - name: site\n    http: http://127.0.0.1:8803/\n",
}
THURSDAY = 1_795_104_120.0  # Thu 19 Nov 2026 17:02 in Amsterdam


class Files:
    """An ops repository in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.now = files
        self.reads = 0
        self.broken: list[tuple[str, str]] = []

    def signature(self) -> str:
        return repr((sorted(self.now.items()), self.broken))

    def files(self) -> dict[str, bytes]:
        self.reads += 1
        return dict(self.now)

    def faults(self) -> Iterable[tuple[str, str]]:
        return tuple(self.broken)

    def commits(self, since: float) -> list[tuple[str, float, str, str]]:
        return []


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = THURSDAY

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def files() -> Files:
    return Files(dict(GOOD))


def after_half_a_second(holder: InventoryHolder, clock: Clock, times: int = 2) -> bool:
    """Poll as the callers do; True when one of the polls replaced the inventory."""
    answers = []
    for _ in range(times):
        answers.append(holder.refresh())
        clock.now += 0.5
    return any(answers)


def test_it_loads_when_made_and_reads_again_only_after_a_save(files: Files, clock: Clock) -> None:
    holder = InventoryHolder(files, clock)
    assert holder.current.team.name == "Harbour" and holder.fault == "" and holder.current.loaded_at == THURSDAY
    assert not after_half_a_second(holder, clock, 20)
    assert files.reads == 1


def test_a_save_is_taken_up_within_a_second(files: Files, clock: Clock) -> None:
    holder = InventoryHolder(files, clock)
    before = holder.current
    files.now["watchkeeper.yaml"] = b"team: Quay\n"
    assert not holder.refresh() and holder.current is before
    clock.now += 0.5
    assert holder.refresh()
    assert holder.current.team.name == "Quay" and holder.current is not before
    assert not holder.refresh()


def test_a_save_in_pieces_is_waited_for(files: Files, clock: Clock) -> None:
    holder = InventoryHolder(files, clock)
    whole = b"team: Quay\ntimezone: UTC\nbudget: {all: 5 per hour}\n"
    for length in range(0, len(whole), 7):
        files.now["watchkeeper.yaml"] = whole[:length]
        assert not holder.refresh()
        clock.now += 0.5
    assert files.reads == 1 and holder.fault == ""
    files.now["watchkeeper.yaml"] = whole
    assert after_half_a_second(holder, clock)
    assert holder.current.team.budget_all == (5, 3600.0)


def test_a_broken_file_keeps_the_last_good_inventory_and_says_so(files: Files, clock: Clock) -> None:
    holder = InventoryHolder(files, clock)
    before = holder.current
    files.now["services/docs.yaml"] = b"service: docs\nchecks:\n  - name: site\n    htp: x\n"
    clock.now += 3600
    assert not after_half_a_second(holder, clock)
    assert holder.current is before
    assert holder.fault.startswith(
        "services/docs.yaml, line 4: expected one of alert, clock, command, connectivity, container, cpu"
    )
    assert "found the unknown key 'htp' (did you mean 'http'?) (and 1 more)." in holder.fault or (
        "found the unknown key 'htp' (did you mean 'http'?)." in holder.fault
    )
    assert holder.fault.endswith("The inventory of Thu 17:02 keeps watching.")
    assert holder.loaded.errors
    files.now = dict(GOOD)
    assert not after_half_a_second(holder, clock)  # the same files again: nothing new to take over
    assert holder.fault == "" and holder.current is before


def test_an_ops_repo_that_goes_away_keeps_the_last_good_inventory(files: Files, clock: Clock) -> None:
    holder = InventoryHolder(files, clock)
    files.now = {}
    after_half_a_second(holder, clock)
    assert holder.current.services and "watchkeeper.yaml" in holder.fault


def test_a_file_that_cannot_be_read_keeps_the_last_good_inventory(files: Files, clock: Clock) -> None:
    holder = InventoryHolder(files, clock)
    del files.now["services/docs.yaml"]
    files.broken = [("services/docs.yaml", "a file that cannot be read (Permission denied)")]
    after_half_a_second(holder, clock)
    assert "docs" in holder.current.services and "Permission denied" in holder.fault


def test_without_a_first_good_inventory_there_is_none(clock: Clock) -> None:
    files = Files({"watchkeeper.yaml": b"team: [\n"})
    holder = InventoryHolder(files, clock)
    with pytest.raises(Invalid) as caught:
        _ = holder.current
    assert "watchkeeper.yaml, line" in caught.value.sentence and "no inventory" in caught.value.sentence
    assert "wk lint" in caught.value.hint
    files.now = dict(GOOD)
    assert after_half_a_second(holder, clock)
    assert holder.current.team.name == "Harbour"


def test_a_clock_that_jumps_back_does_not_stop_the_reload(files: Files, clock: Clock) -> None:
    holder = InventoryHolder(files, clock)
    files.now["watchkeeper.yaml"] = b"team: Quay\n"
    holder.refresh()
    clock.now -= 7200
    assert holder.refresh()


def test_warnings_do_not_hold_it_back(files: Files, clock: Clock) -> None:
    files.now["hosts.yml"] = b""
    holder = InventoryHolder(files, clock)
    assert holder.fault == "" and [each.level for each in holder.loaded.mistakes] == ["warning"]
