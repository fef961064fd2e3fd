"""systemd: what ``systemctl show`` says of service units and timers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.core.discovery.findings import Timer, Unit
from watchkeeper.core.discovery.text import lines, number

_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,255}\Z")
_CALENDAR = re.compile(r"\{ OnCalendar=(.*?) ; next_elapse=")
_EVERY = re.compile(r"\{ (On\w+)USec=(.*?) ; next_elapse=")


def read_units(output: bytes) -> tuple[tuple[Unit, ...], tuple[Timer, ...]]:
    """The answer to ``units``."""
    services, timers = output, b""
    mark = output.find(b"WK-timers\n")
    if mark >= 0:
        services, timers = output[:mark], output[mark:]
    units = [_unit(block) for block in _blocks(services)]
    return (
        tuple(sorted({unit.name: unit for unit in units if unit}.values(), key=lambda unit: unit.name)),
        tuple(timer for timer in (_timer(block) for block in _blocks(timers)) if timer),
    )


def _blocks(output: bytes) -> Iterator[dict[str, list[str]]]:
    """Properties of one unit after the other; an empty line stands between them. A property may come several times."""
    for part in output.split(b"\n\n"):
        block: dict[str, list[str]] = {}
        for line in lines(part):
            name, found, value = line.partition("=")
            if found:
                block.setdefault(name, []).append(value)
        if block:
            yield block


def _unit(block: dict[str, list[str]]) -> Unit | None:
    one = {name: values[0] for name, values in block.items()}
    name = one.get("Id", "")
    if not _NAME.match(name) or not name.endswith(".service") or one.get("LoadState") in ("not-found", "masked"):
        return None
    return Unit(
        name=name,
        description=one.get("Description", ""),
        load=one.get("LoadState", ""),
        active=one.get("ActiveState", ""),
        sub=one.get("SubState", ""),
        enabled=one.get("UnitFileState", ""),
        path=one.get("FragmentPath", ""),
        kind=one.get("Type", ""),
        main_pid=number(one.get("MainPID", "")),
        cgroup=one.get("ControlGroup", ""),
        triggered_by=tuple(one.get("TriggeredBy", "").split()),
        environment_files=tuple(value.rpartition(" (")[0] or value for value in block.get("EnvironmentFiles", [])),
        names=tuple(one.get("Names", "").split()),
    )


def _timer(block: dict[str, list[str]]) -> Timer | None:
    one = {name: values[0] for name, values in block.items()}
    name = one.get("Id", "")
    if not _NAME.match(name) or not name.endswith(".timer"):
        return None
    return Timer(
        name=name,
        unit=one.get("Unit", ""),
        calendar=tuple(found for value in block.get("TimersCalendar", []) for found in _CALENDAR.findall(value)),
        every=tuple(
            f"{kind} {span}" for value in block.get("TimersMonotonic", []) for kind, span in _EVERY.findall(value)
        ),
        active=one.get("ActiveState") == "active",
        enabled=one.get("UnitFileState", ""),
        path=one.get("FragmentPath", ""),
    )


_WEEKDAYS = {"Mon": "1", "Tue": "2", "Wed": "3", "Thu": "4", "Fri": "5", "Sat": "6", "Sun": "0"}
_CLOCK = re.compile(
    r"(?:(?P<days>[A-Za-z]{3}(?:(?:,|\.\.)[A-Za-z]{3})*) )?\*-\*-(?P<day>\*|\d{1,2}) (?P<hour>\d\d|\*):(?P<minute>\d\d):00\Z"
)


def as_cron(calendar: str) -> str:
    """Five fields of cron that mean the same as an OnCalendar expression, "" where there are none."""
    found = _CLOCK.match(calendar)
    if not found:
        return ""
    days = found["days"] or "*"
    if days != "*":
        parts = re.split(r"(,|\.\.)", days)
        if not all(part in _WEEKDAYS or part in (",", "..") for part in parts):
            return ""
        days = "".join({",": ",", "..": "-"}.get(part, _WEEKDAYS.get(part, "")) for part in parts)
        days = days.replace("-0", "-7")
    hour = found["hour"] if found["hour"] == "*" else str(int(found["hour"]))
    day = found["day"] if found["day"] == "*" else str(int(found["day"]))
    return f"{int(found['minute'])} {hour} {day} * {days}"
