"""Making, starting and stopping the sample: the ops repo of the Harbour order desk and the programs it is about."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from watchkeeper.adapters.sample import containers, outside
from watchkeeper.adapters.sample.certificate import days_left, make_certificate
from watchkeeper.adapters.sample.keys import make_login
from watchkeeper.adapters.sample.mounts import unmount
from watchkeeper.adapters.sample.places import PORTS, Places, free_ports, is_free
from watchkeeper.adapters.sample.rendering import LIBRARY, files_below, render, render_tree
from watchkeeper.adapters.sample.supervision import (
    fleet_pids,
    is_running,
    remote,
    start_supervisor,
    stop_supervisor,
)
from watchkeeper.core.errors import NoAnswer, WatchkeeperError

CERTIFICATE_DAYS = 80.0
RENEW_BELOW_DAYS = 20.0
WELL_WITHIN_S = 20.0
TOOLS = (
    "queue-depth", "stuck-jobs", "rescue-jobs", "workers", "shop-health", "worker-health", "newest-copy",
    "database-locked", "database-holders", "try-order", "lock-holder", "end-report", "stock-lock", "stock-health",
    "old-exports", "memory", "search", "labels-writable", "waiting", "ask-partner", "tides-health",
)  # fmt: skip


def make(places: Places) -> None:
    """Make what is not there yet: the fleet's directory with free ports, and the ops repo that names them."""
    places.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (
        "programs",
        "bin",
        "etc",
        "data",
        "log",
        "tls",
        "backups",
        "site",
        "stock",
        "exports",
        "labels",
        "quay2",
    ):
        (places.fleet / name).mkdir(parents=True, exist_ok=True)
    if not places.facts.exists():
        places.keep_ports(dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    values = template_values(places, places.ports())
    _install_programs(places, values)
    places.spool.mkdir(mode=0o700, exist_ok=True)
    if not places.settings_file.exists():
        write_settings(places)
    left = days_left(places.certificate)
    if left is None:
        make_certificate(places.certificate, CERTIFICATE_DAYS)
    make_login(places.quay)
    if not places.ops.exists():
        _make_ops(places, values)


def template_values(places: Places, ports: Mapping[str, int]) -> dict[str, str]:
    """What the templates' placeholders stand for."""
    values = {f"port_{name}": str(port) for name, port in ports.items()}
    own = {"fleet": places.fleet, "state": places.state, "spool": places.spool, "python": sys.executable}
    return values | {name: str(value) for name, value in own.items()}


def write_settings(places: Places) -> None:
    """The web shop's settings as they should be; replaced as a whole, and only when they differ."""
    text = render((LIBRARY / "fleet" / "shop.env").read_text(encoding="utf-8"), template_values(places, places.ports()))
    if places.settings_file.exists() and places.settings_file.read_text(encoding="utf-8") == text:
        return
    fresh = places.settings_file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, places.settings_file)


def _install_programs(places: Places, values: Mapping[str, str]) -> None:
    """The programs of this version, their tools, and the supervisor's configuration."""
    source = LIBRARY / "fleet"
    for program in sorted(source.glob("*.py")):
        shutil.copyfile(program, places.fleet / "programs" / program.name)
    configuration = render((source / "supervisord.conf").read_text(encoding="utf-8"), values)
    (places.fleet / "supervisord.conf").write_text(configuration, encoding="utf-8")
    render_tree(source / "site", places.fleet / "site", {})
    python = f"exec {sys.executable} -E -s -B"
    for tool in TOOLS:
        _write_script(places.fleet / "bin" / tool, f'{python} {places.fleet}/programs/tools.py {tool} "$@"')
    control = f'exec {sys.executable} -m supervisor.supervisorctl -c {places.fleet}/supervisord.conf "$@"'
    _write_script(places.fleet / "bin" / "supervisorctl", control)


def _write_script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


def _make_ops(places: Places, values: Mapping[str, str]) -> None:
    """Render the ops repo beside its place, commit it, and move it there as a whole."""
    fresh = places.directory / "ops.new"
    shutil.rmtree(fresh, ignore_errors=True)
    render_tree(LIBRARY / "ops", fresh, values)
    _git(fresh, "init", "-q")
    _commit(fresh, "The order desk, its checks and its runbooks")
    os.replace(fresh, places.ops)


def _commit(repository: Path, message: str) -> None:
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", message)


def _git(repository: Path, *words: str) -> None:
    """git without the person's own settings (hooks, signing). Without git the ops repo is a plain directory."""
    who = {"GIT_AUTHOR_NAME": "Harbour", "GIT_AUTHOR_EMAIL": "desk@harbour.example.org"}
    who |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in who.items()}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= who | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    if shutil.which("git") is None:
        return
    subprocess.run(["git", *words], cwd=repository, env=environment, check=False, capture_output=True, timeout=30.0)


def start(places: Places) -> bool:
    """Make what is missing and start the fleet; False when it runs already. Raises `NoAnswer` when it does not."""
    if is_running(places):
        places.ports()
        return False
    make(places)
    if fleet_pids(places):
        stop_supervisor(places)
    places.stock_lock.unlink(missing_ok=True)  # nothing of the fleet runs now, so it is of a machine that went down
    _renew_ports(places)
    if (days_left(places.certificate) or 0.0) < RENEW_BELOW_DAYS:
        make_certificate(places.certificate, CERTIFICATE_DAYS)
    start_supervisor(places)
    _start_container(places)
    return True


def _start_container(places: Places) -> None:
    """Where a Docker API of this machine answers, the crane board runs as a container, and the ops repo tells of it."""
    try:
        socket = containers.start(places)
    except WatchkeeperError:
        socket = ""
    source, name = LIBRARY / "ops-container", containers.name_of(places)
    parts = list(files_below(source))
    if not socket:
        if any((places.ops / part).exists() for part in parts):
            for part in parts:
                (places.ops / part).unlink(missing_ok=True)
            _commit(places.ops, "No Docker API here now, so the crane board does not run")
        return
    line = f'exec {sys.executable} -E -s -B {places.fleet}/programs/containers.py {socket} {name} "$@"'
    _write_script(places.fleet / "bin" / "cranes", line)
    if not all((places.ops / part).exists() for part in parts):
        values = template_values(places, places.ports())
        render_tree(source, places.ops, values | {"container": name, "docker_socket": socket})
        _commit(places.ops, "The crane board, in a container")


def wait_until_well(places: Places, seconds: float = WELL_WITHIN_S) -> bool:
    """Whether orders go through and there is a backup, asked again until it is so or `seconds` are over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        backed_up = any((places.fleet / "backups").glob("shop-*.db"))
        if backed_up and outside.answers(places.ports()) and outside.works(places.ports(), within_s=3.0):
            return True
        time.sleep(0.1)
    return False


def _renew_ports(places: Places) -> None:
    """Ports that another program took meanwhile are replaced, in the fleet and in the ops repo."""
    ports = dict(places.ports())
    taken = [name for name, port in ports.items() if not is_free(port)]
    if not taken:
        return
    fresh = dict(zip(taken, free_ports(len(taken)), strict=True))
    swap = {f"127.0.0.1:{ports[name]}": f"127.0.0.1:{fresh[name]}" for name in taken}
    swap |= {f"Port {ports[name]}\n": f"Port {fresh[name]}\n" for name in taken}
    ops = places.ops
    for path in [ops / "ssh_config", *ops.glob("*.yaml"), *ops.glob("*/*.yaml"), *ops.glob("*/*.md")]:
        text = path.read_text(encoding="utf-8")
        changed = text
        for old, new in swap.items():
            changed = changed.replace(old, new)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
    _commit(places.ops, f"New ports for {', '.join(taken)}")
    text = places.settings_file.read_text(encoding="utf-8")
    for old, new in swap.items():
        text = text.replace(old, new)
    if "shop" in taken:
        text = text.replace(f"={ports['shop']}\n", f"={fresh['shop']}\n")
    places.settings_file.write_text(text, encoding="utf-8")
    places.keep_ports(ports | fresh)
    _install_programs(places, template_values(places, places.ports()))


def stop(places: Places) -> bool:
    """End every process of this fleet; False when none was there."""
    had = bool(fleet_pids(places))
    containers.remove(places)
    if had or is_running(places):
        stop_supervisor(places)
    unmount(places.labels)
    left = fleet_pids(places)
    if left:
        raise WatchkeeperError(f"These processes of the sample fleet do not end: {left}.", "End them by hand.")
    return had


def back_up_now(places: Places) -> None:
    """Ask the backup job to run at once, so that its heartbeat is known soon after a start."""
    try:
        remote(places).signalProcess("backup", "USR1")
    except Exception as error:
        raise NoAnswer(f"The backup job cannot be asked to run ({error}).") from None
