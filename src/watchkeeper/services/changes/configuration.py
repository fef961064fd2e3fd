"""Configuration files of services: their digests, asked only for files whose size or times have changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from watchkeeper.core.changes import Change
from watchkeeper.core.inventory.values import Inventory, Service
from watchkeeper.services.changes.source import Found, Look, Part, part, shown

LARGEST = 16_777_216
"""A larger file is known by its size and times alone."""
SAME_EDIT_S = 60.0
"""A file that is edited again within this time was edited once: one that changes all the time is no stream of changes."""
TOLD = "told "

_SCRIPT = """\
nl='
'
stat -L -c '%i %s %Y %Z %n' -- {paths} 2>/dev/null | while IFS= read -r l; do
  case "$nl$k$nl" in *"$nl$l$nl"*) d=same ;; *)
    f=${{l#* }}; f=${{f#* }}; f=${{f#* }}; f=${{f#* }}; d=unread
    z=${{l#* }}; z=${{z%% *}}
    if [ -f "$f" ] && [ "$z" -le {largest} ]; then d=$(sha256sum < "$f" 2>/dev/null) || d=unread; fi ;;
  esac
  printf '%s %s\\n' "${{d%% *}}" "$l"
done
command -v stat >/dev/null || {no_stat}"""


class Configuration:
    """Marks: path -> ``digest inode size modified changed``."""

    name = "configuration"
    every_s = 0.0

    def places(self, inventory: Inventory) -> Iterable[str]:
        return [host for service in inventory.services.values() if service.config for host in service.hosts]

    def question(self, look: Look) -> str:
        paths = sorted({path for _, path in _files(look)})
        if not paths:
            return ""
        known = "\n".join(f"{mark.partition(' ')[2]} {path}" for path, mark in look.marks.items() if path in paths)
        names = " ".join(shlex.quote(path) for path in paths)
        script = _SCRIPT.format(paths=names, largest=LARGEST, no_stat=part("configuration", "no-stat"))
        return f"{part('configuration', 'files')}\nk={shlex.quote(known)}\n{script}"

    def answer(self, look: Look, parts: list[Part]) -> Found:
        if any(each.head[1:] == ("no-stat",) for each in parts):
            return Found(marks=look.marks, problems=("it has no program stat, so configuration files are not watched",))
        seen = _seen(parts, look)
        marks = {path: seen.get(path, "missing") for _, path in _files(look)}
        told = {name: at for name, at in look.marks.items() if name.startswith(TOLD) and name[len(TOLD) :] in marks}
        found: list[Change] = []
        for service, path in _files(look):
            change = self._compare(look, service, path, marks[path])
            again = path in seen and look.now - float(look.marks.get(TOLD + path, "0")) < SAME_EDIT_S
            if change is not None and not again:
                found.append(change)
                told[TOLD + path] = repr(look.now)
        return Found(tuple(found), marks | told)

    def _compare(self, look: Look, service: Service, path: str, mark: str) -> Change | None:
        before = look.marks.get(path)
        if before is None or before.partition(" ")[0] == mark.partition(" ")[0]:
            return None
        old, new = before.partition(" ")[0], mark.partition(" ")[0]
        word = "was removed" if new == "missing" else "appeared" if old == "missing" else "was edited"
        at = min(_modified(mark, look.before), look.now)
        return Change(
            0, at, "configuration", f"{shown(path)} {word}", f"somebody on {look.place}", service.name, look.place,
            f"{old[:12]} to {new[:12]}",
        )  # fmt: skip


def _files(look: Look) -> list[tuple[Service, str]]:
    services = look.inventory.services.values()
    return [(service, path) for service in services if look.place in service.hosts for path in service.config]


def _seen(parts: list[Part], look: Look) -> dict[str, str]:
    """Path -> its mark now. A file that may not be read is known by its size and times."""
    found: dict[str, str] = {}
    for line in (line for each in parts for line in each.body.splitlines()):
        digest, _, rest = line.partition(" ")
        facts, path = rest.split(" ", 4)[:4], rest.split(" ", 4)[4:]
        if len(facts) != 4 or not path or not all(each.lstrip("-").isdigit() for each in facts):
            continue
        if digest == "same":
            digest = look.marks.get(path[0], "unread").partition(" ")[0]
        elif digest == "unread":
            digest = f"unread-{facts[1]}-{facts[2]}"
        found[path[0]] = f"{digest} {' '.join(facts)}"
    return found


def _modified(mark: str, otherwise: float) -> float:
    words = mark.split(" ")
    return float(words[3]) if len(words) == 5 else otherwise
