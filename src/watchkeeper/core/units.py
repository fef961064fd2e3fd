"""The systemd unit of one installation: what it may be denied depends on which hosts it acts on.

A changing command on this machine inherits what the service may not do. So the hardening stops where it would change
what a runbook does: never a private /tmp (the spool is in /var/tmp and must outlive a restart), and nothing that implies
NoNewPrivileges= where commands become root by sudo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from watchkeeper.core.inventory.values import Inventory

Profile = Literal["remote", "local", "sudo"]
MARK = "WATCHKEEPER_UNIT"
"""Environment variable by which a running watchkeeper knows how its unit is hardened."""
WATCHDOG_S = 120
_GAINS = re.compile(r"\b(sudo|doas|pkexec|crontab|sendmail)\b")
"""Programs that work only because they may gain rights."""

# For a user without rights of its own: no way to more, and none of what a monitor never does.
_NO_MORE_RIGHTS = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
ProtectHostname=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
"""

_WHY: dict[Profile, str] = {
    "remote": "All hosts are reached over ssh: this process only reads, speaks and keeps its own state.",
    "local": (
        "A host of hosts.yaml is this machine: commands on it run in this service, as its user, with its files.\n"
        "# None of them uses sudo, so none may gain rights."
    ),
    "sudo": (
        "Commands on this machine become root: by sudo, or because the service is root. sudo refuses to work under\n"
        "# NoNewPrivileges=yes, which most other restrictions imply, and what this service may not do no runbook may do.\n"
        "# So those are left out; only rights that no repair needs are dropped."
    ),
}
_HARDENING: dict[Profile, str] = {
    "remote": _NO_MORE_RIGHTS
    + """\
RestrictNamespaces=yes
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
ProtectSystem=strict
ProtectClock=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
PrivateDevices=yes
RemoveIPC=yes
UMask=0077
""",
    "local": _NO_MORE_RIGHTS
    + """\
ProtectSystem=full
ProtectControlGroups=yes
""",
    "sudo": """\
CapabilityBoundingSet=~CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_SYS_PACCT CAP_LEASE CAP_SYS_BOOT CAP_SYS_TTY_CONFIG
CapabilityBoundingSet=~CAP_BPF CAP_MAC_OVERRIDE
""",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """Where things are. command: the words that start `wk up`; writes: directories that must stay writable.

    state_name: the state's name below /var/lib, for StateDirectory=, "" when it is elsewhere.
    home: the user's, when a command of secrets.yaml may have to write there (a key agent does); else "".
    """

    command: tuple[str, ...]
    user: str
    profile: Profile
    state: str
    state_name: str = ""
    writes: tuple[str, ...] = ()
    home: str = ""
    environment: tuple[tuple[str, str], ...] = ()


def profile(inventory: Inventory, user: str = "") -> Profile:
    """How far a unit for this inventory can be hardened. user: whom it runs as; root needs no sudo to be root.

    A runbook or a check that mentions sudo in its own text counts like `become`, on whatever host it runs.
    """
    local = [host for host in inventory.hosts.values() if host.kind == "local"]
    if not local:
        return "remote"
    if user == "root" or any(host.become for host in local):
        return "sudo"
    asked = (str(check.probe.options) for check in inventory.checks.values())
    texts = (*(runbook.text for runbook in inventory.runbooks.values()), *asked)
    return "sudo" if any(_GAINS.search(text) for text in texts) else "local"


def unit(made: Installation) -> str:
    """The whole unit file."""
    environment = "".join(f"Environment={_word(f'{name}={value}')}\n" for name, value in made.environment)
    return f"""\
# Written by: wk up --print-unit. Print it again when hosts.yaml gains or loses a host that is this machine.
[Unit]
Description=watchkeeper
After=network-online.target
Wants=network-online.target

[Service]
User={made.user}
ExecStart={" ".join(_word(word) for word in made.command)}
Environment={MARK}={made.profile}
{environment}{_state(made)}
# READY=1 is sent when watch and page both answer. WATCHDOG=1 is sent by the supervisor, which by itself replaces
# a watch or a main that answers nobody. A long schema change extends the start.
Type=notify
NotifyAccess=main
TimeoutStartSec=120
WatchdogSec={WATCHDOG_S}

# A changing command on this machine goes on when watchkeeper stops, and is found again at the next start.
KillMode=process
TimeoutStopSec=30
Restart=always
RestartSec=5
# Wrong files, or already running: a restart would not help.
RestartPreventExitStatus=2 5
# No core dump: it could hold secrets.
LimitCORE=0
LimitNOFILE=8192

# {_WHY[made.profile]}
# No PrivateTmp=: the spool in /var/tmp must be the same after a restart.
{_HARDENING[made.profile]}{_writable(made)}
[Install]
WantedBy=multi-user.target
"""


def _state(made: Installation) -> str:
    if not made.state_name:
        return ""
    return f"StateDirectory={_word(made.state_name)}\nStateDirectoryMode=0700\n"


def _writable(made: Installation) -> str:
    """Under a strict system only these; "-" lets a directory be missing, such as that of an unplugged backup disk."""
    if made.profile != "remote":
        return ""
    places = dict.fromkeys((made.state, "/var/tmp", *made.writes, *((made.home,) if made.home else ())))
    home = "" if made.home else "ProtectHome=read-only\n"
    return home + "ReadWritePaths=" + " ".join(_word(f"-{place}") for place in places) + "\n"


def _word(text: str) -> str:
    """One word for systemd: specifiers and variables stay text, blanks and quotes stay inside."""
    text = text.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if any(letter in text for letter in " \t\"';"):
        return '"' + text.replace('"', '\\"') + '"'
    return text
