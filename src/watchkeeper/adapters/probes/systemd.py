"""systemd: the state of one unit, or the failed units of the whole host; one systemctl command, as any user may ask it.

Options: ``unit``, ``enabled``, ``failed`` and ``user``. Values of a unit: ``active``, ``enabled``, ``state`` (the word of
systemd, or ``not-found``), ``sub``, ``boot``, ``result``, ``restarts`` and ``value`` (as restarts). With ``failed``:
``failed`` and ``value`` (how many) and ``units`` (their names). A host without systemd, or one whose systemd does not
answer, cannot be asked: UNKNOWN.
"""

from __future__ import annotations

import shlex

from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, last_line, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check
from watchkeeper.services.ports import CommandResult

_WANTED = "Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result"
_RUNNING = ("active", "reloading", "refreshing")
_AT_BOOT = ("enabled", "alias")
_UNTOLD = ("generated", "")  # made from a SysV script or fstab, or without a file: systemd does not say


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return SystemdAsker(tools)


class SystemdAsker:
    """Holds nothing between asks."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        unit = text_option(check, "unit")
        who = " --user" if check.probe.options.get("user") else ""
        if unit:
            command = f"systemctl{who} show --no-pager --property={_WANTED} -- {shlex.quote(unit)}"
        else:
            command = f"systemctl{who} list-units --state=failed --plain --no-legend --no-pager --full"
        text = f"command -v systemctl >/dev/null || {{ echo WK-no-systemctl; exit 0; }}; LC_ALL=C exec {command}"
        result = await self._tools.commands(check).read(text, deadline_s=check.timeout_s, limit=262_144)
        output = _said(result, check)
        return Answer(parse_unit(output, unit, place(check)) if unit else parse_failed(output, place(check)))

    async def close(self) -> None:
        """Nothing is kept open."""


def _said(result: CommandResult, check: Check) -> str:
    """What systemctl printed; raises `NoAnswer` when there is no systemd to ask."""
    where = place(check)
    if result.timed_out or result.exit_code is None:
        raise NoAnswer(f"systemd on {where} did not answer within {check.timeout_s:g} s.")
    output = result.output.decode("utf-8", "replace")
    if output.strip().endswith("WK-no-systemctl"):
        raise NoAnswer(f"{where} has no systemd.", "Ask for the process instead: `process: {match: ...}`.")
    if result.exit_code == 0:
        return output
    detail = last_line(result.error) or f"exit code {result.exit_code}"
    if "not been booted with systemd" in result.error.decode("utf-8", "replace") or "Host is down" in detail:
        raise NoAnswer(
            f"{where} was not booted with systemd, so it keeps no units.",
            "Ask for the process instead: `process: {match: ...}`.",
        )
    if "connect to bus" in detail.lower():
        raise NoAnswer(
            f"systemd on {where} cannot be reached ({detail.rstrip('.')}).",
            "For `user: true` that user must be logged in or lingering: loginctl enable-linger USER.",
        )
    raise NoAnswer(f"systemctl on {where} failed: {detail}.")


def parse_unit(output: str, unit: str, where: str) -> dict[str, Value]:
    """The values of one unit, from ``systemctl show``."""
    pairs = (line.partition("=") for line in output.splitlines() if "=" in line)
    facts = {name: word.strip() for name, _, word in pairs}
    state = facts.get("ActiveState", "")
    if not state:
        raise NoAnswer(f"systemctl on {where} said nothing about {unit} that can be read.")
    load, boot = facts.get("LoadState", ""), facts.get("UnitFileState", "")
    values: dict[str, Value] = {"active": state in _RUNNING}
    if boot not in _UNTOLD or load == "not-found":
        values["enabled"] = boot in _AT_BOOT
    restarts = facts.get("NRestarts", "")
    values |= {"state": "not-found" if load == "not-found" else state, "sub": facts.get("SubState", "")}
    values |= {"boot": boot or load, "result": facts.get("Result", ""), "restarts": int(restarts or 0)}
    values["value"] = values["restarts"]
    problem = _problem(unit, where, values, load)
    return values | ({"problem": problem} if problem else {})


def _problem(unit: str, where: str, values: dict[str, Value], load: str) -> str:
    if load == "not-found":
        return f"{where} has no unit {unit}."
    if load == "masked":
        return f"{unit} on {where} is masked: systemd may not start it."
    if not values["active"]:
        ended = f", last result {values['result']}" if values["result"] not in ("", "success") else ""
        return f"{unit} on {where} is {values['state']} ({values['sub']}{ended})."
    if values.get("enabled") is False:
        return f"{unit} on {where} is {values['boot']}: a boot does not start it by itself."
    return ""


def parse_failed(output: str, where: str) -> dict[str, Value]:
    """The failed units, from ``systemctl list-units``. Old versions put a mark before the name."""
    lines = [line.replace("●", " ").replace("*", " ").split() for line in output.splitlines()]
    units = [words[0] for words in lines if len(words) >= 4 and "." in words[0] and words[2] == "failed"]
    values: dict[str, Value] = {"failed": len(units), "value": len(units), "units": ", ".join(units)[:400]}
    if units:
        shown = ", ".join(units[:5]) + (", ..." if len(units) > 5 else "")
        values["problem"] = f"Failed on {where}: {shown}. See: systemctl status {units[0]}"
    return values
