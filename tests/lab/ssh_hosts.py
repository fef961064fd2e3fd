"""Real sshd hosts on loopback, each with its own users, home directories, /var/tmp and programs.

A host is an sshd in its own mount namespace: the machine's processes and addresses are shared, so that a test sees by
pid what is left over, while homes, accounts and the spool belong to the host alone. Needs root, openssh-server and the
right to make namespaces. Everything ends with `SshLab.close`; nothing of the machine itself is changed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SSHD = "/usr/sbin/sshd"
ACCOUNTS = """\
root:x:0:0:root:/root:{shell}
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
sshd:x:105:65534::/run/sshd:/usr/sbin/nologin
deploy:x:4101:4101::/home/deploy:{shell}
operator:x:4102:4102::/home/operator:{shell}
"""
BOOT = """\
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=700 tmpfs /root
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mkdir -p /run/sshd
mount --bind "$D/passwd" /etc/passwd; mount --bind "$D/group" /etc/group; mount --bind "$D/shadow" /etc/shadow
for u in deploy operator; do
  mkdir -m 755 /home/$u; cp "$D/bashrc" /home/$u/.bashrc; chown -R $u:$u /home/$u; done
cp "$D/bashrc" /root/.bashrc
if [ -d /etc/sudoers.d ]; then
  mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
  echo 'operator ALL=(root) NOPASSWD: /bin/sh' >/etc/sudoers.d/operator; chmod 440 /etc/sudoers.d/operator
fi
case $SH in
  busybox) mount --bind /dev/null /usr/bin/bash; mount --bind "$(command -v busybox)" "$(readlink -f /bin/sh)";;
  bash) mount --bind /bin/bash "$(readlink -f /bin/sh)";;
esac
exec /usr/sbin/sshd -f "$D/sshd_config" -D -e
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class SshLabHost:
    """One running sshd. `folder` holds its keys, configuration and log."""

    name: str
    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "sshd.log"

    @property
    def root(self) -> Path:
        """The host's own file system, as seen from here."""
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/root")

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "/bin/sh", "-c", BOOT],
                env=os.environ | self.environment | {"D": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"sshd of {self.name} did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def cut(self) -> None:
        """Kill all sessions of this host, as a cut line would; the listener stays."""
        assert self.process is not None
        for child in _children(self.process.pid):
            for grandchild in _children(child):  # the unprivileged half, when there is one
                if (Path(f"/proc/{grandchild}/comm").read_text().strip()) == "sshd":
                    _kill(grandchild)
            _kill(child)

    def stop(self) -> None:
        if self.process is not None:
            self.cut()
            _kill(self.process.pid)
            self.process.wait(10)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class SshLab:
    """A handful of hosts with one user key, one known_hosts and one ssh_config (`Host NAME` for each)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: dict[str, SshLabHost] = {}
        self.config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.key = _key(folder / "user_key")
        self.config.write_text("")
        self.known_hosts.write_text("")

    def add(self, name: str, *, settings: str = "", bashrc: str = "", sh: str = "") -> SshLabHost:
        """A new host. settings: lines for its sshd_config. sh: what /bin/sh is, `bash` or `busybox` (then no bash)."""
        folder = self.folder / name
        folder.mkdir()
        port = free_port()
        _key(folder / "host_key")
        shell = "/bin/sh" if sh == "busybox" else "/bin/bash"
        accounts = ACCOUNTS.format(shell=shell)
        users = [line.split(":") for line in accounts.splitlines()]
        (folder / "passwd").write_text(accounts)
        (folder / "group").write_text("".join(f"{u[0]}:x:{u[3]}:\n" for u in users if u[0] != "sshd"))
        (folder / "shadow").write_text("".join(f"{u[0]}:*:19000:0:99999:7:::\n" for u in users))
        (folder / "bashrc").write_text(bashrc)
        (folder / "authorized_keys").write_text(Path(f"{self.key}.pub").read_text())
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\n"
            f"PasswordAuthentication no\nStrictModes no\nAuthorizedKeysFile {folder}/authorized_keys\n"
            f"Subsystem sftp internal-sftp\n{settings}\n"
        )
        for part in (self.folder, folder, folder / "authorized_keys"):
            part.chmod(0o755 if part.is_dir() else 0o644)
        self._name(name, port, folder)
        host = SshLabHost(name, folder, port, {"SH": sh})
        host.start()
        self.hosts[name] = host
        return host

    def _name(self, name: str, port: int, folder: Path) -> None:
        kind, key = (folder / "host_key.pub").read_text().split()[:2]
        with self.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{port} {kind} {key}\n")
        with self.config.open("a") as file:
            file.write(
                f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {self.key}\n"
                f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n  GlobalKnownHostsFile /dev/null\n"
            )

    def close(self) -> None:
        for host in self.hosts.values():
            host.stop()


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path
