"""The folder of packing lists and sheets, full to its budget."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from watchkeeper.adapters.sample import outside
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.breaks.tools import database
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer

MONTH_S = 30 * 86_400.0
DAY_S = 86_400.0
BUDGET = 2_000_000
"""EXPORT_BYTES of shop.env."""
AT_MOST = 200
SENT_WITHIN_S = 5.0


def disk_full(places: Places) -> float:
    """Sheets are made until the shop refuses: old ones, old ones that a job of tonight names, and ones of today.

    What an earlier play left there is taken away first.
    """
    mend(places)
    waiting = [_sheet(places, send_in_s=DAY_S) for _ in range(3)]
    young = [_sheet(places) for _ in range(2)]
    at = time.time()
    old = []
    while name := _sheet(places):
        old.append(name)
        if len(old) > AT_MOST:
            raise NoAnswer(f"After {AT_MOST} sheets the shop still makes more.", "wk demo --heal.")
    if not all([*waiting, *young, *old]):
        raise NoAnswer("The shop made no sheets, so the folder is not full.", "Is it up? wk demo --heal.")
    old.append(_by_hand(places))
    for name in [*waiting, *old]:  # time is the one thing a drill cannot wait for
        os.utime(places.exports / name, (at - MONTH_S, at - MONTH_S))
    held = {name: _digest(places.exports / name) for name in [*waiting, *young]}
    _memo(places).write_text(json.dumps({"stay": held, "waiting": waiting, "old": old}), encoding="utf-8")
    return at


def _sheet(places: Places, send_in_s: float | None = None) -> str:
    """Ask the shop for a sheet, as the office does; "" when it is refused."""
    body: dict[str, object] = {"year": 2031, "send_in_s": send_in_s}
    status, answer = outside.request(places.ports()["shop"], "POST", "/exports", body)
    return str(answer["export"]) if status == 201 else ""


def _by_hand(places: Places) -> str:
    """The last one is copied there by hand, past the shop and a little beyond the budget."""
    name = f"sheet-{time.time_ns()}.csv"
    room = BUDGET - sum(path.stat().st_size for path in places.exports.glob("sheet-*"))
    (places.exports / name).write_bytes(b"copied by hand\n" * (max(room, 0) // 15 + 1))
    return name


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _memo(places: Places) -> Path:
    """What the drill made, for its judgement and for healing."""
    return places.fleet / "etc" / "drill-disk-full.json"


def kept_what_is_needed(places: Places) -> str:
    """What is wrong in the folder, looked at from outside; "" when everything that had to stay is there unchanged.

    In the end the office gets one of the sheets that waited: a job without its file would fail.
    """
    made = json.loads(_memo(places).read_text(encoding="utf-8"))
    lost = [name for name, digest in made["stay"].items() if _digest(places.exports / name) != digest]
    if lost:
        return f"these files had to stay and did not: {', '.join(lost)}"
    if any((places.exports / name).exists() for name in made["old"]):
        return "old sheets are still there"
    shop, name = places.ports()["shop"], made["waiting"][0]
    outside.request(shop, "POST", f"/exports/{name}/send", {})
    deadline = time.monotonic() + SENT_WITHIN_S
    state: object = ""
    while time.monotonic() < deadline and state not in ("done", "failed"):
        state = outside.request(shop, "GET", f"/exports/{name}")[1].get("state")
        time.sleep(0.05)
    return "" if state == "done" else f"a sheet that waited for the office was not sent: its job is {state}"


def _judge(after: Aftermath) -> str:
    return kept_what_is_needed(after.places)


def mend(places: Places) -> Sequence[str]:
    """Take away the sheets of the drill and the jobs that send them."""
    memo = _memo(places)
    if not memo.exists() and not any(places.exports.glob("sheet-*.csv")):
        return ()
    with database(places) as connection:
        connection.execute("begin immediate")
        connection.execute("delete from job where order_id = 0 and file like 'sheet-%'")
        connection.execute("commit")
    for path in places.exports.glob("sheet-*.csv"):
        path.unlink(missing_ok=True)
    memo.unlink(missing_ok=True)
    return ()


FAMILY = Family(
    scenarios=(
        Scenario(
            "disk-full", "closed", "exports", "so many sheets were made that the folder reached its budget", disk_full,
            "asks the office who makes so many sheets", judge=_judge, weight_s=7,
        ),
    ),
    mend=mend,
    responses=("exports/runbooks/exports-full.md",),
)  # fmt: skip
