"""The operations log: entries, what is kept and proven, imports, digests, the daily document."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from watchkeeper.core.log.digest import Changed
from watchkeeper.core.log.proof import Anchor
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.faces.api.schemas.shapes import Shown, Time


class Section(TypedDict):
    """A section of an entry."""

    heading: str
    text: str


class Absence(TypedDict):
    """Why the text of an entry is not in the store; `entry` says so itself."""

    reason: str
    entry: int
    place: str
    digest: str
    at: Time
    by: str


class EntryMore(TypedDict):
    """What stands around the fields of the draft."""

    number: int
    sections: list[Section]
    digest: str
    previous: str
    hash: str
    altered: bool
    absence: Absence | None
    status_now: NotRequired[str]
    corrected_by: NotRequired[list[int]]
    status_by: NotRequired[list[int]]
    answered_by: NotRequired[list[int]]
    gone: NotRequired[str | None]
    thread_entries: NotRequired[list[Entry]]
    corrections: NotRequired[list[Entry]]
    statuses: NotRequired[list[Entry]]
    redacted: NotRequired[bool]


ShownEntry = Shown(
    "Entry", Draft, EntryMore, stands_for=Entry,
    note="A record of the operations log. `status`: as it was written; `status_now`: as later entries say, which are "
    "`status_by`. `corrected_by`, `answered_by`: numbers of entries. `absence`: why its text is not in the store, or null; "
    "`gone`: its reason. One just written has `redacted`: what looks like a secret was taken out of it. Entries within an "
    "entry or a shift have the fields down to `absence`.",
)  # fmt: skip


class AnchorMore(TypedDict):
    """When it was seen."""

    at: Time | None


ShownAnchor = Shown("Anchor", Anchor, AnchorMore)


class Hold(TypedDict):
    """`hold`: the number of its entry. `entries`: as `1-40,43`. `released_by`: the entry that ended it, or null."""

    hold: int
    name: str
    query: str
    entries: str
    at: Time
    by: str
    why: str
    released_by: int | None


class Archive(TypedDict):
    """Entries that move together. `place`: their file; `count`: how many; `severities`: how many of each."""

    place: str
    count: int
    entries: str
    since: Time
    until: Time
    severities: dict[str, int]


class Damage(TypedDict):
    """Wrong encoding of a document."""

    encoding: str
    line: int
    found: str
    meant: str


class Import(TypedDict):
    """`found`: entries in the document; of these `same` are in the log, and `own` were written by watchkeeper. `new`: those to
    come, in a dry run only. `doubts`, `rest`: what is not sure, and lines that are no entry. `secrets`, `suspected`: lines
    with known secrets and with what looks like one. `entries`: numbers written by this call; `left`: still to be written."""

    source: str
    dry_run: bool
    lines: int
    found: int
    first_at: Time | None
    last_at: Time | None
    severities: dict[str, int]
    new: list[dict[str, Any]]
    same: int
    own: int
    differences: list[dict[str, Any]]
    doubts: list[dict[str, Any]]
    rest: list[dict[str, Any]]
    damage: Damage | None
    repaired: bool
    secrets: list[int]
    suspected: list[int]
    entries: list[int]
    left: int


class Daily(TypedDict):
    """The document of one day; `operator`: who had a shift; `markdown`: the same as a document."""

    date: str
    team: str
    timezone: str
    operator: Any
    morning: dict[str, Any]
    midday: dict[str, Any]
    evening: dict[str, Any]
    actions_taken: list[Any]
    next_day_priorities: list[Any]
    markdown: str


class Issue(TypedDict):
    """`issue_id`: such as `DAILY-20261121-001`. `actions_taken`: list of sentences."""

    issue_id: str
    timestamp: str
    severity: str
    component: str
    description: str
    impact: str
    actions_taken: list[str]
    resolution: str
    follow_up_required: Any
    operator: str


class ShortEntry(TypedDict):
    """An entry in short."""

    number: int
    at: Time
    title: str
    type: str
    severity: str
    status: str
    actor: str
    corrected_by: list[int]


class Digest(TypedDict):
    """`entries`: how many; `by_*`: how many of each. `tasks`: what is open."""

    period: str
    name: str
    since: Time
    until: Time
    entries: int
    by_type: dict[str, int]
    by_severity: dict[str, int]
    by_person: dict[str, int]
    important: list[ShortEntry]
    incidents: list[ShortEntry]
    unfinished: list[ShortEntry]
    tasks: list[Any]
    markdown: str


class Compliance(TypedDict):
    """Who changed what, approved by whom, proven how. `complete`: how many have no gaps."""

    name: str
    since: Time
    until: Time
    complete: int
    changes: list[Changed]
    markdown: str
