"""The rows of all services: in groups, filtered, sorted, and folded where there are many. Each is written once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any
from urllib.parse import quote

from django.utils.html import escape, format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from watchkeeper.core.checks.values import State
from watchkeeper.core.inventory.values import Service
from watchkeeper.core.status import ServiceState
from watchkeeper.faces.web import draw, marks

MANY = 200
"""From so many services on, those of a group that are OK stand behind one line."""
SORTS = (("state", "Worst first"), ("name", "By name"), ("share", "Least available first"))
_WORDS = {State.OK: "ok works", State.WARN: "warn warning", State.CRIT: "crit critical", State.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class Row:
    """One service with its trace. maintenance: until when a window covers it as a whole."""

    state: ServiceState
    trace: draw.Drawing
    maintenance: float | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing about it asks for a look."""
        return self.state.state is State.OK and self.maintenance is None


@dataclass(frozen=True, slots=True)
class Group:
    """Services of one label ``group``, or of one owner. name: "" for those of neither. folded: OK ones behind a line."""

    name: str
    rows: tuple[Row, ...]
    folded: tuple[Row, ...] = ()
    id: str = ""

    @property
    def checks(self) -> int:
        """All its checks."""
        return sum(len(row.state.checks) for row in (*self.rows, *self.folded))

    @property
    def folded_checks(self) -> int:
        """Checks of the services behind the line."""
        return sum(len(row.state.checks) for row in self.folded)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for. words: all must be found in a service. sort: one of SORTS."""

    words: str = ""
    sort: str = "state"

    @property
    def query(self) -> str:
        """For addresses: "" when nothing is asked, else with ``&`` before it."""
        given = {"q": self.words} if self.words else {}
        if self.sort != "state":
            given["sort"] = self.sort
        return "&" + urlencode(given) if given else ""

    @property
    def plain(self) -> bool:
        """Whether it is the usual page."""
        return not self.words and self.sort == "state"


def asked(query: Mapping[str, Any]) -> Asked:
    """From the query of an address; what cannot be meant is the usual."""
    sort = str(query.get("sort", ""))
    return Asked(str(query.get("q", ""))[:200].strip(), sort if sort in dict(SORTS) else "state")


def group_of(service: Service) -> str:
    """Where a service stands: its label ``group``, else its owner, else nowhere."""
    return service.labels.get("group", "") or service.owner


def arranged(rows: Sequence[Row], wish: Asked) -> list[Group]:
    """In groups, the worst first; by availability all in one list. Those without a group come last."""
    found = [row for row in rows if _fits(row, wish.words)]
    if wish.sort == "share":
        found.sort(key=lambda row: (_share(row), row.state.service.name))
        return [Group("", tuple(found), id="all")] if found else []
    by_group: dict[str, list[Row]] = {}
    for row in found:
        by_group.setdefault(group_of(row.state.service), []).append(row)
    named = wish.sort == "name"
    fold = len(rows) >= MANY and not wish.words
    groups = []
    for number, name in enumerate(sorted(by_group, key=lambda each: (not each, each.casefold()))):
        own = by_group[name]
        own.sort(key=lambda row: ((0 if named else -_weight(row)), row.state.service.name))
        lit = tuple(row for row in own if not (fold and row.quiet))
        groups.append(Group(name, lit, tuple(row for row in own if fold and row.quiet), f"g{number}"))
    if not named:
        groups.sort(key=lambda group: (not group.name, -max((_weight(row) for row in group.rows), default=0)))
        groups.sort(key=lambda group: -max((_weight(row) for row in group.rows), default=0))
    return groups


def _weight(row: Row) -> int:
    return row.state.state.rank


def _share(row: Row) -> float:
    number = row.trace.share.partition(" ")[0]
    return float(number) if number else 101.0


def _fits(row: Row, words: str) -> bool:
    if not words:
        return True
    service = row.state.service
    labels = " ".join(f"{name}={value}" for name, value in service.labels.items())
    about = (
        service.name, group_of(service), service.owner, service.description, *service.hosts, labels, row.state.reason,
        _WORDS[row.state.state], "maintenance" if row.maintenance else "",
    )  # fmt: skip
    text = " ".join(about).casefold()
    return all(word in text for word in words.casefold().split())


# ---- as text -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Written:
    lock: threading.Lock = field(default_factory=threading.Lock)
    kept: dict[tuple[str, str], tuple[tuple[object, ...], SafeString]] = field(default_factory=dict)


_written = _Written()


def written(rows: Iterable[Row], zone: tzinfo, now: float) -> list[SafeString]:
    """Each row as HTML; one that is as before is not written again."""
    found = []
    with _written.lock:
        for row in rows:
            each, name = row.state, row.state.service.name
            if row.maintenance is not None:  # its words tell a day
                found.append(html(row, zone, now))
                continue
            key = (each.state, each.reason, each.held_under, row.trace)
            kept = _written.kept.get((str(zone), name))
            if kept is None or kept[0][:3] != key[:3] or kept[0][3] is not row.trace:
                if len(_written.kept) > 20_000:
                    _written.kept.clear()
                kept = _written.kept[str(zone), name] = (key, html(row, zone, now))
            found.append(kept[1])
    return found


def html(row: Row, zone: tzinfo, now: float) -> SafeString:
    """One row: name, state, measured truth, 90 days, share."""
    each = row.state
    name = marks.css_class(each.state)
    held = f"; held under {each.held_under}" if each.held_under else ""
    if row.maintenance is not None:
        until = marks.at({"zone": zone, "now_at": now}, row.maintenance, "minutes")
        css = "maint lit"
        why = format_html(
            '<span class="state maint">{}MAINT</span><span>until {}; {}: {}{}</span>',
            marks.mark("maint"), until, str(each.state), each.reason, held,
        )  # fmt: skip
    else:
        css = name if each.state is State.OK else f"{name} lit"
        why = format_html("{}<span>{}{}</span>", marks.state(each.state), each.reason, held)
    return format_html(
        '<div class="svc {}"><a href="/services/{}">{}</a><p class="why">{}</p>{}<span class="up">{}</span></div>',
        css, quote(each.service.name), each.service.name, why, trace(row.trace), row.trace.share,
    )  # fmt: skip


def trace(drawing: draw.Drawing) -> SafeString:
    """Ninety days as SVG."""
    paths = "".join(f'<path class="k-{name}" d="{path}"/>' for name, path in drawing.paths)  # both are ours
    return mark_safe(
        '<svg class="trace" viewBox="0 0 270 24" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(drawing.label)}"><path class="k-none" d="M0 23h270v1h-270z"/>{paths}</svg>'
    )
