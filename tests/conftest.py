"""What every test may use: named parts of the machine, and a guard against processes that outlive the tests.

A test that needs a part says so by name, `@pytest.mark.needs("sshd", "root")`, or asks the `requires` fixture from
inside another fixture. On a person's machine it is skipped, with the part and the command that installs it; where `CI`
is set it fails, so that no test is silently left out there.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile(
    "ci", derandomize=True
)  # there the same examples every time; new ones are looked for at desks
if os.environ.get("CI"):
    settings.load_profile("ci")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the machine that some tests need: is it there, and how to get it."""

    present: Callable[[], bool]
    advice: str


def program(*names: str) -> Callable[[], bool]:
    """True when every program is found, also in the system folders that are not on a plain user's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return lambda: all(shutil.which(name, path=path) for name in names)


def is_root() -> bool:
    return os.geteuid() == 0


def can_make_network_namespaces() -> bool:
    command = shutil.which("unshare")
    if command is None or not program("ip")():
        return False
    return subprocess.run([command, "-n", "true"], capture_output=True, timeout=10).returncode == 0


def can_make_machines() -> bool:
    """Whether tests/lab/machines.py can work here: a bridge, namespaces and a copy-on-write view of the root."""
    if not (is_root() and program("ip", "sshd", "unshare", "nsenter", "setpriv")() and can_make_network_namespaces()):
        return False
    script = (
        "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/r && ip link add wkpart type bridge && "
        "mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r"
    )
    return subprocess.run(["unshare", "-nm", "sh", "-c", script], capture_output=True, timeout=20).returncode == 0


def cgroup2_is_mounted() -> bool:
    return any(line.split()[2] == "cgroup2" for line in Path("/proc/mounts").read_text().splitlines())


PARTS: dict[str, Part] = {
    "root": Part(is_root, "run the tests as root, on a machine of your own"),
    "git": Part(program("git"), "apt-get install git"),
    "sshd": Part(program("sshd", "ssh", "ssh-keygen"), "apt-get install openssh-server openssh-client"),
    "sudo": Part(program("sudo"), "apt-get install sudo"),
    "busybox": Part(program("busybox"), "apt-get install busybox"),
    "netns": Part(can_make_network_namespaces, "apt-get install iproute2, and run the tests as root"),
    "postgresql": Part(lambda: any(Path("/usr/lib/postgresql").glob("*/bin/postgres")), "apt-get install postgresql"),
    "chromium": Part(
        lambda: program("chromium")() and importlib.util.find_spec("playwright") is not None, "apt-get install chromium"
    ),
    "machines": Part(can_make_machines, "apt-get install iproute2 openssh-server, and run as root with namespaces"),
    "systemd": Part(
        lambda: Path("/lib/systemd/systemd").exists() and cgroup2_is_mounted(),
        "apt-get install systemd, on a machine with cgroup v2 mounted",
    ),
    "nginx": Part(program("nginx"), "apt-get install nginx"),
    "cron": Part(program("cron"), "apt-get install cron"),
    "logrotate": Part(program("logrotate"), "apt-get install logrotate"),
    "sqlite3": Part(program("sqlite3"), "apt-get install sqlite3"),
    "supervisor": Part(program("supervisord"), "apt-get install supervisor"),
    "faketime": Part(lambda: any(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), "apt-get install libfaketime"),
    "podman": Part(program("podman", "runc"), "apt-get install podman runc netavark iptables, and run as root"),
    "bwrap": Part(program("bwrap"), "apt-get install bubblewrap"),
}
MISSING = "part not installed: "


@cache
def present(name: str) -> bool:
    return PARTS[name].present()


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def require(*names: str) -> None:
    """Skips the running test when a part is missing, by name; fails it where `CI` is set."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        pytest.fail(f"unknown part {unknown}: tests/conftest.py knows {sorted(PARTS)}", pytrace=False)
    missing = [name for name in names if not present(name)]
    if not missing:
        return
    reason = MISSING + "; ".join(f"{name} ({PARTS[name].advice})" for name in missing)
    if in_ci():
        pytest.fail(f"{reason}. In CI every part must be there: see .ci/run", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def requires() -> Callable[..., None]:
    """`requires("sshd", "root")` inside a fixture: skip by name here, fail in CI."""
    return require


def pytest_configure(config: pytest.Config) -> None:
    names = ", ".join(sorted(PARTS))
    config.addinivalue_line("markers", f"needs(*parts): parts of the machine that the test needs, of {names}")
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist inherit the controller's token
        os.environ[TOKEN_VARIABLE] = uuid.uuid4().hex


LONGEST_FIRST = ("journeys/test_drill.py", "journeys", "lab", "docs", "contract", "unit")
"""What starts programs and waits for them begins first, so that the quick tests fill the end of the suite."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        path = Path(item.path).as_posix()
        return next((n for n, part in enumerate(LONGEST_FIRST) if f"/tests/{part}" in path), len(LONGEST_FIRST))

    items.sort(key=turn)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(*marker.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says by name what was left out, and how to get it."""
    skipped: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if MISSING in reason:
            skipped[reason.split(MISSING, 1)[1]].append(report.nodeid)
    if skipped:
        terminalreporter.section("skipped, because a part is not installed")
    for part, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"{part}:")
        for test in sorted(tests):
            terminalreporter.write_line(f"    {test}")


# ------------------------------------------------------------------------------------ nothing outlives the tests

TOKEN_VARIABLE = "WATCHKEEPER_TEST_SESSION"
GRACE_S = 3.0


def processes_with(token: str) -> dict[int, str]:
    """Living processes that inherited this session's token, however far they moved away: pid to command line."""
    wanted = f"{TOKEN_VARIABLE}={token}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if command:  # empty: a zombie, which has ended already
                    found[int(folder.name)] = command
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the session when a process started by a test is still there, names it, and ends it."""
    if hasattr(session.config, "workerinput"):
        return
    token = os.environ.get(TOKEN_VARIABLE, "")
    deadline = time.monotonic() + GRACE_S
    while (left := processes_with(token)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if not left:
        return
    print("\nprocesses that the tests left behind (ended now):")
    for pid, command in left.items():
        print(f"  {pid}  {command[:200]}")
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory with a short name: sockets below it must fit 107 bytes, which a worker's `tmp_path` does not leave."""
    with tempfile.TemporaryDirectory(prefix="wk-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
