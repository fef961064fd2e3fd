"""One row of a check table, metric, command and healthy range, to a check, or to the reason why it becomes none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watchkeeper.core.discovery.text import words_of
from watchkeeper.core.discovery.yaml_text import flow, scalar
from watchkeeper.core.importing.sightings import LOOPBACK, Sighting, of_text
from watchkeeper.core.runbooks.risk import script_risk
from watchkeeper.core.runbooks.shell import read_script
from watchkeeper.core.runbooks.values import CheckRow, Limit

Lines = tuple[tuple[str, str], ...]
_SIZES: Final = words_of("b kb mb gb tb kib mib gib tib k m g t")
_TIMES: Final = words_of("ms s sec secs seconds min mins minutes h hours d days us µs")
_WORDS: Final = words_of(
    "active running ok up healthy ready enabled alive pong true green connected success passed listening online"
)
_SQL: Final = re.compile(r"\s*(?:select|with)\b.+\bfrom\b|\s*select\s+count", re.IGNORECASE | re.DOTALL)
_FREE: Final = re.compile(r"\b(?:free|available|avail|left|remaining)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RowCheck:
    """What a row becomes. lines: keys of the check after its name; () when it is none. note: what a person should know.

    verdict: whether its range is judged. sql: the query, for a check that needs a connection first.
    """

    lines: Lines = ()
    note: str = ""
    verdict: bool = True
    sql: str = ""
    local: bool = True


def row_check(row: CheckRow, container: str = "") -> RowCheck:
    """The check of a row. container: the one container of its service, for commands that name none."""
    if _SQL.match(row.command) and not row.command.lower().startswith(("psql", "mysql", "sqlite3")):
        return RowCheck(note="a query: it needs a connection in databases.yaml", sql=row.command)
    if row.risk != "read":
        return RowCheck(note=f"its command is no read command ({row.risk}); checks only read")
    native = _native(row)
    if native is not None:
        return native
    bounded = _bounded(row, container)
    if bounded is not None:
        return bounded
    if row.why:
        return RowCheck(note=f"its command cannot be asked again and again: {row.why}")
    if script_risk(read_script(row.command), "read", strict=True) != "read" and not row.limit and not _words(row):
        return _command(row, "what its command does is not known, and its range cannot be read")
    return _command(row)


def _rule(name: str, limit: Limit, unit: str = "") -> str:
    number = f"{limit.value:.15g}" if limit.value is not None else "0"
    return f"{name} {limit.operator} {number}{unit}"


def _native(row: CheckRow) -> RowCheck | None:
    """The commands that a probe of ours answers better: df, top, uptime, free, curl, systemctl is-active, openssl."""
    limit, words = row.limit, row.command.split()
    single = not re.search(r"[|;&<>$`]", row.command)
    seen = of_text(row.command, row.line)
    disk = next((each.name for each in seen if each.kind == "disk"), "")
    if words[:1] == ["df"] and limit is not None and limit.unit == "%" and limit.value is not None:
        free = bool(_FREE.search(f"{limit.quantity} {row.healthy} {row.name}")) and not re.search(
            r"\bused?\b", row.healthy, re.I
        )
        return RowCheck((("disk", scalar(disk or "/")), ("ok", _rule("free" if free else "used", limit, "%"))))
    if not single:
        return None
    if words[:1] in (["top"], ["htop"], ["mpstat"]) and re.search(r"cpu|processor", row.name, re.I) and _percent(limit):
        assert limit is not None
        return RowCheck(
            (("cpu", "true"), ("ok", _rule("used", limit, "%"))), "asked as the check cpu: the command never ends"
        )
    if words[:1] == ["free"] and _percent(limit):
        assert limit is not None
        name = "free" if _FREE.search(row.healthy) else "used"
        return RowCheck((("memory", "true"), ("ok", _rule(name, limit, "%"))))
    if words[:1] == ["uptime"] and limit is not None and limit.value is not None and not limit.unit:
        return RowCheck((("load", "true"), ("ok", _rule("load1", limit))))
    if words[:2] == ["systemctl", "is-active"] and len(words) == 3 and _words(row) in ("active", "running", "ok", ""):
        return RowCheck((("systemd", scalar(words[2] if "." in words[2] else f"{words[2]}.service")),))
    url = next((each for each in seen if each.kind == "url"), None)
    if url is not None and len(seen) == 1:
        return _http(row, url)
    tls = next((each for each in seen if each.kind == "tls"), None)
    if (
        tls is not None
        and limit is not None
        and limit.value is not None
        and re.match(r"d|$", limit.unit + limit.quantity)
    ):
        return RowCheck((("tls", scalar(tls.name)), ("ok", _rule("days", limit))), local=False)
    return None


def _percent(limit: Limit | None) -> bool:
    return limit is not None and limit.unit == "%" and limit.value is not None


def _http(row: CheckRow, url: Sighting) -> RowCheck | None:
    """A bare request: judged by status and time. With another number it stays a command, whose answer is that number."""
    limit, healthy = row.limit, row.healthy.strip()
    local = bool(re.match(rf"https?://(?:{'|'.join(map(re.escape, LOOPBACK))})(?:[:/]|\Z)", url.name))
    where: Lines = (("from", "host"),) if local else ()
    status = re.fullmatch(
        r"(?:HTTP\s*(?:/\S+\s*)?)?(?:status\s*)?(?:==?\s*)?([1-5]\d\d)(?:\s+ok)?", healthy, re.IGNORECASE
    )
    if status:
        return RowCheck((("http", scalar(url.name)), *where, ("ok", f"status == {status[1]}")), local=local)
    if limit is not None and limit.value is not None and limit.unit in ("ms", "s") and limit.operator in ("<", "<="):
        rule = f"status == 200 and {_rule('latency', limit, limit.unit)}"
        return RowCheck((("http", scalar(url.name)), *where, ("ok", rule)), local=local)
    if healthy.lower() in ("ok", "up", "200 ok", "reachable", "responds", "healthy"):
        return RowCheck((("http", scalar(url.name)), *where), local=local)
    return None


def _bounded(row: CheckRow, container: str) -> RowCheck | None:
    """``docker stats`` never ends: asked once, for the one container that the document is about."""
    match = re.fullmatch(r"(docker|podman) stats(?: --no-stream)?(?: ([A-Za-z0-9][\w.-]*))?", row.command.strip())
    if match is None:
        return None
    name, limit = match[2] or container, row.limit
    if not name or limit is None or limit.value is None:
        return RowCheck(note="docker stats never ends, and which container is meant is not said")
    asked = f"{match[1]} stats --no-stream --format '{{{{.%s}}}}' {name}"
    said = f"asked once (--no-stream) for the container {name}"
    if limit.unit == "%":
        field = "MemPerc" if re.search(r"mem", row.name, re.I) else "CPUPerc"
        return RowCheck(
            (("command", _text(asked % field)), ("ok", f"exit_code == 0 and {_rule('value', limit)}")), said
        )
    if limit.unit.lower() in _SIZES:
        number = f"{asked % 'MemUsage'} | cut -d/ -f1 | tr -d 'B ' | numfmt --from=auto"
        rule = f"exit_code == 0 and {_rule('value', limit, limit.unit.upper())}"
        return RowCheck((("command", _text(number)), ("ok", rule)), f"{said}, in bytes")
    return None


def _words(row: CheckRow) -> str:
    """The one word that the output should hold, "" when the range is no such word."""
    text = row.healthy.strip().strip("`\"'").lower()
    return text if text in _WORDS else ""


def _command(row: CheckRow, doubt: str = "") -> RowCheck:
    limit = row.limit
    lines: Lines = (("command", _text(row.command)),)
    number = re.fullmatch(r"-?\d{1,9}(?:\.\d+)?", row.healthy.strip())
    if limit is not None and limit.value is not None:
        unit = limit.unit.lower()
        if unit in _SIZES or unit in _TIMES:
            doubt = f"its range is in {limit.unit}, and in what the command answers is not said"
        else:
            note = (
                "the last number of the last line of its answer is judged"
                if re.match(r"\s*(?:curl|wget)\b[^|]*\Z", row.command)
                else ""
            )
            return RowCheck((*lines, ("ok", f"exit_code == 0 and {_rule('value', limit)}")), note)
    elif number:
        return RowCheck((*lines, ("ok", f"exit_code == 0 and value == {number[0]}")))
    elif word := _words(row):
        said = row.healthy.strip().strip("`\"'")
        rule = "exit_code == 0" if word == "ok" else f'output contains "{said}"'
        return RowCheck((*lines, ("ok", _quoted(rule))))
    elif limit is not None and limit.value is None:
        doubt = doubt or f"its range names {limit.text}, whose value is not said"
    note = f"{doubt or 'its range cannot be read'}: without a verdict, only a failing command is a WARN"
    return RowCheck((*lines, ("ok", "exit_code == 0")), note, verdict=False)


def _quoted(rule: str) -> str:
    return "'" + rule.replace("'", "''") + "'" if '"' in rule else rule


def _text(command: str) -> str:
    """A command as one quoted value; what does not fit into the bounds of a value is refused by the loader, not cut."""
    return '"' + command.replace("\\", "\\\\").replace('"', '\\"') + '"' if command.isprintable() else flow("")
