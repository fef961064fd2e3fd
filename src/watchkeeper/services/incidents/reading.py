"""Reading incidents: one, many, their timelines, and what is known around them."""

from __future__ import annotations

from watchkeeper.core.changes import Suspect, rank, relations
from watchkeeper.core.incidents import impact, similar, stages
from watchkeeper.core.incidents.impact import Blocked
from watchkeeper.core.incidents.similar import Remedy, Similar
from watchkeeper.core.incidents.stages import Stage, StageFigures
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.services.incidents.base import Base
from watchkeeper.services.incidents.whole import Part, parts_of, write_postmortem


class Reading(Base):
    """The part of `Incidents` that only reads."""

    def get(self, number: int) -> Incident:
        """One incident; raises `NotFound`."""
        with self._store.read() as session:
            return session.incident(number)

    def newest(self, status: Status | None = None, limit: int = 50, before: int | None = None) -> list[Incident]:
        """Newest first."""
        with self._store.read() as session:
            return session.incidents(status, limit, before)

    def timeline(self, number: int, after: int = 0) -> list[Event]:
        """Oldest first, ids above `after`."""
        with self._store.read() as session:
            return session.events(number, after)

    def suspects(self, incident: Incident, limit: int = 5) -> tuple[Suspect, ...]:
        """What changed before this, best suspect first."""
        near = relations(self._holder.current, incident.service, incident.host)
        first = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
        with self._store.read() as session:
            changes = session.changes(first - 24 * 3600.0, first + 60.0)
        return rank(changes, near, first, incident=incident.id)[:limit]

    def alike(self, incident: Incident, limit: int = 5) -> tuple[tuple[Similar, ...], tuple[Remedy, ...]]:
        """(past incidents like this one, what was tried in them and how often it was proven), best first."""
        with self._store.read() as session:
            past = [
                each for each in session.incidents_like(incident.service, incident.pattern) if each.id != incident.id
            ]
            past = past if incident.service else [each for each in past if each.host == incident.host or each.service]
            runs = session.runs_of_incidents([*(each.id for each in past), incident.id])
        runs = [run for run in runs if run.incident != incident.id or run.created_at < incident.opened_at - 1.0]
        near = [each.id for each in past if similar.likeness(incident, each)[0] >= similar.NEAR]
        return similar.rank(incident, past, runs, limit), similar.remedies(runs, [*near, incident.id])

    def impact(self, incident: Incident) -> tuple[Blocked, ...]:
        """Who is blocked by it, as they are now; nearest first."""
        return impact.of_incident(incident, self._holder.current, self._journal.settled())

    def parts(self, incident: Incident) -> tuple[Part, ...]:
        """What was held under it, and what was merged into it, each with its truth of now."""
        with self._store.read() as session:
            return parts_of(session, self._holder.current, incident, self._journal.settled())

    def stages_of(self, incident: Incident) -> tuple[Stage, ...]:
        """The clock of one incident."""
        with self._store.read() as session:
            told = session.delivered_times([incident.id])
        return stages.stages(incident, [(made, at) for _, made, at in told])

    def stages(self, since: float, until: float) -> StageFigures:
        """Medians per stage of the incidents closed in since <= t < until, and how response times were kept."""
        with self._store.read() as session:
            closed = session.closed_between(since, until)
            told: dict[int, list[tuple[float, float]]] = {}
            for number, made, at in session.delivered_times([each.id for each in closed]):
                told.setdefault(number, []).append((made, at))
        return stages.figures([(each, told.get(each.id, [])) for each in closed], since, until)

    def postmortem(self, number: int) -> str:
        """A draft of the post-mortem in Markdown, from what is kept; a person finishes it."""
        incident = self.get(number)
        return write_postmortem(
            self._store, self._holder.current, incident, self.suspects(incident), self.stages_of(incident),
            self.impact(incident), self.parts(incident), self.alike(incident), self._clock(),
        )  # fmt: skip
