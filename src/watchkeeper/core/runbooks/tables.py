"""Tables with a command and a healthy range become checks; limits are read where they can be."""

from __future__ import annotations

import re

from watchkeeper.core.runbooks.endless import judge
from watchkeeper.core.runbooks.phases import plain
from watchkeeper.core.runbooks.placeholders import inert, places
from watchkeeper.core.runbooks.risk import script_risk
from watchkeeper.core.runbooks.shell import read_script
from watchkeeper.core.runbooks.values import CheckRow, CheckTable, Limit

_NAME = re.compile(r"^(metric|check|name|what|item|signal|probe|指標|指标|項目|项目|检查项)s?\b", re.IGNORECASE)
_COMMAND = re.compile(r"^(command|query|how|cmd|コマンド|命令)\b", re.IGNORECASE)
_HEALTHY = re.compile(
    r"^(healthy|target|threshold|expected|expect|limit|normal|ok|good|acceptable|正常|閾値|阈值|目标|目標)",
    re.IGNORECASE,
)
_SIGNS = {
    "≤": "<=",
    "≥": ">=",
    "=<": "<=",
    "=>": ">=",
    "＜": "<",
    "＞": ">",
    "=": "==",
    "≠": "!=",
    "≦": "<=",
    "≧": ">=",
}
_WORDS = {
    "less than": "<",
    "below": "<",
    "under": "<",
    "at most": "<=",
    "up to": "<=",
    "no more than": "<=",
    "max": "<=",
    "maximum": "<=",
    "more than": ">",
    "greater than": ">",
    "above": ">",
    "over": ">",
    "at least": ">=",
    "min": ">=",
    "minimum": ">=",
    "no less than": ">=",
    "exactly": "==",
    "equals": "==",
}
_LIMIT = re.compile(
    r"^(?:(?:target|limit|threshold|should be|must be)\s*:?\s*)?(?P<sign><=|>=|=<|=>|!=|==|[<>=≤≥≠＜＞≦≧]|"
    + "|".join(_WORDS)
    + r")\s*"
    r"(?P<value>-?\d[\d,]*(?:\.\d+)?|[A-Za-z_]\w*)\s*(?P<unit>%|[A-Za-zµ°/]+)?\s*(?P<rest>[^\d<>]*)$",
    re.IGNORECASE,
)


def read_limit(text: str) -> Limit | None:
    """A healthy range such as ``< 80%``, ``> 20% free``, ``<= MAX_JOBS`` or ``Target < 200ms``; None when not
    readable."""
    text = plain(text).replace("\\", "").strip()
    match = _LIMIT.match(text) if len(text) < 200 else None
    if match is None:
        return None
    sign = match.group("sign").lower()
    raw, unit, rest = match.group("value"), match.group("unit") or "", (match.group("rest") or "").strip()
    try:
        number: float | None = float(raw.replace(",", ""))
    except ValueError:
        number = None
    if unit and len(unit) > 3 and not rest:
        unit, rest = "", unit
    return Limit(_SIGNS.get(sign, _WORDS.get(sign, sign)), number, raw, unit, rest)


def command_of(cell: str) -> str:
    """The command in a table cell: the text of its first code span, else the plain cell."""
    match = re.search(r"(`+)\s?(.+?)\s?\1", cell)
    return (match.group(2) if match else cell).strip()


def _row(name: str, command: str, healthy: str, line: int) -> CheckRow:
    script = read_script(inert(command))
    attended = judge(script)
    why = attended.interactive or attended.endless or attended.asks or None
    if places(command):
        why = "a value is left open"
    elif script.broken:
        why = "the command cannot be read as shell text"
    return CheckRow(plain(name), command, plain(healthy), read_limit(healthy), script_risk(script, "read"), line, why)


def read_table(header: list[str], rows: list[tuple[int, list[str]]], line: int, host: str | None) -> CheckTable | None:
    """A check table, when the header names a metric or check, a command and a healthy range; else None."""
    cells = [plain(cell) for cell in header]
    name = next((index for index, cell in enumerate(cells) if _NAME.match(cell)), None)
    command = next((index for index, cell in enumerate(cells) if _COMMAND.match(cell)), None)
    healthy = next((index for index, cell in enumerate(cells) if _HEALTHY.match(cell)), None)
    if name is None or command is None or healthy is None:
        return None
    found = tuple(
        _row(row[name], command_of(row[command]), row[healthy], row_line)
        for row_line, row in rows
        if len(row) > max(name, command, healthy) and command_of(row[command])
    )
    return CheckTable(line, found, host) if found else None
