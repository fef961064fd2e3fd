"""Wrong input, everywhere: one clear sentence with the next step, never a trace, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from watchkeeper.core.errors import Usage, WatchkeeperError

HUNDRED_MB = 100_000_000
STUBBORN = "sleep 300.0625"
PAGE = """#!/bin/sh
[ ! -e "{root}/channel-hangs" ] || {{ trap '' TERM; sleep 600; }}
cat >> "{root}/pages.jsonl"; echo >> "{root}/pages.jsonl"
"""


def wk(house: House, *words: str, ops: Path | None = None, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """The command line, as a person calls it."""
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(ops or house.ops)]
    return subprocess.run(
        [*command, "--state", str(house.state), *words], capture_output=True, text=True, timeout=timeout
    )


def program(name: str, ops: Path, state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One program that is expected to refuse and end."""
    command = [sys.executable, "-m", f"watchkeeper.programs.{name}", "--ops", str(ops), "--state", str(state), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def is_clear(said: str, *parts: str) -> None:
    """Every part is said, and no trace is shown."""
    assert "Traceback" not in said and 'File "' not in said, said
    for part in parts:
        assert part in said, said


def fence(text: str, **attributes: str) -> str:
    return f"```bash {json.dumps(attributes)}\n{text}\n```\n\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("wrong"))
    page = house.ops / "tools/page.sh"
    page.write_text(PAGE.format(root=house.root))
    config = house.ops / "watchkeeper.yaml"
    config.write_text(config.read_text().replace("timeout: 10s", "timeout: 1s"))
    for name in ("calm", "broken", "gone", "paged"):
        house.service(name)
    big = f"head -c {HUNDRED_MB} /dev/zero | tr '\\0' x"
    fix = fence(big, name="flood", timeout="60s") + fence("head -c 5000 /dev/urandom", name="binary")
    house.write("runbooks/flood.md", f"# Flood\n\n**Diagnosis**\n\n{fence(big, name='look', timeout='60s')}**Fix**\n\n{fix}")
    stubborn = f"trap '' TERM; {STUBBORN} & {STUBBORN}; wait"
    looks = fence(stubborn, name="look", timeout="1s")
    house.write("runbooks/stubborn.md", f"# Stubborn\n\n**Diagnosis**\n\n{looks}**Fix**\n\n{fence(stubborn, name='fix', timeout='1s')}")
    house.write("runbooks/elsewhere.md", f"# Elsewhere\n\n**Fix**\n\n{fence('true', name='there', host='nowhere')}")
    house.start()
    house.until(house.all_ok, 20, "every check is OK")
    yield house
    house.stop()


def by_hand(house: House, runbook: str, limit_s: float = 60) -> dict[str, Any]:
    """A run started by hand, once it has ended."""
    number = house.post("/runs", runbook=runbook, service="calm")["run"]["id"]
    return house.until(
        lambda: (run := house.get(f"/runs/{number}")["run"])["ended_at"] and run, limit_s, f"run of {runbook} ends"
    )


def test_a_hundred_megabytes_and_binary_output_are_kept_in_bounds(house: House) -> None:
    run = by_hand(house, "runbooks/flood.md", 100)
    look, flood, binary = run["steps"]
    assert [look["state"], flood["state"], binary["state"]] == ["done", "done", "done"]
    assert "more than 64 MB, so it was ended" in look["message"]
    assert look["evidence"]["truncated"] and flood["evidence"]["truncated"]
    limit = 64 * 1024 * 1024
    assert look["evidence"]["size"] <= limit and flood["evidence"]["exit_code"] == 0
    where = 48 * 1024 * 1024 - 100
    _headers, output = house.client.raw("GET", f"/runs/{run['id']}/steps/1/output?offset={where}")
    assert b"bytes left out here by watchkeeper: 64 MB are kept" in output[:300]
    _headers, output = house.client.raw("GET", f"/runs/{run['id']}/steps/2/output")
    assert len(output) == 5000
    shown = wk(house, "runs", "show", str(run["id"]))
    is_clear(shown.stdout + shown.stderr, "flood", "binary")


def test_a_command_that_ignores_term_is_ended_with_its_children_and_said(house: House) -> None:
    run = by_hand(house, "runbooks/stubborn.md")
    assert run["state"] == "failed"
    assert "did not end within 1 s" in run["message"]
    assert [step["state"] for step in run["steps"]] == ["failed", "failed"]
    house.until(lambda: not processes("sleep\0300.0625"), 5, "the command and its children are gone")


def processes(mark: str) -> list[int]:
    """Living processes whose command line holds this."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_an_unknown_host_in_a_runbook_starts_nothing(house: House) -> None:
    with pytest.raises(Usage) as refused:
        house.post("/runs", runbook="runbooks/elsewhere.md", service="calm")
    is_clear(str(refused.value), "runbooks/elsewhere.md names the host nowhere", "Its hosts: app1")


def test_a_missing_runbook_and_an_unknown_host_in_a_service_keep_the_last_good_inventory(house: House) -> None:
    path = house.ops / "services/calm.yaml"
    good = path.read_text()
    path.write_text(good.replace("runbooks/calm.md", "runbooks/clam.md").replace("[app1]", "[app2]"))
    try:
        house.until(lambda: house.get("/status")["status"]["fault"], 6, "it is said")
        linted = wk(house, "lint")
        assert linted.returncode in (1, 2)
        is_clear(linted.stdout + linted.stderr, "services/calm.yaml:", "clam.md", "app2", "Did you mean 'app1'?")
        shown = wk(house, "status")
        is_clear(shown.stdout + shown.stderr, "keeps watching", "wk lint")
    finally:
        path.write_text(good)
    house.until(lambda: not house.get("/status")["status"]["fault"], 6, "it is well again")


def test_a_broken_file_while_an_incident_is_open_neither_closes_nor_hides_it(house: House) -> None:
    house.grant("broken")
    path = house.ops / "services/broken.yaml"
    good = path.read_text()
    path.write_text("service: broken\nchecks: [\n")
    try:
        house.until(lambda: house.get("/status")["status"]["fault"], 6, "it is said")
        house.break_("broken")
        assert house.closed("broken")["ending"] == "fixed", "the last good inventory watches, and its runbook answers"
    finally:
        path.write_text(good)
    house.until(lambda: not house.get("/status")["status"]["fault"], 6, "it is well again")


def test_a_deleted_ops_repo_is_said_and_the_watch_goes_on(house: House) -> None:
    away = house.root / "ops.away"
    house.grant("gone")
    house.ops.rename(away)
    try:
        house.until(lambda: house.get("/status")["status"]["fault"], 6, "it is said")
        fault = house.get("/status")["status"]["fault"]
        is_clear(fault, "cannot be read", "No such file or directory", "keeps watching")
        shown = wk(house, "status")
        is_clear(shown.stdout + shown.stderr, "is not a directory", "wk init")
        house.break_("gone")
        incident = house.until(lambda: house.incident("gone"), 10, "the incident opens")
        assert incident["status"] == "open" or incident["ending"] == "fixed"
    finally:
        away.rename(house.ops)
    house.until(lambda: not house.get("/status")["status"]["fault"], 6, "it is well again")
    house.closed("gone", 30)
    house.until(lambda: any('"gone' in page or "gone:" in page for page in house.pages()), 30, "and told, once it can be")


def test_a_runbook_that_is_not_utf8_is_named_and_the_others_stay(house: House) -> None:
    path = house.ops / "runbooks/latin.md"
    path.write_bytes("# Störung\n\nBehebung\n".encode("latin-1"))
    try:
        linted = house.until(
            lambda: (done := wk(house, "lint")) and "latin.md" in done.stdout + done.stderr and done, 6, "lint names it"
        )
        is_clear(linted.stdout + linted.stderr, "runbooks/latin.md:1", "UTF-8")
        with pytest.raises(WatchkeeperError) as refused:
            house.post("/runs", runbook="runbooks/latin.md")
        is_clear(str(refused.value), "latin.md")
    finally:
        path.unlink()
    house.until(lambda: not house.get("/status")["status"]["fault"], 6, "it is well again")


def test_a_channel_that_hangs_is_stopped_said_and_tried_again(house: House) -> None:
    (house.root / "channel-hangs").touch()
    try:
        house.break_("paged")
        late = house.until(lambda: house.get("/status")["status"]["undelivered"], 20, "it is shown")
        is_clear(json.dumps(late), "page.sh did not end within 1 s and was stopped")
        shown = wk(house, "status")
        is_clear(shown.stdout + shown.stderr, "page.sh")
    finally:
        (house.root / "channel-hangs").unlink()
    house.until(lambda: any("paged" in page for page in house.pages()), 40, "the page arrives after all")
    (house.flags / "paged").touch()
    house.closed("paged", 30)
