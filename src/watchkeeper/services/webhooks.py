"""Telling programs of the team what happens: each follows timelines and log at its own pace, and misses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from watchkeeper.core import webhooks as rules
from watchkeeper.core.access import TEAM, assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound, Usage, WatchkeeperError
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.webhooks import Webhook, WebhookState
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.ports.notifiers import DeliveryError
from watchkeeper.services.ports.webhooks import WebhookPort

_SETTING = "webhook "


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is sent at once, and how far its receiver is afterwards."""

    events: tuple[dict[str, Any], ...]
    event: int
    entry: int


class Webhooks:
    """The receivers of watchkeeper.yaml. secret: the value of a secret by name; redact: takes known secrets out."""

    def __init__(
        self, store: StorePort, port: WebhookPort, holder: InventoryHolder, clock: Clock, secret: Callable[[str], str],
        redact: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._store, self._port, self._holder, self._clock = store, port, holder, clock
        self._secret, self._redact = secret, redact

    def all(self) -> list[tuple[Webhook, WebhookState]]:
        """Every receiver with how far it is."""
        with self._store.read() as session:
            return [(each, _state(session, each)) for each in self._holder.current.team.webhooks]

    def beat(self) -> None:
        """Send to each receiver what is new; one that fails is left alone for a while and holds up nobody else."""
        for webhook in self._holder.current.team.webhooks:
            while self._sent(webhook):
                pass

    def test(self, name: str, actor: Actor) -> str:
        """Send one event of the type ``test`` now; "" when it was taken, else why not."""
        assert_allowed(actor, "webhooks", TEAM)
        webhook = self._named(name)
        event = {"id": "test", "type": "test", "at": None, "actor": actor.name, "text": "A test of this webhook."}
        return self._posted(webhook, [event])

    def replay(self, name: str, event: int | None, entry: int | None, actor: Actor) -> WebhookState:
        """Begin again behind these numbers, for a receiver that lost what it had. None: from where it is."""
        assert_allowed(actor, "webhooks", TEAM)
        webhook = self._named(name)
        if (event is not None and event < 0) or (entry is not None and entry < 0):
            raise Usage("A number to begin behind is 0 or more.", "0 begins with the first.")

        def work(session: Session) -> WebhookState:
            now = _state(session, webhook)
            newest = _newest(session)
            state = WebhookState(
                min(now.event if event is None else event, newest.event),
                min(now.entry if entry is None else entry, newest.entry), now.delivered_at,
            )  # fmt: skip
            _keep(session, webhook, state)
            return state

        return self._store.write(work)

    # ---- how ---------------------------------------------------------------------------------------------------------

    def _sent(self, webhook: Webhook) -> bool:
        """One request; True when there may be more at once."""
        with self._store.read() as session:
            known = session.setting(_SETTING + webhook.name) is not None
            state = _state(session, webhook)
            if known and state.due_at > self._clock():
                return False
            batch = self._batch(session, webhook, state)
        if not known:  # from now on: what was before it is not news
            self._store.write(lambda session: _keep(session, webhook, _state(session, webhook)))
        if (batch.event, batch.entry) == (state.event, state.entry):
            return False
        error = self._posted(webhook, batch.events) if batch.events else ""
        now = self._clock()
        if error:
            after = replace(state, tries=state.tries + 1, error=error, due_at=now + rules.pause_s(state.tries + 1))
        else:
            delivered = now if batch.events else state.delivered_at
            after = WebhookState(batch.event, batch.entry, delivered)
        self._store.write(lambda session: _keep(session, webhook, after))
        return not error

    def _batch(self, session: Session, webhook: Webhook, state: WebhookState) -> _Batch:
        link = self._holder.current.team.web_url
        incidents: dict[int, Incident] = {}
        found: list[dict[str, Any]] = []
        events = session.events_after(state.event, rules.MOST)
        for event in events:
            if rules.wanted(webhook.events, f"incident.{event.kind}"):
                incident = incidents.setdefault(event.incident, session.incident(event.incident))
                found.append(rules.of_event(event, incident, link))
        entries = session.entries_after(state.entry, rules.MOST)
        found += [rules.of_entry(each, link) for each in entries if rules.wanted(webhook.events, rules.type_of(each))]
        found.sort(key=lambda each: str(each["at"]))
        return _Batch(
            tuple(found), events[-1].id if events else state.event, entries[-1].number if entries else state.entry
        )

    def _posted(self, webhook: Webhook, events: Any) -> str:
        body = json.dumps(rules.body_of(webhook.name, events, self._clock()), ensure_ascii=False)
        headers = {"X-Watchkeeper-Webhook": webhook.name, "X-Watchkeeper-Key": str(events[-1]["id"])}
        try:
            url = (
                self._secret(webhook.url.removeprefix("secret:")) if webhook.url.startswith("secret:") else webhook.url
            )
            self._port.post(url, self._redact(body).encode(), headers, self._secret(webhook.secret), webhook.timeout_s)
        except DeliveryError as error:
            return self._redact(str(error))
        except WatchkeeperError as error:
            return error.sentence
        return ""

    def _named(self, name: str) -> Webhook:
        for each in self._holder.current.team.webhooks:
            if each.name == name:
                return each
        names = ", ".join(each.name for each in self._holder.current.team.webhooks) or "none"
        raise NotFound(f"There is no webhook {name[:80]}.", f"Declared in watchkeeper.yaml: {names}.")


def _newest(session: Session) -> WebhookState:
    entries = session.entries(limit=1)
    return WebhookState(session.newest_event(), entries[0].number if entries else 0)


def _state(session: Session, webhook: Webhook) -> WebhookState:
    """How far it is; a receiver that is seen for the first time begins with what comes next."""
    kept = session.setting(_SETTING + webhook.name)
    return WebhookState(**json.loads(kept)) if kept else _newest(session)


def _keep(session: Session, webhook: Webhook, state: WebhookState) -> None:
    session.set_setting(_SETTING + webhook.name, json.dumps(asdict(state)))
