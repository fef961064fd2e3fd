"""Packages: what dpkg and apt wrote since the last look; with rpm and apk, that their database has changed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from watchkeeper.core.changes import Change
from watchkeeper.core.changes.packages import Act, Transaction, acts_of, grouped, host_zone, transactions_of
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.services.changes.source import FIRST_LOOK_S, Found, Look, Part, part, shown

DPKG, APT = "/var/log/dpkg.log", "/var/log/apt/history.log"
RPM = ("/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages")
APK = "/lib/apk/db/installed"
CHUNK = 65_536
"""At most so many bytes of a log are read at once; what lies before them is passed over."""
SETTLE_S = 20.0
"""A run of dpkg is told when nothing was added for so long; when an incident opens, at once."""

_SCRIPT = """\
k={known}
n=$(stat -L -c '%i %s %Y %n' -- {files} 2>/dev/null)
if [ "$n" != "$k" ]; then
  {zone}; date +%z
  {stats}; printf '%s\\n' "$n"
  new() {{
    s=$(stat -L -c '%i %s' -- "$1" 2>/dev/null) || return 0
    i=${{s% *}}; z=${{s#* }}; o=$3
    if [ "$i" != "$2" ]; then
      p=$(stat -L -c '%i %s' -- "$1.1" 2>/dev/null)
      if [ "$2" ] && [ "${{p% *}}" = "$2" ] && [ "${{p#* }}" -gt "$o" ]; then
        {older}; tail -c +$((o+1)) -- "$1.1" | head -c {chunk}
      fi
      o=0
    fi
    [ "$o" -le "$z" ] || o=0
    [ $((z-o)) -le {chunk} ] || o=$((z-{chunk}))
    {log}; tail -c +$((o+1)) -- "$1" | head -c $((z-o))
  }}
  new {dpkg} '{dpkg_inode}' {dpkg_offset}
  new {apt} '{apt_inode}' {apt_offset}
fi"""


class Packages:
    """Marks: ``stats`` (as the host printed it), ``dpkg`` and ``apt`` (``inode offset``), ``covered`` (end of the newest
    run of apt that was told), ``others`` (times of the rpm and apk databases)."""

    name = "packages"
    every_s = 15.0

    def places(self, inventory: Inventory) -> Iterable[str]:
        return [host for service in inventory.services.values() for host in service.hosts]

    def question(self, look: Look) -> str:
        import shlex

        dpkg, apt = _place(look.marks.get("dpkg", "")), _place(look.marks.get("apt", ""))
        return _SCRIPT.format(
            known=shlex.quote(look.marks.get("stats", "")), files=" ".join((DPKG, APT, *RPM, APK)), chunk=CHUNK, dpkg=DPKG,
            apt=APT, dpkg_inode=dpkg[0], dpkg_offset=dpkg[1], apt_inode=apt[0], apt_offset=apt[1],
            zone=part("packages", "zone"), stats=part("packages", "stats"), older=part("packages", "older", "$1"),
            log=part("packages", "log", "$1", "$i", "$o"),
        )  # fmt: skip

    def answer(self, look: Look, parts: list[Part]) -> Found:
        named = {each.head[1:]: each for each in parts if len(each.head) > 1}
        if ("stats",) not in named:
            return Found(marks=look.marks)
        zone = host_zone(named[("zone",)].body if ("zone",) in named else "")
        stats = named[("stats",)].body.strip("\n")
        marks = dict(look.marks) | {"stats": stats}
        changes = [*self._debian(look, parts, zone, marks), *self._others(look, stats, marks)]
        return Found(tuple(changes), marks)

    def _debian(self, look: Look, parts: list[Part], zone: float, marks: dict[str, str]) -> list[Change]:
        texts = {path: _read(parts, path) for path in (DPKG, APT)}
        runs = transactions_of(texts[APT].text, zone)
        acts = acts_of(texts[DPKG].text, zone)
        if not look.at_once and acts and look.now - acts[-1].at < SETTLE_S:
            marks["stats"] = ""  # it is still at work: the same bytes are read once more at the next look
            return []
        covered = float(look.marks.get("covered") or 0.0)
        for name, path in (("dpkg", DPKG), ("apt", APT)):
            if texts[path].inode:
                marks[name] = f"{texts[path].inode} {texts[path].next_offset}"
        first = "stats" not in look.marks
        told = grouped(acts, runs, covered)
        marks["covered"] = repr(max([covered, *(each.ended_at or each.at for each in runs)]))
        recent = [each for each in told if not first or look.now - each.at <= FIRST_LOOK_S]
        return [_change(look, each) for each in recent]

    def _others(self, look: Look, stats: str, marks: dict[str, str]) -> list[Change]:
        """rpm and apk keep no log that is cheap to read: the time of their database says that packages changed."""
        found = {}
        for line in stats.splitlines():
            words = line.split(" ", 3)
            if len(words) == 4 and words[3] in (*RPM, APK) and words[2].isdigit():
                found[words[3]] = words[2]
        marks["others"] = " ".join(f"{path}={at}" for path, at in sorted(found.items()))
        before = dict(each.split("=", 1) for each in look.marks.get("others", "").split() if "=" in each)
        made = []
        for path, at in found.items():
            if before.get(path, at) != at:
                title = f"packages changed ({'apk' if path == APK else 'rpm'})"
                by = f"somebody on {look.place}"
                made.append(
                    Change(0, min(float(at), look.now), "package", title, by, "", look.place, f"{path} was written")
                )
        return made


class _Text:
    """What was read of one log. next_offset: behind its last whole line."""

    def __init__(self, text: str, inode: str, next_offset: int) -> None:
        self.text, self.inode, self.next_offset = text, inode, next_offset


def _read(parts: list[Part], path: str) -> _Text:
    """The rest of the log that was rotated away, then the new one. The last line counts when it is whole."""
    older, text, inode, offset = "", "", "", 0
    for each in parts:
        head = each.head[1:]
        if head == ("older", path):
            older = each.body
        elif len(head) == 4 and head[:2] == ("log", path) and head[2].isdigit() and head[3].isdigit():
            whole = each.body[: each.body.rfind("\n") + 1]
            text, inode, offset = whole, head[2], int(head[3]) + len(whole.encode("utf-8", "surrogateescape"))
    return _Text(f"{older}\n{text}" if older else text, inode, offset)


def _place(mark: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\d{1,20}) (\d{1,18})", mark)
    return (match.group(1), int(match.group(2))) if match else ("", 0)


def _change(look: Look, done: Act | Transaction) -> Change:
    at = min(done.at, look.now)
    actor = shown(done.by, 60) if done.by else f"somebody on {look.place}"
    return Change(0, at, "package", shown(done.title), actor, "", look.place, shown(done.detail, 2000))
