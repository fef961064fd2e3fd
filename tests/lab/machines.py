"""Real machines on this one: each has its own address, hostname, processes, users and disk, and boots a real sshd or systemd.

A machine is a set of namespaces over a copy-on-write view of this machine's own root, so every package that is
installed here is installed there. What it writes stays in its own folder and survives a reboot; `/tmp` and `/run` do
not. The addresses are `198.18.N.0/24`, one N per lab, reachable from this machine alone: the machines have no default
route, and an `unreachable` route keeps packets for a removed machine from leaving.

    with MachineLab(folder) as lab:
        app1 = lab.add("app1", init="systemd")
        app1.run("systemctl is-system-running")

Start machines from the main thread: they end with the thread that started them. Needs root; see `needs("machines")`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Literal

Init = Literal["sshd", "systemd"]
TOKEN = "WATCHKEEPER_TEST_SESSION"  # the guard of tests/conftest.py finds what a test left behind by it
START_S = 30.0
SYSTEM_FOLDERS = "bin boot dev etc lib lib32 lib64 proc run sbin sys tmp usr var"
FRESH = ("root", "home", "srv", "opt", "var/tmp", "var/log", "var/mail", "var/spool/cron/crontabs", "var/backups")
"""Folders that begin empty on a machine, whatever this one has there."""

PASSWD = """\
deploy:x:4101:4101:Deploy:/home/deploy:/bin/bash
operator:x:4102:4102:Operator:/home/operator:/bin/bash
"""
SSHD_CONFIG = """\
HostKey /etc/ssh/lab_host_key
PidFile none
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
Subsystem sftp internal-sftp
"""
MASKED = """\
systemd-firstboot.service systemd-machine-id-commit.service systemd-remount-fs.service systemd-logind.service
systemd-modules-load.service systemd-network-generator.service systemd-update-utmp.service systemd-udevd.service
systemd-udev-trigger.service systemd-timesyncd.service systemd-update-utmp-runlevel.service getty.target
"""
UNSHARE = "setpriv --pdeathsig KILL unshare --mount --uts --ipc --net --pid --fork --kill-child /bin/sh -c"

# Process 1 of a machine until it becomes its init. The cable is put in from outside, then a line comes on its input.
BOOT = r"""
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$UPPER,workdir=$WORK" "$MOUNT"
cd "$MOUNT"
hostname "$NAME"
mount -t proc proc proc
mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm; mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd; mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run; mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/sshd
echo "$BOOT_ID" >run/lab-boot-id; mount --bind run/lab-boot-id proc/sys/kernel/random/boot_id
read -r _
ip link set lo up; ip addr add "$ADDRESS/24" dev eth0; ip link set eth0 up
exec </dev/null
clean="env -i container=lab LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $GUARD"
[ "$INIT" = systemd ] || exec $clean HOME=/root chroot . /usr/sbin/sshd -D -e
mkdir -p "$CGROUP"; echo 0 >"$CGROUP/cgroup.procs"
exec unshare --cgroup sh -c "mount -t cgroup2 cgroup2 sys/fs/cgroup
  exec $clean chroot . /lib/systemd/systemd --show-status=no"
"""


def cgroup2() -> Path | None:
    """Where cgroup v2 is mounted here, alone or beside v1."""
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    return None


def ip(*lines: str, check: bool = True) -> bool:
    """Run `ip` with these command lines, one after the other. False when one failed and `check` is off."""
    for line in lines:
        done = subprocess.run(["ip", *line.split()], capture_output=True, text=True)
        if done.returncode and check:
            raise RuntimeError(f"ip {line}: {done.stderr.strip()}")
        if done.returncode:
            return False
    return True


class Machine:
    """One machine. `address`: its own; `disk`: what it wrote, also while it is off."""

    def __init__(self, lab: MachineLab, name: str, init: Init, number: int) -> None:
        self.lab = lab
        self.name = name
        self.init = init
        self.address = f"{lab.network}.{10 + number}"
        self.folder = lab.folder / name
        self.disk = lab.disks / name / "upper"
        self.boot_id = ""
        self._cable = f"{lab.bridge}v{number}"
        # kept over a reboot, or its neighbours go on looking for the old one
        self._mac = f"02:00:c6:12:{lab.number:02x}:{number:02x}"
        self._cgroup = (cgroup2() or Path("/nowhere")) / f"{lab.bridge}-{name}"
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._prepare()

    # ---- power ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Boot it and wait until its sshd greets, with systemd also until the boot is over."""
        self.boot_id = str(uuid.uuid4())
        guard = f"{TOKEN}={os.environ[TOKEN]}" if os.environ.get(TOKEN) else ""
        environment = os.environ | {
            "NAME": self.name, "INIT": self.init, "ADDRESS": self.address, "BOOT_ID": self.boot_id, "GUARD": guard,
            "UPPER": str(self.disk), "WORK": str(self.disk.parent / "work"), "MOUNT": str(self.folder / "root"),
            "CGROUP": str(self._cgroup),
        }  # fmt: skip
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [*UNSHARE.split(), BOOT],
                env=environment, stdin=subprocess.PIPE, stdout=console, stderr=console, start_new_session=True,
            )  # fmt: skip
        self._pid = self._init_pid()
        ip(
            f"link add {self._cable} type veth peer name eth0 address {self._mac} netns {self._pid}",
            f"link set {self._cable} master {self.lab.bridge} up",
        )
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.close()
        self._greeted()
        if self.init == "systemd":
            self.run("systemctl is-system-running --wait", check=False)

    def stop(self) -> None:
        """Power off: every process of it is killed at once, the disk stays."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, 9)
        self._gone()

    def reboot(self, *, orderly: bool = False) -> None:
        """Off and on again, with a new boot id. orderly: its own systemd shuts it down first."""
        if orderly:
            assert self._process is not None
            self.run("systemctl reboot", check=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(START_S)
        self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """Whether it is on."""
        return self._process is not None

    # ---- cable ---------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Pull its network cable: what is on the way is lost, nobody is told."""
        ip(f"link set {self._cable} down")

    def plug(self) -> None:
        """Put the cable back."""
        ip(f"link set {self._cable} up")

    # ---- at its console ------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """Its own file system as its processes see it, while it is on; `disk` while it is off."""
        return Path(f"/proc/{self._pid}/root") if self.running else self.disk

    def run(
        self, command: str, user: str = "root", *, input: str = "", check: bool = True, limit_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command at its console (no network involved). Raises `RuntimeError` when it fails and `check`."""
        home = "/root" if user == "root" else f"/home/{user}"
        who = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        done = subprocess.run(
            ["nsenter", "--target", str(self._pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root",
             f"--wd=/proc/{self._pid}/root", "env", "-i", f"HOME={home}", f"USER={user}", "LANG=C.UTF-8",
             "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *who, "/bin/sh", "-c", f"cd\n{command}"],
            input=input, capture_output=True, text=True, timeout=limit_s,
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def write(self, path: str, text: str, mode: int = 0o644, owner: int = 0) -> None:
        """Write a file of it; folders are made. Works while it is on and while it is off."""
        file = self.root / path.lstrip("/")
        if not file.parent.is_dir():
            file.parent.mkdir(parents=True)
        file.write_text(text)
        file.chmod(mode)
        os.chown(file, owner, owner)

    def unit(self, name: str, service: str, *, unit: str = "", start: bool = True) -> None:
        """Install a unit of systemd: `service` are the lines below `[Service]`; enabled, and started."""
        text = f"[Unit]\nDescription={name}\n{unit}\n[Service]\n{service}\n\n[Install]\nWantedBy=multi-user.target\n"
        self.write(f"/etc/systemd/system/{name}.service", text)
        self.run(f"systemctl daemon-reload; systemctl enable -q {'--now' if start else ''} {name}.service")

    def drop_sessions(self) -> None:
        """Kill every ssh session of it, as a restart of the network equipment would; its sshd goes on listening."""
        self.run(r"pkill -KILL -f '^sshd: .*(@|\[priv\])'", check=False)

    def restart_sshd(self) -> None:
        """What an upgrade of openssh does; running sessions stay, as Debian's unit has it."""
        self.run("systemctl restart ssh" if self.init == "systemd" else "kill -HUP 1")
        self._greeted()

    def shift_clock(self, offset: str) -> None:
        """Commands over ssh see another time from now on: "+1h"; "" for the true one. Drops sessions; needs libfaketime."""
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        names = {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"} if offset else {}
        words = " ".join(f"{name}={value}" for name, value in names.items())
        self.write("/etc/ssh/sshd_config", SSHD_CONFIG + (f"SetEnv {words}\n" if words else ""))
        self.write("/etc/lab-clock", "".join(f"{name}={value}\n" for name, value in names.items()))
        self.write("/etc/sudoers.d/clock", "Defaults env_file=/etc/lab-clock\n", mode=0o440)
        self.restart_sshd()
        self.drop_sessions()

    # ---- inside --------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Its disk before the first boot: accounts, keys, an sshd and a clean list of enabled units."""
        for folder in (self.folder / "root", self.disk, self.disk.parent / "work"):
            folder.mkdir(parents=True)
        own = [name for name in os.listdir("/") if name not in SYSTEM_FOLDERS.split() and Path("/", name).is_dir()]
        for name in (*FRESH, *own):
            self._empty(name)
        (self.disk / "var/tmp").chmod(0o1777)
        (self.disk / "root").chmod(0o700)
        key = self.folder / "host_key"
        make_key(key)
        etc = self.disk / "etc"
        for path in (etc / "ssh", etc / "sudoers.d"):
            path.mkdir(parents=True, exist_ok=True)
        etc.chmod(0o755)
        shutil.copy(key, etc / "ssh/lab_host_key")
        (etc / "ssh/sshd_config").write_text(SSHD_CONFIG)
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        (etc / "machine-id").write_text(uuid.uuid4().hex + "\n")
        (etc / "sudoers.d/deploy").write_text("deploy ALL=(ALL) NOPASSWD: ALL\n")
        (etc / "sudoers.d/deploy").chmod(0o440)
        self._accounts(etc)
        if self.init == "systemd":
            self._units(etc / "systemd/system")

    def _empty(self, path: str) -> None:
        """A folder that hides what this machine has there."""
        folder = self.disk / path
        for missing in reversed([folder, *folder.parents]):
            if not missing.exists():
                missing.mkdir(mode=0o755)
        os.setxattr(folder, "trusted.overlay.opaque", b"y")

    def _accounts(self, etc: Path) -> None:
        users = [line.split(":") for line in PASSWD.splitlines()]
        more = {
            "passwd": PASSWD,
            "group": "".join(f"{user[0]}:x:{user[3]}:\n" for user in users),
            "shadow": "".join(f"{user[0]}:*:19000:0:99999:7:::\n" for user in users),
        }
        for file, lines in more.items():
            shutil.copy(Path("/etc") / file, etc / file)
            with (etc / file).open("a") as text:
                text.write(lines)
        for home, uid in (("root", 0), *((f"home/{user[0]}", int(user[2])) for user in users)):
            folder = self.disk / home
            (folder / ".ssh").mkdir(parents=True, mode=0o700)
            shutil.copy(f"{self.lab.key}.pub", folder / ".ssh/authorized_keys")
            (folder / ".bashrc").write_text("")
            for path in (folder, folder / ".ssh", folder / ".ssh/authorized_keys", folder / ".bashrc"):
                os.chown(path, uid, uid)

    def _units(self, units: Path) -> None:
        """Only sshd is enabled, whatever this machine has enabled; a test enables what it wants to run."""
        self._empty("etc/systemd/system")
        (units / "multi-user.target.wants").mkdir()
        (units / "multi-user.target.wants/ssh.service").symlink_to("/lib/systemd/system/ssh.service")
        (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
        for name in MASKED.split():
            (units / name).symlink_to("/dev/null")

    def _init_pid(self) -> int:
        """Process 1 of the machine, seen from here, once it has its namespaces."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                if words := children.read_text().split():
                    return int(words[0])
            time.sleep(0.005)
        raise self._failed("could not make its namespaces")

    def _greeted(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while Path(f"/proc/{self._pid}/comm").read_text().strip() == "sh" and time.monotonic() < deadline:
            time.sleep(0.01)  # before it has its address, a try would have its network ask for it once a second
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self.address, 22), 0.5) as probe:
                if probe.recv(4) == b"SSH-":
                    return
            time.sleep(0.02)
        raise self._failed("did not boot")

    def _failed(self, what: str) -> RuntimeError:
        self.stop()
        return RuntimeError(f"{self.name} {what}:\n{(self.folder / 'console.log').read_text()[-2000:]}")

    def _gone(self) -> None:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._process = None
        ip(f"link del {self._cable}", check=False)
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            _until_removed(Path(folder))


class MachineLab:
    """Some machines on a network of their own. `ssh_config` names them, by name and by address; `key` opens them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disks = self._place_for_disks()
        self.machines: dict[str, Machine] = {}
        self.key = self.folder / "user_key"
        self.ssh_config = self.folder / "ssh_config"
        self.known_hosts = self.folder / "known_hosts"
        make_key(self.key)
        self.ssh_config.write_text("")
        self.known_hosts.write_text("")
        _remove_abandoned()
        self.number, self.bridge = self._network()
        self.network = f"198.18.{self.number}"
        self.gateway = f"{self.network}.1"  # this machine, as the machines of the lab see it

    def add(self, name: str, init: Init = "sshd") -> Machine:
        """A new machine, booted. Users: root, deploy (sudo without a password) and operator (no sudo)."""
        machine = Machine(self, name, init, len(self.machines) + 1)
        self.machines[name] = machine
        machine.start()
        kind, key = (machine.folder / "host_key.pub").read_text().split()[:2]
        with self.known_hosts.open("a") as file:
            file.write(f"{machine.address} {kind} {key}\n")
        with self.ssh_config.open("a") as file:
            file.write(f"Host {name} {machine.address}\n  HostName {machine.address}\n")
            file.write(f"  IdentityFile {self.key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n")
            file.write("  GlobalKnownHostsFile /dev/null\n")
        return machine

    def home(self, folder: Path, *, known: bool = True) -> Path:
        """A home directory for a person or program that may log in; known False: it has never met these machines."""
        ssh = folder / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        text = self.ssh_config.read_text()
        if not known:
            text = text.replace(str(self.known_hosts), str(ssh / "known_hosts"))
        (ssh / "config").write_text(text)
        return folder

    def close(self) -> None:
        """Power everything off and remove every trace, the disks too."""
        for machine in self.machines.values():
            machine.stop()
            shutil.rmtree(machine.folder, ignore_errors=True)
        shutil.rmtree(self.disks, ignore_errors=True)
        ip(f"link del {self.bridge}", check=False)
        ip(f"route del unreachable {self.network}.0/24 metric 4000", check=False)

    def __enter__(self) -> MachineLab:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _place_for_disks(self) -> Path:
        """Below the folder, or in memory where the folder cannot carry an overlay."""
        mounted = subprocess.run(["stat", "-f", "-c", "%T", str(self.folder)], capture_output=True, text=True).stdout
        place = self.folder if "overlay" not in mounted else Path("/dev/shm") / f"wk-lab-{uuid.uuid4().hex[:12]}"
        (place / "disks").mkdir(parents=True)
        return place / "disks"

    def _network(self) -> tuple[int, str]:
        """A free network: making its bridge is the claim, since only one can."""
        owner = f"watchkeeper-lab {os.getpid()} {_started(os.getpid())}"
        routes = subprocess.run(["ip", "-4", "route", "show", "table", "all"], capture_output=True, text=True).stdout
        for attempt in range(254):
            number = (os.getpid() + attempt) % 254 + 1
            bridge = f"wklab{number}"
            taken = f"198.18.{number}.0" in routes
            if taken or not ip(f"link add {bridge} type bridge", check=False):
                continue
            Path(f"/sys/class/net/{bridge}/ifalias").write_text(owner)
            ip(
                f"route replace unreachable 198.18.{number}.0/24 metric 4000",
                f"addr add 198.18.{number}.1/24 dev {bridge}",
                f"link set {bridge} up",
            )
            return number, bridge
        raise RuntimeError("no free network 198.18.N.0/24, or no right to make a bridge")


def make_key(path: Path) -> None:
    """A key without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path)], check=True)


def _started(pid: int) -> str:
    """Start time of a process in clock ticks, "" when there is none: tells it from a later one with its number."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _remove_abandoned() -> None:
    """Networks of labs whose process was killed; their machines ended with it."""
    for alias in Path("/sys/class/net").glob("wklab*/ifalias"):
        with contextlib.suppress(OSError, ValueError):
            _, pid, started = alias.read_text().split()
            if _started(int(pid)) != started:
                number = alias.parent.name.removeprefix("wklab")
                ip(f"link del {alias.parent.name}", check=False)
                ip(f"route del unreachable 198.18.{number}.0/24 metric 4000", check=False)


def _until_removed(folder: Path) -> None:
    """A control group can be removed a moment after its last process has ended."""
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return
