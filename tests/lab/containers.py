"""Real containers: podman with storage of its own, and the Docker API it serves on a Unix socket.

Works for root on a machine without systemd and without all rights of a real host: runc, cgroupfs, low limits. A
container needs no image: it is made of this machine's own files (`--rootfs /:O`, a private overlay of them). Everything
ends with `ContainerLab.close`; nothing of the machine itself is changed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

SETTINGS = """\
[containers]
default_ulimits = ["nofile=10000:10000", "nproc=20000:20000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 3600
"""
WRAPPER = """\
#!/bin/sh
export CONTAINERS_CONF={folder}/containers.conf
exec {podman} --root {folder}/root --runroot {folder}/run --storage-driver overlay "$@"
"""


class ContainerLab:
    """`socket` serves the Docker API; `podman` is a program to call; `folder` must have a short name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.podman = folder / "bin" / "podman"
        self.socket = folder / "podman.sock"
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.podman.parent.mkdir()
        (folder / "containers.conf").write_text(SETTINGS)
        self.podman.write_text(WRAPPER.format(folder=folder, podman=shutil.which("podman") or "/usr/bin/podman"))
        self.podman.chmod(0o755)
        (self.podman.parent / "docker").symlink_to("podman")  # before a docker that this machine may have
        self._service: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Serve the Docker API."""
        with (self.folder / "api.log").open("ab") as log:
            self._service = subprocess.Popen(
                [self.podman, "system", "service", "--time=0", f"unix://{self.socket}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 15
        while not self.socket.exists():
            if self._service.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"podman did not start:\n{(self.folder / 'api.log').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the service; containers go on. Its socket file stays, as after a crash."""
        if self._service is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._service.pid, signal.SIGKILL)
            self._service.wait(10)
            self._service = None

    def call(self, *arguments: str, check: bool = True) -> str:
        """What a podman command prints."""
        done = subprocess.run([self.podman, *arguments], capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise RuntimeError(f"podman {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def run(self, name: str, *command: str, options: tuple[str, ...] = (), root: str = "/:O") -> None:
        """A container in the background, made of this machine's files. root: another folder, `:O` for an overlay."""
        flags = ("--network=none", *options)
        self.call("run", "-d", "--name", name, *flags, "--rootfs", root, *(command or ("sleep", "100000")))

    def small_root(self, name: str, *, shell: bool = True) -> str:
        """A folder to run a container from that holds BusyBox and nothing else. shell False: without /bin/sh too."""
        root = self.folder / f"root-of-{name}"
        for folder in ("bin", "etc", "proc", "sys", "dev", "tmp", "var/tmp", "root"):
            (root / folder).mkdir(parents=True)
        for folder in ("tmp", "var/tmp"):
            (root / folder).chmod(0o1777)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:4101:4101::/:/bin/sh\n")
        busybox = shutil.which("busybox") or "/bin/busybox"
        needed = subprocess.run(["ldd", busybox], capture_output=True, text=True).stdout
        libraries = [word for word in needed.split() if word.startswith("/")]
        for file in libraries:
            (root / file.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / file.lstrip("/"))
        shutil.copy(busybox, root / "bin/busybox")
        programs = subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split()
        for program in programs if shell else ():
            if not (root / "bin" / program).exists():
                (root / "bin" / program).symlink_to("busybox")
        return str(root)

    def pid(self, name: str) -> int:
        """Of its first process, seen from here."""
        return int(self.call("inspect", "--format", "{{.State.Pid}}", name))

    def close(self) -> None:
        """Remove all containers and end the service."""
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            self.call("rm", "-af", "-t", "0", check=False)
        self.stop()
        self._end_monitors()
        subprocess.run(["umount", self.folder / "root" / "overlay"], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_monitors(self) -> None:
        """podman keeps two processes for each command of the API long after it ended (`exit_command_delay`), to tidy up."""
        mine = f"{self.folder}/".encode()
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = file.read_bytes().split(b"\0")
                if words[0].endswith(b"conmon") and any(word.startswith(mine) for word in words):
                    os.kill(int(file.parent.name), signal.SIGKILL)
