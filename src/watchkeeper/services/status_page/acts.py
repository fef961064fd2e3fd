"""What is posted: by itself when an incident opens and is proven over, and by operators in their own words.

An update is never changed: who wants to say it otherwise says the next one. Every act is in the timeline of the incident
and in the audit trail, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import WATCHKEEPER, Actor
from watchkeeper.core.audit import AuditEvent
from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.incidents.values import ALIVE, Ending, Event, Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.status_page import (
    BADNESS,
    LONGEST_TITLE,
    OF_STATE,
    Notice,
    PublicState,
    Stage,
    StatusPagePolicy,
    Update,
    affected,
    again_words,
    first_title,
    first_words,
    last_words,
    said,
    shown_names,
    stage_of,
)
from watchkeeper.core.times import zone_of
from watchkeeper.services.access import on_incident
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort
from watchkeeper.services.windows.muting import muted_incident

SHOWN_CHARACTERS = 200


class Posting:
    """Writes on the status page. redact: takes known secrets out of a text."""

    def __init__(
        self,
        store: StorePort,
        journal: JournalPort,
        holder: InventoryHolder,
        clock: Clock,
        redact: Callable[[str], str],
    ) -> None:
        self._store, self._journal, self._holder, self._clock, self._redact = store, journal, holder, clock, redact

    # ---- what happens by itself ---------------------------------------------------------------------------------------

    def beat(self) -> int:
        """Publish what is due and end what is proven; how many notices were changed. Cheap while there is nothing."""
        inventory = self._holder.current
        policy, now = inventory.team.status_page, self._clock()
        if policy is None:
            return 0
        with self._store.read() as session:
            notices = session.open_notices()
            alive = session.incidents(Status.OPEN, limit=200)
            due = [each.id for each in alive if self._due(session, policy, each, now)]
            over = [each.id for each in notices if session.incident(each.incident).status is Status.CLOSED]
        if not due and not over:
            return 0
        settled = self._journal.settled()

        def work(session: Session) -> int:
            done = sum(self._publish(session, policy, inventory, session.incident(each), settled, now) for each in due)
            return done + sum(self._end(session, policy, inventory, session.notice(each)) for each in over)

        return self._store.write(work)

    def _due(self, session: Session, policy: StatusPagePolicy, incident: Incident, now: float) -> bool:
        """Whether something about an open incident is to be written: it appears, or it came back."""
        notice = session.notice_of(incident.id)
        if notice is not None and notice.ended_at is not None:
            return True
        if policy.publish != "auto" or incident.severity not in policy.severities:
            return False
        if notice is not None and notice.withdrawn_at is not None:
            return False
        if notice is not None and notice.published_at is not None:
            return notice.created_by == WATCHKEEPER.name and self._grew(policy, notice, incident)
        if now < incident.opened_at + policy.after_s:
            return False
        inventory = self._holder.current
        suffers = affected(policy, inventory, incident, self._journal.settled())[0]
        return bool(suffers) and muted_incident(session, inventory, incident, now) is None

    def _grew(self, policy: StatusPagePolicy, notice: Notice, incident: Incident) -> bool:
        keys, impact = affected(policy, self._holder.current, incident, self._journal.settled())
        return not set(keys) <= set(notice.components) or BADNESS.index(impact) > BADNESS.index(notice.impact)

    def _publish(
        self, session: Session, policy: StatusPagePolicy, inventory: Inventory, incident: Incident,
        settled: Mapping[str, Settled], now: float,
    ) -> int:  # fmt: skip
        notice = session.notice_of(incident.id)
        keys, impact = affected(policy, inventory, incident, settled)
        if incident.status is not Status.OPEN:
            return 0
        if notice is not None and notice.ended_at is not None:
            return self._again(session, policy, notice, now)
        if not keys:
            return 0
        if notice is not None and notice.published_at is not None:
            worse = max(notice.impact, impact, key=BADNESS.index)
            names = tuple(dict.fromkeys((*notice.components, *keys)))
            title = first_title(shown_names(policy, names), worse)
            session.save_notice(replace(notice, components=names, impact=worse, title=title))
            return 1
        names = shown_names(policy, keys)
        if notice is None:
            notice = session.add_notice(
                Notice(
                    0, incident.id, first_title(names, impact), keys, impact, "investigating", incident.opened_at, now,
                    WATCHKEEPER.name,
                )
            )  # fmt: skip
        session.save_notice(replace(notice, published_at=now))
        self._say(session, notice, WATCHKEEPER, "investigating", first_words(names, impact), now, now)
        return 1

    def _again(self, session: Session, policy: StatusPagePolicy, notice: Notice, now: float) -> int:
        session.save_notice(replace(notice, ended_at=None, proven=False, stage="investigating"))
        if notice.public:
            words = again_words(shown_names(policy, notice.components))
            self._say(session, notice, WATCHKEEPER, "investigating", words, now, now)
        return 1

    def _end(self, session: Session, policy: StatusPagePolicy, inventory: Inventory, notice: Notice) -> int:
        """Its incident is closed: with the time of the proof, or as what it is when nobody proved it."""
        incident = session.incident(notice.incident)
        if notice.ended_at is not None or incident.status is not Status.CLOSED or incident.closed_at is None:
            return 0
        proven = incident.ending is not Ending.UNPROVEN
        session.save_notice(replace(notice, ended_at=incident.closed_at, proven=proven, stage="resolved"))
        if notice.public:
            moment = datetime.fromtimestamp(incident.closed_at, zone_of(inventory.team.timezone))
            clock = f"{moment:%H:%M} {moment.tzname() or ''}".strip()
            words = last_words(shown_names(policy, notice.components), proven, clock)
            at = max(self._clock(), incident.closed_at)
            self._say(session, notice, WATCHKEEPER, "resolved", words, at, at)
        return 1

    # ---- what operators do ---------------------------------------------------------------------------------------------

    def post(
        self, number: int, actor: Actor, text: str, stage: str = "", draft: bool = False, title: str = "",
        impact: str = "", components: Sequence[str] = (),
    ) -> tuple[Notice, Update]:  # fmt: skip
        """Say something about an incident; a draft waits for `publish_update`. The first words make the notice.

        stage: "" keeps the one before. title, impact, components: "" and empty keep them, or take them from the incident.
        Raises `Usage`, `Forbidden`, `NotFound`.
        """
        words = said(self._redact(text))
        named = said(self._redact(" ".join(title.split())), LONGEST_TITLE, "The title") if title.strip() else ""
        settled = self._journal.settled()
        inventory, now = self._holder.current, self._clock()
        policy = self._policy()

        def work(session: Session) -> tuple[Notice, Update]:
            incident = self._allowed(session, number, actor)
            notice = session.notice_of(number)
            if notice is not None and notice.withdrawn_at is not None and not draft:
                raise Usage(
                    f"What the page said about incident {number} was withdrawn: {notice.withdrawn_why}",
                    f"Put it back first: wk statuspage publish {number}.",
                )
            kept = notice or self._begun(policy, inventory, incident, settled, actor, components, now)
            chosen = _stage(stage, kept, incident)
            kept = replace(
                kept, title=named or kept.title, impact=_impact(impact, kept.impact),
                components=_known(policy, components) or kept.components,
            )  # fmt: skip
            if not draft:
                kept = replace(kept, stage=chosen, published_at=kept.published_at or now)
            if notice is None:
                kept = session.add_notice(kept)
            else:
                session.save_notice(kept)
            return kept, self._say(session, kept, actor, chosen, words, now, None if draft else now)

        return self._store.write(work)

    def publish_update(self, number: int, actor: Actor) -> tuple[Notice, Update]:
        """A draft becomes public. Raises `Usage` when it is public or discarded already."""
        now = self._clock()

        def work(session: Session) -> tuple[Notice, Update]:
            update = _draft(session.update(number))
            notice = session.notice(update.notice)
            incident = self._allowed(session, notice.incident, actor)
            if notice.withdrawn_at is not None:
                raise Usage(
                    f"What the page said about incident {notice.incident} is withdrawn.",
                    f"Put it back first: wk statuspage publish {notice.incident}.",
                )
            stage = _stage(update.stage, notice, incident)
            shown = replace(update, published_at=now, published_by=actor.name)
            session.save_update(shown)
            notice = replace(notice, stage=stage, published_at=notice.published_at or now)
            session.save_notice(notice)
            self._kept(
                session, notice, actor, "status_page.publish", f"Draft {number} published: {_short(update.text)}"
            )
            return notice, shown

        return self._store.write(work)

    def discard(self, number: int, actor: Actor) -> Update:
        """A draft that nobody will publish; it stays on record."""
        now = self._clock()

        def work(session: Session) -> Update:
            update = _draft(session.update(number))
            notice = session.notice(update.notice)
            self._allowed(session, notice.incident, actor)
            session.save_update(replace(update, discarded_at=now))
            self._kept(
                session, notice, actor, "status_page.discard", f"Draft {number} discarded: {_short(update.text)}"
            )
            return replace(update, discarded_at=now)

        return self._store.write(work)

    def publish(self, number: int, actor: Actor) -> Notice:
        """An incident goes on the page with the words that watchkeeper has for it; one that was withdrawn comes back."""
        settled = self._journal.settled()
        inventory, now = self._holder.current, self._clock()
        policy = self._policy()

        def work(session: Session) -> Notice:
            incident = self._allowed(session, number, actor)
            notice = session.notice_of(number)
            if notice is not None and notice.public:
                raise Usage(
                    f"Incident {number} is on the page already.", f"Say more: wk statuspage post {number} TEXT."
                )
            if notice is not None and notice.withdrawn_at is not None:
                back = replace(
                    notice,
                    withdrawn_at=None,
                    withdrawn_by="",
                    withdrawn_why="",
                    published_at=notice.published_at or now,
                )
                session.save_notice(back)
                self._kept(session, back, actor, "status_page.publish", "Put back on the status page.")
                return back
            made = notice or session.add_notice(self._begun(policy, inventory, incident, settled, actor, (), now))
            shown = replace(made, published_at=now)
            session.save_notice(shown)
            words = first_words(shown_names(policy, made.components), made.impact)
            self._say(session, shown, actor, made.stage, words, now, now)
            return shown

        return self._store.write(work)

    def withdraw(self, number: int, actor: Actor, why: str) -> Notice:
        """Take what was said about an incident off the page, with a reason that stays here. Nothing of it is deleted."""
        reason, now = said(self._redact(" ".join(why.split())), 500, "The reason"), self._clock()

        def work(session: Session) -> Notice:
            self._allowed(session, number, actor)
            notice = session.notice_of(number)
            if notice is None or not notice.public:
                raise Usage(f"Incident {number} is not on the page.", "See what is: wk statuspage list.")
            gone = replace(notice, withdrawn_at=now, withdrawn_by=actor.name, withdrawn_why=reason)
            session.save_notice(gone)
            self._kept(session, gone, actor, "status_page.withdraw", f"Taken off the status page: {reason}")
            return gone

        return self._store.write(work)

    # ---- shared -----------------------------------------------------------------------------------------------------------

    def _policy(self) -> StatusPagePolicy:
        policy = self._holder.current.team.status_page
        if policy is None:
            raise Usage(
                "There is no status page: watchkeeper.yaml has no key 'status_page'.",
                "Declare it: docs/how-to/status-page.md.",
            )
        return policy

    def _allowed(self, session: Session, number: int, actor: Actor) -> Incident:
        incident = session.incident(number)
        assert_allowed(actor, "status_page.write", *on_incident(self._holder.current, incident))
        return incident

    def _begun(
        self, policy: StatusPagePolicy, inventory: Inventory, incident: Incident, settled: Mapping[str, Settled], actor: Actor,
        components: Sequence[str], now: float,
    ) -> Notice:  # fmt: skip
        keys, impact = affected(policy, inventory, incident, settled)
        keys = _known(policy, components) or keys
        if not keys:
            raise Usage(
                f"Incident {incident.id} touches no part of the status page.",
                f"Name one: --component {policy.shown[0].key}." if policy.shown else "All its parts are hidden.",
            )
        if impact == "works":
            held = (each.state for each in incident.checks)  # an incident of another program's alert holds no check
            impact = OF_STATE[max(held, key=lambda state: state.rank, default=State.CRIT)]
        over = incident.status not in ALIVE
        return Notice(
            0, incident.id, first_title(shown_names(policy, keys), impact), keys, impact,
            "resolved" if over else "investigating", incident.opened_at, now, actor.name,
            ended_at=incident.closed_at if over else None, proven=over and incident.ending is not Ending.UNPROVEN,
        )  # fmt: skip

    def _say(
        self, session: Session, notice: Notice, actor: Actor, stage: Stage, text: str, now: float, shown: float | None
    ) -> Update:
        update = session.add_update(
            Update(0, notice.id, now, stage, text, actor.name, shown, actor.name if shown is not None else "")
        )
        what = (
            f"On the status page, {stage}" if shown is not None else f"Draft {update.id} for the status page, {stage}"
        )
        self._kept(
            session,
            notice,
            actor,
            "status_page.post" if shown is not None else "status_page.draft",
            f"{what}: {_short(text)}",
        )
        return update

    def _kept(self, session: Session, notice: Notice, actor: Actor, act: str, words: str) -> None:
        """In the timeline of the incident, and in the audit trail."""
        now = self._clock()
        session.add_event(Event(0, notice.incident, now, "public", actor.name, words))
        session.add_audit_event(
            AuditEvent(
                0, now, actor.name, actor.kind, act, f"incident {notice.incident}", via=actor.via, address=actor.address,
                detail=words,
            )
        )  # fmt: skip


def _stage(asked: str, notice: Notice, incident: Incident) -> Stage:
    """The stage of an update. While the incident is open only proof says that it is over."""
    over = incident.status not in ALIVE
    if not asked:
        return "resolved" if over else notice.stage if notice.stage != "resolved" else "investigating"
    stage = stage_of(asked)
    if stage == "resolved" and not over:
        raise Usage(
            f"Incident {incident.id} is not proven to be over, so the page does not say so yet.",
            "Say watching (--stage watching); once the checks have proven it, the page says resolved by itself, with the time.",
        )
    return "resolved" if over else stage


def _impact(asked: str, before: PublicState) -> PublicState:
    if not asked:
        return before
    if asked not in ("slow", "down", "unknown"):
        raise Usage(f"{asked[:20]!r} is no impact.", "It is slow, down or unknown.")
    return asked  # type: ignore[return-value]


def _known(policy: StatusPagePolicy, keys: Sequence[str]) -> tuple[str, ...]:
    shown = [each.key for each in policy.shown]
    strange = next((each for each in keys if each not in shown), None)
    if strange is not None:
        raise NotFound(f"There is no part {strange[:60]} on the status page.", f"There are: {', '.join(shown)}.")
    return tuple(each for each in shown if each in keys)


def _draft(update: Update) -> Update:
    if update.published_at is not None or update.discarded_at is not None:
        what = "public" if update.published_at is not None else "discarded"
        raise Usage(
            f"Update {update.id} is {what} already; what was said stays.", "Post a new one to say it otherwise."
        )
    return update


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 3] + "..."
