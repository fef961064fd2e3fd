"""Looking at hosts: one read for all sources, bounded; a host that refuses is left alone for a while, with its reason."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from watchkeeper.core.changes import Change
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.services.changes.source import HERE, MARK, Look, Part, Source, parts_of, shown
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.ports.blocking import BlockingHostsPort

log = logging.getLogger(__name__)
DEADLINE_S = 10.0
LIMIT = 524_288
AT_ONCE = 8
"""So many hosts are asked at the same time."""
LEFT_ALONE_S = 60.0
END = "end"

Here = Callable[[str, float, int], bytes]
"""Runs a read-only text on this machine: (text, deadline in seconds, limit in bytes) -> its output."""


@dataclass(slots=True)
class _Place:
    """What is remembered of a place between looks, in this process. asked_at, problems: per source; "" is the place."""

    looked_at: float | None = None
    asked_at: dict[str, float] = field(default_factory=dict)
    refused_at: float | None = None
    problems: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Places:
    """Asks all places. `look` is called by one thread at a time; `skipped` by any."""

    def __init__(
        self, store: StorePort, hosts: BlockingHostsPort, sources: Sequence[Source], clock: Clock, here: Here | None,
        redact: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._store = store
        self._hosts = hosts
        self._sources = sources
        self._clock = clock
        self._here = here
        self._redact = redact
        self._places: dict[str, _Place] = {}
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="changes")

    def look(self, inventory: Inventory, at_once: bool) -> list[Change]:
        """Ask every place that is due; changes and what is remembered are kept in one transaction per place."""
        wanted: dict[str, list[Source]] = {}
        for source in self._sources:
            for place in dict.fromkeys(source.places(inventory)):
                wanted.setdefault(place, []).append(source)
        self._places = {place: self._places.get(place, _Place()) for place in wanted}
        now = self._clock()
        due = {place: self._due(place, sources, now, at_once) for place, sources in wanted.items()}
        due = {place: sources for place, sources in due.items() if sources}
        with self._store.read() as session:
            marks = {place: _marks(session, place) for place in due}
        questions = {
            place: _asked(inventory, sources, marks[place], place, now, self._places[place].looked_at or now, at_once)
            for place, sources in due.items()
        }
        answers = self._pool.map(self._ask, questions, (text for _, text in questions.values()))
        found: list[Change] = []
        for (place, (looks, text)), answer in zip(questions.items(), answers, strict=True):
            if text and answer is not None:
                found += self._learn(place, due[place], looks, answer, marks[place])
        return found

    def skipped(self) -> dict[str, tuple[str, ...]]:
        """Per place why it, or something on it, is not looked at now; only places where that is so."""
        told = {
            place or "this machine": tuple(dict.fromkeys(why for each in list(known.problems.values()) for why in each))
            for place, known in self._places.items()
        }
        return {place: why for place, why in told.items() if why}

    def _due(self, place: str, sources: Iterable[Source], now: float, at_once: bool) -> list[Source]:
        known = self._places[place]
        if known.refused_at is not None and now - known.refused_at < LEFT_ALONE_S:
            return []
        return [each for each in sources if at_once or now - known.asked_at.get(each.name, 0.0) >= each.every_s]

    def _ask(self, place: str, text: str) -> str | None:
        """The whole answer, or None when there is none; why is kept."""
        known = self._places[place]
        if not text:
            return None
        try:
            if place == HERE:
                output = self._here(text, DEADLINE_S, LIMIT) if self._here else b""
            else:
                output = self._hosts.get(place).read(text, deadline_s=DEADLINE_S, limit=LIMIT).output
        except WatchkeeperError as error:
            known.refused_at, known.problems[""] = self._clock(), (error.sentence,)
            log.info("changes on %s are not looked at: %s", place or "this machine", error.sentence)
            return None
        answer = output.decode("utf-8", "surrogateescape")
        if not answer.rstrip().endswith(f"{MARK} {END}"):
            known.refused_at = self._clock()
            known.problems[""] = (f"its answer did not come to its end within {DEADLINE_S:g} s and {LIMIT // 1024} kB",)
            return None
        known.refused_at = None
        known.problems.pop("", None)
        return answer

    def _learn(
        self,
        place: str,
        sources: Sequence[Source],
        looks: Mapping[str, Look],
        answer: str,
        marks: dict[str, dict[str, str]],
    ) -> list[Change]:
        known, parts = self._places[place], parts_of(answer)
        found: list[Change] = []
        fresh = dict(marks)
        for source in sources:
            own: list[Part] = [each for each in parts if each.head[0] == source.name]
            try:
                learned = source.answer(looks[source.name], own)
            except Exception:  # an answer that nobody foresaw costs this source its turn, never the others theirs
                log.exception("the answer of %s about %s cannot be read", place or "this machine", source.name)
                known.problems[source.name] = (f"its answer about {source.name} cannot be read",)
                continue
            found += learned.changes
            known.problems[source.name] = tuple(shown(each) for each in learned.problems)
            fresh[source.name] = dict(learned.marks)
            known.asked_at[source.name] = looks[source.name].now
        known.looked_at = self._clock()
        found = [replace(each, title=self._redact(each.title), detail=self._redact(each.detail)) for each in found]
        if found or fresh != marks:
            self._store.write(lambda session: _keep(session, place, fresh, found))
        return found


def _asked(
    inventory: Inventory, sources: Sequence[Source], marks: Mapping[str, Mapping[str, str]], place: str, now: float,
    before: float, at_once: bool,
) -> tuple[dict[str, Look], str]:  # fmt: skip
    """(the look of each source, the one text that asks for all of them)."""
    looks = {each.name: Look(place, inventory, marks.get(each.name, {}), now, before, at_once) for each in sources}
    texts = [text for each in sources if (text := each.question(looks[each.name]))]
    if not texts:
        return looks, ""
    asked = "\n".join(f"(\n{text}\n) 2>/dev/null" for text in texts)
    return looks, f'{asked}\nprintf "\\n%s\\n" "{MARK} {END}"'


def _name(place: str) -> str:
    return f"changes on {place}"


def _marks(session: Session, place: str) -> dict[str, dict[str, str]]:
    try:
        kept = json.loads(session.setting(_name(place)) or "{}")
    except ValueError:
        return {}
    kept = kept if isinstance(kept, dict) else {}
    return {name: each for name, each in kept.items() if isinstance(each, dict)}


def _keep(session: Session, place: str, marks: Mapping[str, Mapping[str, str]], found: Sequence[Change]) -> None:
    session.set_setting(_name(place), json.dumps(marks))
    for change in found:
        session.add_change(change)
