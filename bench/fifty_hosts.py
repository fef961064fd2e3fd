"""One read command on fifty hosts at the same time, from a process that keeps its connections.

    python bench/fifty_hosts.py [HOSTS] [--rounds N] [--peers DIR]

Every host is an sshd of its own with a stock configuration (MaxSessions 10, MaxStartups 10:30:100), all on this machine, so
the processor of both ends is counted. Cold is the first command of all, logins included; warm are the next ones: through the
kept shells as checks go, and in sessions of their own as steps of a run go, whose output is seen as it comes. Beside it
pyinfra and ansible, each as its own command line, where DIR/bin or the PATH has them. Needs root and sshd. Exits with 1 when
warm takes longer than 1.5 s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.lab.ssh_hosts import SshLab

from watchkeeper.adapters.hosts.blocking import BlockingHosts
from watchkeeper.core.inventory.values import Host

BAR_S = 1.5
STOCK = "MaxSessions 10\nMaxStartups 10:30:100"
COMMAND = "uname -n"


def ours(lab: SshLab, rounds: int) -> tuple[float, list[float], list[float]]:
    """(cold, warm through kept shells, warm with live output) in seconds, from threads as the engine of main asks."""
    hosts = BlockingHosts(
        {name: Host(name, "ssh") for name in lab.hosts}, ssh_config=lab.config, connect_timeout_s=30.0
    )

    def ask(name: str, live: bool) -> None:
        result = hosts.get(name).read(COMMAND, deadline_s=30, on_output=len if live else None)
        assert result.exit_code == 0, result

    with ThreadPoolExecutor(max_workers=len(lab.hosts)) as pool:

        def everywhere(live: bool) -> float:
            begun = time.perf_counter()
            list(pool.map(ask, lab.hosts, [live] * len(lab.hosts)))
            return time.perf_counter() - begun

        try:
            cold = everywhere(False)
            kept = [everywhere(False) for _ in range(rounds)]
            live = [everywhere(True) for _ in range(rounds)]
        finally:
            hosts.close()
    return cold, kept, live


def program(name: str, peers: Path | None) -> str | None:
    path = os.pathsep.join(([str(peers / "bin")] if peers else []) + [os.environ.get("PATH", os.defpath)])
    return shutil.which(name, path=path)


def peer(command: list[str], environment: dict[str, str]) -> str:
    """Median of three whole calls, or why it has none."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=300)
        times.append(time.perf_counter() - begun)
        if done.returncode:
            return f"failed with exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}"
    return f"{statistics.median(times):.2f} s a call"


def beside(lab: SshLab, folder: Path, peers: Path | None) -> list[str]:
    """A line for each peer."""
    names, told = list(lab.hosts), []
    inventory = folder / "inventory.ini"
    inventory.write_text("[all]\n" + "\n".join(names) + "\n")
    pyinfra = program("pyinfra", peers)
    options = ["--ssh-user", "root", "--data", f"ssh_config_file={lab.config}", "-y"]
    command = [pyinfra or "", ",".join(names), *options, "exec", "--", COMMAND]
    told.append("pyinfra: " + (peer(command, {}) if pyinfra else "not installed"))
    ansible = program("ansible", peers)
    command = [ansible or "", "all", "-i", str(inventory), "-m", "raw", "-a", COMMAND, "-f", str(len(names))]
    settings = {
        "ANSIBLE_SSH_ARGS": f"-F {lab.config} -o ControlMaster=auto -o ControlPersist=60s",
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }
    told.append("ansible: " + (peer(command, settings) if ansible else "not installed"))
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description="One command on fifty hosts.")
    parser.add_argument("hosts", nargs="?", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--peers", type=Path, help="a virtual environment that has pyinfra and ansible")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wk-fifty-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "lab").mkdir(mode=0o755)
        lab = SshLab(folder / "lab")
        try:
            for number in range(given.hosts):
                lab.add(f"h{number}", settings=STOCK)
            cold, kept, live = ours(lab, given.rounds)
            print(f"{given.hosts} hosts, one command on each at the same time; medians and worst of {given.rounds}")
            good = True
            for way, times in (("through kept shells", kept), ("as a step of a run, live", live)):
                middle = statistics.median(times)
                good = good and middle <= BAR_S
                mark = "ok  " if middle <= BAR_S else "MISS"
                print(f"{mark}  warm, {way}: {middle:.2f} s, worst {max(times):.2f} s (at most {BAR_S:g})")
            print(f"      cold, logins included: {cold:.2f} s", flush=True)
            for line in beside(lab, folder, given.peers):
                print(f"      {line}", flush=True)
        finally:
            lab.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
