"""One host as the doctor sees it: reached, how slow, as whom, its clock, its shell, and where the spool would be.

Everything is asked with one read command; nothing is written there, the spool directory is not even made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.times import format_duration
from watchkeeper.services.doctor.findings import Finding
from watchkeeper.services.ports import Clock
from watchkeeper.services.ports.blocking import BlockingHostsPort

DEADLINE_S = 12.0
SLOW_S = 1.0
CLOCK_OFF_S = 5.0
LEAST_FREE, LITTLE_FREE = 1_000_000, 100_000_000
"""Bytes: below the first the spool refuses steps, below the second a long output may fill the disk."""

SCRIPT = r"""
printf 'now %s\n' "$(date +%s.%N)"
wk_u=$(id -u); printf 'uid %s\nuser %s\n' "$wk_u" "$(id -un)"
for wk_x in setsid bash; do command -v $wk_x >/dev/null && printf '%s yes\n' $wk_x; done
[ -r /proc/sys/kernel/random/boot_id ] && echo 'boot yes'
[ "$wk_u" = 0 ] || { sudo -n true && echo 'sudo yes'; }
wk_s=${WK_SPOOL:-/var/tmp/wk-$wk_u}; wk_p=$wk_s; printf 'spool %s\n' "$wk_s"
if [ -e "$wk_s" ] || [ -L "$wk_s" ]; then
  printf 'entry %s\n' "$(ls -ldn "$wk_s")"
  [ -L "$wk_s" ] && echo 'link yes'; [ -d "$wk_s" ] && echo 'folder yes'; [ -O "$wk_s" ] && echo 'own yes'
else
  while [ ! -e "$wk_p" ]; do wk_p=${wk_p%/*}; wk_p=${wk_p:-/}; done
fi
printf 'place %s\n' "$wk_p"; [ -w "$wk_p" ] && echo 'writable yes'
set -- $(df -Pk "$wk_p" | tail -n 1); printf 'free %s\n' "$4"
exit 0
"""


class HostDoctor:
    """Looks at one host at a time; safe to use from several threads."""

    def __init__(self, hosts: BlockingHostsPort, clock: Clock) -> None:
        self._hosts = hosts
        self._clock = clock

    def examine(self, host: Host) -> list[Finding]:
        """The host itself first; then only what is not well about it, each with a name of its own."""
        name = f"host {host.name}"
        try:
            port = self._hosts.get(host.name)
            port.read(":", deadline_s=DEADLINE_S)  # logs in, so that the second one measures the way and nothing else
            started = self._clock()
            result = port.read(SCRIPT, deadline_s=DEADLINE_S, environment={"WK_SPOOL": host.spool})
            took = self._clock() - started
        except WatchkeeperError as error:
            return [Finding(name, State.CRIT, error.sentence, error.hint)]
        said = dict(line.partition(" ")[::2] for line in result.output.decode(errors="replace").splitlines())
        if "spool" not in said:
            why = "did not end in time" if result.timed_out else "gave no usable answer"
            return [Finding(name, State.WARN, f"Its look at itself {why}.", "Is it overloaded? Try: wk check.")]
        faults = [*_shell(name, said), *_spool(name, said), *_clock(name, said, started, took)]
        return [_reached(name, host, said, took, started), *faults]


def _reached(name: str, host: Host, said: Mapping[str, str], took_s: float, started: float) -> Finding:
    user = said.get("user") or f"uid {said.get('uid', '?')}"
    rights = "" if said.get("uid") == "0" else ", sudo works" if "sudo" in said else ", no sudo without a password"
    words = [f"answers in {format_duration(took_s)} as {user}{' through sudo' if host.become else rights}"]
    offset = clock_offset(said.get("now", ""), started, took_s)
    if offset is not None and abs(offset) <= CLOCK_OFF_S:
        words.append("its clock agrees")
    words.append("bash" if "bash" in said else "no bash, so blocks for bash are refused there")
    words.append(f"spool {said['spool']} on a disk with {_size(said)} free")
    if took_s > SLOW_S:
        return Finding(
            name, State.WARN, "; ".join(words), "Is it overloaded, or the line slow? Its checks take as long."
        )
    return Finding(name, State.OK, "; ".join(words))


def _shell(name: str, said: Mapping[str, str]) -> list[Finding]:
    """What a changing step needs besides a POSIX shell."""
    refused = "so changing steps are refused there"
    found = []
    if "setsid" not in said:
        sentence = f"There is no setsid on it, {refused}."
        found.append(Finding(f"{name} shell", State.CRIT, sentence, "Install util-linux there (busybox has it too)."))
    if "boot" not in said:
        sentence = f"There is no boot id in its /proc, {refused}."
        found.append(Finding(f"{name} shell", State.CRIT, sentence, "Mount /proc there."))
    return found


def _spool(name: str, said: Mapping[str, str]) -> list[Finding]:
    """The same questions that the spool itself asks before it starts a step."""
    spool, place = said["spool"], said.get("place", "?")
    own = "Remove it there, or name another with `spool:` in hosts.yaml."
    wrong, mend = "", own
    if "link" in said:
        wrong = f"{spool} is a symbolic link"
    elif "entry" in said and "folder" not in said:
        wrong = f"{spool} is no directory"
    elif "entry" in said and "own" not in said:
        wrong = f"{spool} does not belong to uid {said.get('uid')}, but to uid {_owner(said['entry'])}"
    elif "entry" in said and not said["entry"].startswith("drwx------"):
        wrong, mend = f"{spool} is open to others ({said['entry'][:10]})", f"On that host: chmod 700 {spool}"
    elif "writable" not in said:
        wrong = f"{place} cannot be written" if place == spool else f"{spool} cannot be made, {place} cannot be written"
        mend = "Is that disk mounted read-only? Else name another place with `spool:` in hosts.yaml."
    elif _free(said) < LEAST_FREE:
        wrong, mend = f"the disk of {spool} is full", "Free some space there."
    if wrong:
        sentence = f"Changing steps are refused there: {wrong}."
        return [Finding(f"{name} spool", State.CRIT, sentence, mend)]
    if _free(said) < LITTLE_FREE:
        sentence = f"Only {_size(said)} are free where {spool} is: the output of a step may fill that disk."
        return [Finding(f"{name} spool", State.WARN, sentence, "Free some space there.")]
    return []


def _clock(name: str, said: Mapping[str, str], started: float, took_s: float) -> list[Finding]:
    offset = clock_offset(said.get("now", ""), started, took_s)
    if offset is None or abs(offset) <= CLOCK_OFF_S:
        return []
    way = "ahead of" if offset > 0 else "behind"
    sentence = f"Its clock is {format_duration(abs(offset))} {way} this machine's; times in its logs do not match ours."
    return [
        Finding(f"{name} clock", State.WARN, sentence, "Set it there: timedatectl set-ntp true. And is ours right?")
    ]


def clock_offset(text: str, started: float, took_s: float) -> float | None:
    """How far the clock there is ahead of ours in seconds, half the round trip taken off; None when it did not say.

    text: what ``date +%s.%N`` printed; a date without nanoseconds counts as the middle of its second.
    """
    match = re.match(r"(\d+)(?:\.(\d+))?", text)
    if match is None:
        return None
    there = float(f"{match[1]}.{match[2]}") if match[2] else float(match[1]) + 0.5
    return there - (started + took_s / 2)


def _free(said: Mapping[str, str]) -> float:
    text = said.get("free", "")
    return float(text) * 1024 if text.isdigit() else float("inf")


def _size(said: Mapping[str, str]) -> str:
    free = _free(said)
    if free == float("inf"):
        return "an unknown size"
    return f"{free / 1e9:.1f} GB" if free >= 1e9 else f"{free / 1e6:.0f} MB"


def _owner(entry: str) -> str:
    words = entry.split()
    return words[2] if len(words) > 2 else "?"
