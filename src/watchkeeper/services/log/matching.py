"""From a question as in `wk log list` to what tells whether an entry is meant, for rules that look at entries by themselves."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.core.log.query import holds, indexed, parse, says, select
from watchkeeper.core.log.values import Entry
from watchkeeper.core.times import zone_of
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock


class EntryMatcher:
    """The question is read with the team's words and zone, at the moment it is asked."""

    def __init__(self, holder: InventoryHolder, clock: Clock) -> None:
        self._holder = holder
        self._clock = clock

    def __call__(self, query: str) -> Callable[[Entry], bool]:
        """Raises `Usage` for a question that cannot be read."""
        team = self._holder.current.team
        selection = select(parse(query), team.log.vocabulary, zone_of(team.timezone), self._clock())

        def means(entry: Entry) -> bool:
            return holds(selection, indexed(entry.number, entry.draft)) and says(selection, entry.draft)

        return means
