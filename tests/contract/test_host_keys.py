"""Host keys and rights on real sshd hosts: an unknown key is shown and taken once, root is used where it is given."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.lab.ssh_hosts import SshLab

from watchkeeper.adapters.hosts.host_keys import SshHostKeys
from watchkeeper.bootstrap.discovery import discover
from watchkeeper.core.errors import Forbidden, NoAnswer
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.discovery import Look
from watchkeeper.services.ports.host_keys import ShownKey

SECRET = "kelp-7-anchors"


@pytest.fixture(scope="module")
def lab(requires: Callable[..., None]) -> Iterator[SshLab]:
    requires("sshd", "root", "sudo")
    folder = Path("/tmp") / f"wk-keys-{uuid.uuid4().hex[:8]}"  # sshd reads the keys of a user as that user
    folder.mkdir(mode=0o755)
    lab = SshLab(folder)
    host = lab.add("app1")
    settings = host.root / "home/operator/shop.env"
    settings.write_text(f'PORT=1\nexport API_TOKEN="{SECRET}"\nLONG="one\nHIDDEN={SECRET}\n"\nLAST_KEY={SECRET}\n')
    settings.chmod(0o644)
    yield lab
    lab.close()
    shutil.rmtree(folder)


def config(lab: SshLab, folder: Path) -> Path:
    """The client configuration of a person who has never met these hosts."""
    path = folder / "ssh_config"
    path.write_text(lab.config.read_text().replace(str(lab.known_hosts), str(folder / "ssh" / "known_hosts")))
    return path


def host(user: str) -> Host:
    return Host("app1", "ssh", address="app1", user=user)


def taken(shown: ShownKey) -> None:
    """Accepts whatever is shown."""


def look(lab: SshLab, user: str, folder: Path) -> Look:
    return discover(host(user), taken, lambda question: None, config(lab, folder))


def test_an_unknown_key_is_shown_as_ssh_keygen_shows_it_and_known_once_accepted(lab: SshLab, tmp_path: Path) -> None:
    keys = SshHostKeys(config(lab, tmp_path))
    shown = asyncio.run(keys.look(host("root")))
    public = lab.folder / "app1" / "host_key.pub"
    said = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True).stdout
    assert not shown.known and shown.fingerprint == said.split()[1]
    assert shown.place == f"[127.0.0.1]:{lab.hosts['app1'].port}"
    file = tmp_path / "ssh" / "known_hosts"
    assert shown.file == str(file) and not file.exists(), "looking writes nothing"
    file.parent.mkdir()
    file.write_text("# mine, without a line end")
    keys.accept(shown)
    assert file.read_text().splitlines() == ["# mine, without a line end", shown.line]
    assert asyncio.run(keys.look(host("root"))).known


def test_a_key_that_changed_is_never_taken(lab: SshLab, tmp_path: Path) -> None:
    path = config(lab, tmp_path)
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    file = tmp_path / "ssh" / "known_hosts"
    file.parent.mkdir()
    line = f"[127.0.0.1]:{lab.hosts['app1'].port} {' '.join((tmp_path / 'other.pub').read_text().split()[:2])}\n"
    file.write_text(line)
    with pytest.raises(NoAnswer, match="is not the one in"):
        discover(host("root"), lambda shown: pytest.fail("asked"), lambda question: None, path)
    assert file.read_text() == line


def test_a_refused_key_sends_nothing(lab: SshLab, tmp_path: Path) -> None:
    def refused(shown: ShownKey) -> None:
        raise Forbidden("no")

    with pytest.raises(Forbidden):
        discover(host("root"), refused, lambda question: pytest.fail("asked"), config(lab, tmp_path))
    assert not (tmp_path / "ssh").exists()


@pytest.mark.parametrize(
    ("user", "root", "sudo"), [("root", True, False), ("operator", False, True), ("deploy", False, False)]
)
def test_sudo_is_tried_and_gone_without(lab: SshLab, tmp_path: Path, user: str, root: bool, sudo: bool) -> None:
    found = look(lab, user, tmp_path)
    assert (found.root, found.sudo) == (root, sudo)
    assert not found.unanswered
    names = [each.name for each in found.facts.settings if each.file.endswith("/shop.env")]
    assert names == ["PORT", "API_TOKEN", "LONG", "LAST_KEY"]
    assert SECRET not in repr(found.facts)
