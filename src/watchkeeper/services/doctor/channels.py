"""Channels as the doctor sees them, and the test message that goes the way of every page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.delivery.channels import health_of
from watchkeeper.core.errors import Locked, NotFound, Usage
from watchkeeper.core.inventory.values import Channel
from watchkeeper.core.notifications import Message, Notification, is_held
from watchkeeper.core.times import format_duration
from watchkeeper.services.doctor.findings import Finding
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

PAUSE_S = 30.0
"""Between two test messages on one channel: a test must not become a flood on somebody's phone."""
PATIENCE_S = 5.0
"""Longer than the channel's own timeout that its answer is waited for: the outbox may be at another page."""
LONGEST_S = 45.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test message ended. ok None: it is not known yet."""

    channel: str
    ok: bool | None
    sentence: str
    duration_s: float = 0.0


def examine(store: StorePort, holder: InventoryHolder, now: float) -> list[Finding]:
    """What is declared, how each channel is by its last attempts, and what waits in the outbox."""
    team = holder.current.team
    if not team.channels:
        words = "No channel is declared: nobody can be told."
        return [Finding("channels", State.CRIT, words, "Add channels to watchkeeper.yaml.")]
    with store.read() as session:
        waiting = [each for each in session.notifications(undelivered=True) if each.folded_into is None]
        healths = {each.name: health_of(session.last_attempts(each.name)) for each in team.channels}
    failed = [each for each in waiting if each.failed]
    held = [each for each in waiting if is_held(each, now)]
    moving = [each for each in waiting if not each.failed and each not in held]
    names = ", ".join(channel.name for channel in team.channels)
    if failed:
        words = f"{_count(failed)} not delivered; newest: {failed[0].last_error or 'no channel'}"
        mend = "Mend the channel in watchkeeper.yaml; delivery goes on by itself. Try it: wk doctor --send-test."
        return [Finding("channels", State.CRIT, words, mend)]
    down = [(name, health) for name, health in healths.items() if health.down]
    if down:
        words = "; ".join(f"{name} is down: {health.error}" for name, health in down)
        left = len(team.channels) - len(down)
        mend = "Mend it; meanwhile the others take its messages." if left else "Mend it: nobody can be told now."
        return [
            Finding("channels", State.WARN if left else State.CRIT, words, f"{mend} Try it: wk doctor --send-test.")
        ]
    if moving:
        words = f"{names}; {len(moving)} on the way, newest: {moving[0].last_error or 'just being sent'}"
        return [Finding("channels", State.WARN, words, "It is tried again by itself; look again in a minute.")]
    waits = f"; {len(held)} held, to be told together" if held else "; nothing waits"
    return [Finding("channels", State.OK, f"{names}{waits}")]


def _count(found: list[Notification]) -> str:
    return "1 page was" if len(found) == 1 else f"{len(found)} pages were"


class ChannelTests:
    """Sends a clearly marked message through the outbox, as every page goes, and waits for what became of it."""

    def __init__(
        self, store: StorePort, holder: InventoryHolder, clock: Clock, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._sleep = sleep

    def send(self, actor: Actor, name: str = "") -> list[Outcome]:
        """To one channel, or to all. Raises `Forbidden`, `NotFound`, `Usage` without channels, `Locked` when too soon."""
        assert_allowed(actor, "channels.test")
        channels = self._named(name)
        sent = self._store.write(lambda session: [self._put(session, each, actor) for each in channels])
        return [self._ended(notification, channel) for notification, channel in zip(sent, channels, strict=True)]

    def _named(self, name: str) -> list[Channel]:
        channels = list(self._holder.current.team.channels)
        if not channels:
            raise Usage("No channel is declared, so there is nothing to test.", "Add channels to watchkeeper.yaml.")
        found = [each for each in channels if name in ("", each.name)]
        if not found:
            known = ", ".join(each.name for each in channels)
            raise NotFound(f"There is no channel {name} in watchkeeper.yaml.", f"Its channels: {known}.")
        return found

    def _put(self, session: Session, channel: Channel, actor: Actor) -> Notification:
        now = self._clock()
        for earlier in session.notifications(limit=200):
            left = earlier.created_at + PAUSE_S - now
            if earlier.message.kind == "test" and channel.name in earlier.channels and left > 0:
                raise Locked(
                    f"A test message went to {channel.name} {format_duration(now - earlier.created_at)} ago; nothing was sent.",
                    f"Once in {PAUSE_S:g} s is allowed: try again in {left:.0f} s.",
                )
        message = Message(
            key=f"test-{channel.name}-{now:.3f}",
            kind="test",
            title=f"TEST of channel {channel.name}, nothing is wrong",
            body=f"{actor.name} asked for this test message (wk doctor --send-test). No answer is needed.",
        )
        return session.add_notification(Notification(0, message, (channel.name,), 0, 0, now, now))

    def _ended(self, notification: Notification, channel: Channel) -> Outcome:
        until = notification.created_at + min(channel.timeout_s + PATIENCE_S, LONGEST_S)
        while True:
            with self._store.read() as session:
                attempts = session.attempts(notification.id)
            if attempts:
                newest = attempts[0]
                words = "took the test message" if newest.ok else f"did not take it: {newest.error}"
                return Outcome(channel.name, newest.ok, f"{channel.name} {words}", newest.duration_s)
            if self._clock() >= until:
                words = "has not answered yet; the outbox is at work on it. Look again: wk doctor"
                return Outcome(channel.name, None, f"{channel.name} {words}", self._clock() - notification.created_at)
            self._sleep(0.1)
