"""Breaking the sample fleet for real, one scenario each, and putting right what no runbook can.

One module per part of the fleet that breaks; each has a `FAMILY`. A new scenario is a function beside its kin and one
`Scenario` in their tuple; a new part is a module and one name in `FAMILIES`.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence

from watchkeeper.adapters.sample import fleet, outside
from watchkeeper.adapters.sample.breaks import (
    certificates,
    configuration,
    container,
    database,
    labels,
    machine,
    memory,
    partner,
    programs,
    queue,
    storage,
)
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import control, is_running, supervisor_pid
from watchkeeper.core.errors import NoAnswer, Usage

HEALED_WITHIN_S = 45.0
FAMILIES: tuple[Family, ...] = (
    database.FAMILY,
    programs.FAMILY,
    configuration.FAMILY,
    queue.FAMILY,
    storage.FAMILY,
    memory.FAMILY,
    container.FAMILY,
    labels.FAMILY,
    certificates.FAMILY,
    partner.FAMILY,
    machine.FAMILY,
)
"""Healing mends them in this order: what the database needs stands before what is put right inside it (queue)."""

MEND_TRIES = 5
USERS = ("shop", "worker", "backup")
"""Programs that have the database open."""

SCENARIOS: Mapping[str, Scenario] = {each.name: each for family in FAMILIES for each in family.scenarios}
RESPONSES: tuple[str, ...] = tuple(response for family in FAMILIES for response in family.responses)
"""The responses of the sample that ask to act by themselves; `wk demo` adds a grant for each."""

__all__ = ["FAMILIES", "RESPONSES", "SCENARIOS", "Aftermath", "Family", "Scenario", "heal", "scenario"]


def scenario(name: str) -> Scenario:
    """The scenario of that name. Raises `Usage` with the known ones."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise Usage(f"There is no scenario {name}.", f"Known: {', '.join(SCENARIOS)}.") from None


def heal(places: Places) -> None:
    """Put right what no runbook can or may, whatever was broken, and wait until an order goes through.

    Raises `NoAnswer` when it does not after all.
    """
    _mend_supervisor(places)
    restart = [name for family in FAMILIES for name in _mended(family, places)]
    ill = dict.fromkeys([*restart, *outside.ill(places.ports())])
    if ill:
        control(places, "restart", *ill)
    subprocess.run(
        [str(places.fleet / "bin" / "rescue-jobs"), "--execute"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=30.0, check=False,
    )  # fmt: skip
    if not fleet.wait_until_well(places, HEALED_WITHIN_S):
        raise NoAnswer(
            "The sample fleet was put right, but an order still does not go through.",
            f"Its logs are in {places.fleet / 'log'}; 'wk demo --stop' and start again.",
        )


def _mended(family: Family, places: Places) -> Sequence[str]:
    """What one family mends; the files that it works on may just be put back by a program that starts again."""
    for left in range(MEND_TRIES - 1, -1, -1):
        try:
            return family.mend(places)
        except (OSError, sqlite3.Error) as error:
            if str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_IOERR"):
                _reopen_database(places)
            if not left:
                reason = getattr(error, "sqlite_errorname", type(error).__name__)
                raise NoAnswer(
                    f"The sample fleet cannot be put right: {error} ({reason}).", "'wk demo --stop' and start again."
                ) from None
            time.sleep(0.5)
    return ()


def _reopen_database(places: Places) -> None:
    """A database whose journal somebody took away is whole again once everybody who has it open has let go of it."""
    control(places, "stop", *USERS)
    control(places, "start", *USERS)


def _mend_supervisor(places: Places) -> None:
    """A supervisor without its socket makes a new one on SIGHUP; a dead one is started again."""
    pid = supervisor_pid(places)
    if pid is None:
        fleet.start(places)
    elif not is_running(places):
        os.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + 20.0
        while not is_running(places) and time.monotonic() < deadline:
            time.sleep(0.1)
