"""Reboots of hosts, by the boot id of their kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable

from watchkeeper.core.changes import Change
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.services.changes.source import FIRST_LOOK_S, Found, Look, Part, part

_ID = re.compile(r"[0-9a-f-]{36}")


class Reboots:
    """Marks: ``boot`` -> boot id. Starts no program on the host."""

    name = "reboots"
    every_s = 15.0

    def places(self, inventory: Inventory) -> Iterable[str]:
        return [host for service in inventory.services.values() for host in service.hosts]

    def question(self, look: Look) -> str:
        known = look.marks.get("boot", "")
        known = known if _ID.fullmatch(known) else ""
        return (
            "b=; read -r b < /proc/sys/kernel/random/boot_id\n"
            f'if [ "$b" ] && [ "$b" != "{known}" ]; then\n'
            '  while read -r k v r; do [ "$k" = btime ] && break; done < /proc/stat\n'
            f"  {part('reboots', '$b', '$v')}\nfi"
        )

    def answer(self, look: Look, parts: list[Part]) -> Found:
        for each in parts:
            if len(each.head) == 3 and _ID.fullmatch(each.head[1]) and each.head[2].isdigit():
                return self._booted(look, each.head[1], min(float(each.head[2]), look.now))
        return Found(marks=look.marks)

    def _booted(self, look: Look, boot: str, at: float) -> Found:
        marks = {"boot": boot}
        if "boot" not in look.marks and look.now - at > FIRST_LOOK_S:
            return Found(marks=marks)
        return Found(
            (Change(0, at, "reboot", f"{look.place} was booted", f"somebody on {look.place}", "", look.place),), marks
        )
