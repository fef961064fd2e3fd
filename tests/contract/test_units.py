"""The printed unit before systemd's own tools: nothing to complain about, and better than a bare unit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOSTS = {
    "remote": "ssh: deploy@app1.example.org",
    "local": "local: true",
    "sudo": "local: true, become: sudo -n",
}


def exposure(unit: Path) -> float:
    """What `systemd-analyze security` makes of it; lower is better."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)], capture_output=True, text=True
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


@pytest.mark.needs("systemd")
def test_each_unit_is_sound_and_more_closed_than_a_bare_one(tmp_path: Path) -> None:
    ops = tmp_path / "our ops"
    ops.mkdir()
    (ops / "watchkeeper.yaml").write_text("team: T\nbackup: {to: /backup/100%}\n")
    bare = tmp_path / "bare.service"
    bare.write_text(f"[Service]\nUser=daemon\nExecStart={sys.executable}\n")
    levels = {"bare": exposure(bare)}
    for name, host in HOSTS.items():
        (ops / "hosts.yaml").write_text(f"hosts:\n  here: {{{host}}}\n")
        command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(ops), "--state", "/var/lib/wk"]
        done = subprocess.run(
            [*command, "up", "--print-unit", "--user", "daemon"], capture_output=True, text=True, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stderr
        unit = tmp_path / f"wk-{name}.service"
        unit.write_text(done.stdout)
        checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
        levels[name] = exposure(unit)
    assert levels["remote"] < 2.5 < levels["local"] < 5.5 < levels["sudo"] < levels["bare"], levels


def test_a_broken_ops_repo_prints_no_unit(tmp_path: Path) -> None:
    (tmp_path / "watchkeeper.yaml").write_text("team: T\n")
    (tmp_path / "hosts.yaml").write_text("hosts: [")
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(tmp_path), "up", "--print-unit"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "wk lint" in done.stderr
