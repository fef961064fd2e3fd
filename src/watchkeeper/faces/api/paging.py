"""Lists in pages, the same everywhere: ``limit``, an opaque ``cursor``, filters by field, ``next`` beside the plural noun.

`LISTED` names every list once. Rows that are kept by number (`by_number`) are asked for below the last number of the page
before, so pages neither skip nor repeat when new rows come; lists of the inventory go on behind the last row's key.
A cursor is good for its list and its filters only; it holds a place and no right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.http import HttpRequest

from watchkeeper.core.errors import Usage
from watchkeeper.core.times import read_time, utc_text

LARGEST = 1000
MOST_LOOKED_AT = 5000
"""Rows that one request with filters reads at most; then it answers with what it found, and where to go on."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """One list. noun: its name in the answer; key: the field that names a row; "" when nothing does.

    equal: filter to field, of text or a list of texts; time: the field that ``since`` and ``until`` look at. by_number: the
    route takes `before` and `limit`, and gives at most `most` at once. whole: what its own `limit` is set to otherwise.
    """

    noun: str
    key: str = ""
    equal: Mapping[str, str] = field(default_factory=dict)
    time: str = ""
    by_number: bool = False
    most: int = 500
    whole: int = 0


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


LISTED: Mapping[str, Listed] = {
    "/checks": Listed("checks", "check", {"state": "state", "service": "check/"}),
    "/incidents": Listed("incidents", "id", _same("service", "severity", "owner"), "opened_at", by_number=True),
    "/incidents/tasks": Listed("tasks", "id", _same("owner")),
    "/incidents/{number}/similar": Listed("similar"),
    "/notifications": Listed("notifications", "id", {"kind": "message.kind", "state": "state"}, "created_at", by_number=True),
    "/channels": Listed("channels", "name"),
    "/runbooks": Listed("runbooks", "path", {"service": "services"}),
    "/proofs": Listed("proofs", "response", _same("runbook"), "proven_at"),
    "/runs": Listed(
        "runs", "id", {"service": "plan.service", "state": "state", "runbook": "plan.runbook", "actor": "actor"},
        "created_at", by_number=True,
    ),
    "/grants": Listed("grants", "id", _same("response"), "granted_at"),
    "/locks": Listed("locks", "name", _same("holder")),
    "/automation/quarantine": Listed("quarantines", "id", _same("response")),
    "/log": Listed("entries", "number", by_number=True),
    "/log/holds": Listed("holds", "hold"),
    "/log/anchors": Listed("anchors"),
    "/log/queries": Listed("queries", "name"),
    "/log/issues": Listed("issues", "issue_id"),
    "/windows": Listed("windows", "id", _same("state", "actor"), "starts_at", whole=LARGEST),
    "/silences": Listed("silences", "id", _same("state", "actor"), "starts_at", whole=LARGEST),
    "/oncall": Listed("oncall", "schedule", _same("person")),
    "/oncall/overrides": Listed("overrides", "", _same("schedule", "person")),
    "/oncall/gaps": Listed("gaps", "", _same("schedule")),
    "/oncall/{name}/shifts": Listed("shifts", "", _same("person")),
    "/escalations": Listed("escalations", "incident", _same("severity", "policy")),
    "/shifts": Listed("shifts", "id", _same("state"), "started_at", by_number=True, most=200),
    "/tasks": Listed("tasks", "id", _same("state")),
    "/heartbeats": Listed("heartbeats", "check", _same("state")),
    "/changes": Listed("changes", "id", _same("host", "actor"), "at", whole=LARGEST),
    "/expiries": Listed("expiries", "", _same("kind", "about", "owner")),
    "/availability": Listed("availability", "service"),
    "/services": Listed("services", "name", whole=500),
    "/hosts": Listed("hosts", "name", _same("kind")),
    "/documents": Listed("documents", "path", _same("kind")),
    "/definitions": Listed("definitions", "path", _same("kind")),
    "/users": Listed("users", "name", _same("kind", "role")),
    "/tokens": Listed("tokens", "id", _same("state", "scope")),
    "/audit": Listed("events", "id", {"kind": "kind", "via": "via"}, "at", by_number=True),
    "/webhooks": Listed("webhooks", "name"),
    "/access": Listed("rules", "action", _same("role")),
    "/doctor": Listed("doctor", "name", _same("state")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants of a list. limit: None for the list's own. after, key: where the page before ended."""

    limit: int | None
    after: int | None
    key: str
    filters: Mapping[str, str]


def paged(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of every route: those of `LISTED` answer in pages, the others stay as they are."""
    operation = vars(view).get("_ninja_operation")
    if operation is None or operation.methods != ["GET"] or operation.path not in LISTED:
        return view
    rule, path = LISTED[operation.path], operation.path

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **values: Any) -> Any:
        asked = read(request, rule, path)
        page = _by_number if rule.by_number else _of_whole
        told, following = page(lambda **more: view(request, *args, **{**values, **more}), values, rule, asked)
        if following is not None:
            told["next"] = cursor(path, asked.filters, *following)
            vars(request)["watchkeeper_next"] = told["next"]
        return told

    return answer


def filters_of(rule: Listed) -> tuple[str, ...]:
    """Names of the filters that `paged` looks after."""
    return (*rule.equal, *(("since", "until") if rule.time else ()))


def read(request: HttpRequest, rule: Listed, path: str) -> Asked:
    """Limit, cursor and filters of one request. Raises `Usage`."""
    filters = {name: request.GET[name] for name in sorted(filters_of(rule)) if request.GET.get(name)}
    for name in {"since", "until"} & set(filters):
        at = read_time(filters[name])
        if at is None:
            raise Usage(f"{name} is a time in UTC, not {filters[name][:40]!r}.", f"{name}=2026-11-01T00:00:00Z")
        filters[name] = str(utc_text(at))
    limit = request.GET.get("limit")
    if limit is not None and not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= LARGEST):
        raise Usage(f"limit is a whole number from 1 to {LARGEST}, not {limit[:20]!r}.", "limit=50")
    after, key = place_of(request.GET.get("cursor", ""), path, filters)
    return Asked(int(limit) if limit else None, after, key, filters)


def cursor(path: str, filters: Mapping[str, str], after: int, key: str) -> str:
    """Where a page ended, for the next request; nobody needs to look into it."""
    place = json.dumps([after, key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(path, filters, place) + place).decode().rstrip("=")


def place_of(text: str, path: str, filters: Mapping[str, str]) -> tuple[int | None, str]:
    """(number or position, key) of a cursor; (None, "") without one. Raises `Usage` when it is not of this list."""
    if not text:
        return None, ""
    try:
        whole = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)) if len(text) < 2000 else b""
        if whole[:6] != _check(path, filters, whole[6:]):
            raise ValueError
        after, key = json.loads(whole[6:])
        return int(after), str(key)
    except (ValueError, TypeError, binascii.Error):
        raise Usage(
            "This cursor is not of this list, or the filters are others than before.",
            "Take `next` of the answer before and leave the filters as they are; without a cursor the list begins anew.",
        ) from None


def _check(path: str, filters: Mapping[str, str], place: bytes) -> bytes:
    return hashlib.blake2b(json.dumps([path, sorted(filters.items())]).encode() + place, digest_size=6).digest()


def _by_number(
    ask: Callable[..., dict[str, Any]], values: Mapping[str, Any], rule: Listed, asked: Asked
) -> tuple[dict[str, Any], tuple[int, str] | None]:
    """Rows below the last number; with filters as many batches as the page needs."""
    wanted = min(asked.limit or int(values["limit"]), LARGEST)
    before = asked.after if asked.after is not None else values.get("before")
    batch = rule.most if asked.filters else min(wanted + 1, rule.most)
    rows: list[Any] = []
    looked = 0
    while True:
        told = ask(limit=batch, before=before)
        got = told[rule.noun]
        rows += [row for row in got if holds(row, rule, asked.filters)]
        looked += len(got)
        if len(rows) > wanted:
            return {**told, rule.noun: rows[:wanted]}, (int(rows[wanted - 1][rule.key]), "")
        if len(got) < batch:
            return {**told, rule.noun: rows}, None
        before = int(got[-1][rule.key])
        if looked >= MOST_LOOKED_AT and asked.filters:
            return {**told, rule.noun: rows}, (before, "")


def _of_whole(
    ask: Callable[..., dict[str, Any]], values: Mapping[str, Any], rule: Listed, asked: Asked
) -> tuple[dict[str, Any], tuple[int, str] | None]:
    """A part of a list that is made as a whole."""
    own = rule.whole and (asked.filters or asked.limit is not None or asked.after is not None)
    told = ask(limit=rule.whole) if own else ask()
    rows = [row for row in told[rule.noun] if holds(row, rule, asked.filters)]
    start = asked.after or 0
    if asked.key and rule.key:
        known = next((place for place, row in enumerate(rows) if str(row[rule.key]) == asked.key), None)
        start = start if known is None else known + 1
    page = rows[start : start + (asked.limit or LARGEST)]
    end = start + len(page)
    key = str(page[-1][rule.key]) if page and rule.key else ""
    return {**told, rule.noun: page}, (end, key) if end < len(rows) and page else None


def holds(row: Row, rule: Listed, filters: Mapping[str, str]) -> bool:
    """Whether a row is what the filters ask for."""
    for name, wanted in filters.items():
        if name in rule.equal:
            found = field_of(row, rule.equal[name])
            if wanted not in (found if isinstance(found, list | tuple) else (str(found),)):
                return False
        else:
            at = str(field_of(row, rule.time) or "")
            if not at or (at < wanted if name == "since" else at >= wanted):
                return False
    return True


def field_of(row: Row, path: str) -> Any:
    """A field by its path: ``plan.service`` is within another; ``check/`` is what stands before the slash."""
    if path.endswith("/"):
        return str(row[path[:-1]]).partition("/")[0]
    found: Any = row
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
