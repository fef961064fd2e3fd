"""Wrong input, everywhere: one clear sentence with the next step, never a trace, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.house import House
from tests.lab.ssh_hosts import SshLab, free_port

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
    house.write(
        "runbooks/flood.md", f"# Flood\n\n**Diagnosis**\n\n{fence(big, name='look', timeout='60s')}**Fix**\n\n{fix}"
    )
    stubborn = f"trap '' TERM; {STUBBORN} & {STUBBORN}; wait"
    looks = fence(stubborn, name="look", timeout="1s")
    house.write(
        "runbooks/stubborn.md",
        f"# Stubborn\n\n**Diagnosis**\n\n{looks}**Fix**\n\n{fence(stubborn, name='fix', timeout='1s')}",
    )
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
    assert b"bytes left out: first 48 MB and last 16 MB are kept]" in output[:300]
    _headers, output = house.client.raw("GET", f"/runs/{run['id']}/steps/2/output")
    assert len(output) == 5000
    shown = wk(house, "runs", "show", str(run["id"]))
    is_clear(shown.stdout + shown.stderr, "flood.md", "so it was ended")


def test_a_command_that_ignores_term_is_ended_with_its_children_and_said(house: House) -> None:
    run = by_hand(house, "runbooks/stubborn.md")
    assert run["state"] == "failed", [(step["state"], step["message"]) for step in run["steps"]]
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
    house.until(
        lambda: any('"gone' in page or "gone:" in page for page in house.pages()), 30, "and told, once it can be"
    )


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


# ---- starting, and the state directory ---------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """A house of one service, not started."""
    house = House(tmp_path)
    house.service("lamp")
    yield house
    house.stop()


def up(house: House, *words: str, ops: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`wk up` where it is expected to refuse and end."""
    return wk(house, "up", "--port", "0", *words, ops=ops)


def test_an_empty_ops_repo_is_no_ops_repo(small: House, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for verb in ("lint", "up", "status", "check"):
        done = wk(small, verb, ops=empty)
        assert done.returncode in (2, 4)
        is_clear(done.stderr, "holds no watchkeeper.yaml", "wk init")


def test_a_state_directory_of_another_user_is_refused(small: House, requires: Callable[..., None]) -> None:
    requires("root")
    small.state.mkdir()
    os.chown(small.state, 65534, 65534)
    done = up(small)
    assert done.returncode == 2
    is_clear(done.stderr, f"{small.state} belongs to another user", "--state")
    assert list(small.state.iterdir()) == []


def test_a_port_that_is_taken_is_named(small: House) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = wk(small, "up", "--port", str(port))
    assert done.returncode == 5
    is_clear(done.stderr, f"Port {port} on 127.0.0.1 is taken", "--port")


def test_of_two_starts_at_once_one_runs_and_the_other_says_so(small: House) -> None:
    command = [*small.command]
    both = [
        subprocess.Popen([*command, "up", "--port", "0"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        small.until(lambda: any(each.poll() is not None for each in both), 20, "one of them ends")
        loser = next(each for each in both if each.poll() is not None)
        assert loser.returncode == 5 and loser.stderr is not None
        is_clear(loser.stderr.read(), "is in use by process", "wk status")
        small.until(small.all_ok, 20, "the other watches")
    finally:
        for each in both:
            if each.poll() is None:
                each.terminate()
            each.communicate(timeout=20)


@pytest.mark.parametrize(("name", "how"), [(n, h) for n in ("main.db", "readings.db") for h in ("start", "middle")])
def test_a_damaged_store_is_one_sentence_and_is_not_touched(small: House, name: str, how: str) -> None:
    small.start()
    small.until(small.all_ok, 20, "the check is OK")
    small.stop()
    path = small.state / name
    with path.open("r+b") as file:
        file.seek(0 if how == "start" else 4096)
        file.write(b"not what was written here " * 400)
    for other in small.state.glob(f"{name}-*"):
        other.unlink()
    before = path.read_bytes()
    done = up(small)
    assert done.returncode == 2
    is_clear(done.stderr, str(path), "wk restore self" if name == "main.db" else "move readings.db away")
    assert path.read_bytes() == before
    asked = wk(small, "status")
    is_clear(asked.stdout + asked.stderr)
    assert str(path) in asked.stderr or "Nobody is watching" in asked.stdout, "never as if all were well"


def test_a_new_journal_of_readings_is_read_from_its_start(small: House) -> None:
    small.start()
    small.until(small.all_ok, 20, "the check is OK")
    small.break_("lamp")
    small.until(lambda: (found := small.incident("lamp")) and found["status"] == "open", 15, "an incident opens")
    (small.flags / "lamp").touch()
    small.closed("lamp", 30)
    small.stop()
    for path in small.state.glob("readings.db*"):
        path.unlink()
    small.start()
    small.until(small.all_ok, 20, "the check is OK")
    small.break_("lamp")
    incident = small.until(
        lambda: (found := small.incident("lamp")) and found["status"] == "open" and found, 15, "it opens"
    )
    (small.flags / "lamp").touch()
    small.closed("lamp", 30)
    assert incident["reopened"] >= 1


def test_a_full_disk_is_said_and_nothing_that_was_seen_is_lost(small: House, requires: Callable[..., None]) -> None:
    requires("root")
    small.state.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(small.state)], check=True)
    try:
        small.start()
        small.until(small.all_ok, 20, "the check is OK")
        fill(small.state / "ballast")
        small.break_("lamp")
        said = small.until(
            lambda: "cannot be written" in (status := small.get("/status")["status"])["sentence"] and status["sentence"],
            15, "the page says so",
        )  # fmt: skip
        is_clear(said, "Nobody is watching", "Free some space")
        shown = wk(small, "status")
        is_clear(shown.stdout + shown.stderr, "cannot be written")
        (small.state / "ballast").unlink()
        incident = small.until(lambda: small.incident("lamp"), 20, "the flip was kept and opens the incident")
        small.until(lambda: any("lamp" in page for page in small.pages()), 10, "and somebody is told")
        assert incident["checks"][0]["check"] == "lamp/flag"
        small.stop()
        fill(small.state / "ballast")
        is_clear(up(small).stderr, "its disk has room")
        logs = (small.root / "main.log").read_text() + (small.root / "watch.log").read_text()
        is_clear(logs)
    finally:
        small.stop()
        subprocess.run(["umount", str(small.state)], check=True)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), path.open("wb") as file:
        while True:
            file.write(b"x" * 1024)
            file.flush()


# ---- hosts ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hosts(requires: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Four wrong ways to one real sshd: another key, a port where nobody listens, sudo that asks, an unknown user."""
    requires("sshd", "root", "netns", "sudo")
    folder = Path("/tmp") / f"wk-wrong-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    lab = SshLab(folder)
    house = House(tmp_path_factory.mktemp("hosts"))
    try:
        port = lab.add("far").port
        known = folder / "known_changed"
        kind, key = Path(f"{lab.key}.pub").read_text().split()[:2]
        known.write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
        common = f"  HostName 127.0.0.1\n  IdentityFile {lab.key}\n  IdentitiesOnly yes\n"
        home = house.root / "home"
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh/config").write_text(
            lab.config.read_text()
            + f"Host changed\n  Port {port}\n  UserKnownHostsFile {known}\n{common}"
            + f"Host shut\n  Port {free_port()}\n  UserKnownHostsFile {lab.known_hosts}\n{common}"
        )
        house.environment = {"HOME": str(home)}
        house.service("calm")
        house.write(
            "hosts.yaml",
            "hosts:\n  app1: {local: true}\n  changed: {ssh: root@changed}\n  shut: {ssh: root@shut}\n"
            "  asking: {ssh: deploy@far, become: sudo -n}\n  stranger: {ssh: nobody@far}\n",
        )
        for name in ("changed", "shut", "asking"):
            steps = (
                fence("id -un", name="look", host=name)
                + f"**Fix**\n\n{fence('touch /root/changed', name='fix', host=name)}"
            )
            house.write(f"runbooks/{name}.md", f"# On {name}\n\n**Diagnosis**\n\n{steps}")
        house.start()
        house.until(house.all_ok, 20, "the check is OK")
        yield house
        assert not (lab.hosts["far"].root / "root/changed").exists()
    finally:
        house.stop()
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("changed", ("The host key of changed", "is not the one in", "known_changed:1", "ssh-keygen")),
        ("shut", ("refused the connection", "nothing listens on that port", "Is sshd running there")),
        ("asking", ("sudo on asking", "password", "NOPASSWD")),
    ],
)
def test_a_host_that_cannot_be_used_is_one_sentence_and_nothing_is_changed(
    hosts: House, name: str, parts: tuple[str, ...]
) -> None:
    run = by_hand(hosts, f"runbooks/{name}.md")
    assert run["state"] == "failed"
    look, fix = run["steps"]
    assert look["state"] == "failed" and fix["state"] in ("failed", "refused")
    is_clear(look["message"], *parts)
    is_clear(run["message"])
    shown = wk(hosts, "runs", "show", str(run["id"]))
    is_clear(shown.stdout + shown.stderr, parts[0])


def test_doctor_names_every_host_with_its_reason(hosts: House) -> None:
    done = wk(hosts, "--json", "doctor")
    assert done.returncode == 1
    is_clear(
        done.stdout, "The host key of changed", "nothing listens on that port", "account is currently not available"
    )
