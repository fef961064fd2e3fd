"""The link in a message that lets its reader say "I have it", without signing in.

Its key names one opening of one incident and the channel that it was sent on, is signed, and ends after a day, with the
incident, or when somebody has it. Whoever holds it can do this one thing and nothing else; a look at it does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, NotFound
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Team
from watchkeeper.core.notifications import Message
from watchkeeper.services.incidents import Incidents
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.keys import Keys

PURPOSE = "acknowledge"
LASTS_S = 24 * 3600.0
LINKED = ("opened", "escalated")


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link stands for now. refusal: why its button is gone, "" while it is there. who: as whom it acts."""

    incident: Incident
    channel: str
    who: str
    refusal: str = ""


class Acknowledgements:
    """Makes the addresses in messages and honours them."""

    def __init__(self, incidents: Incidents, keys: Keys, holder: InventoryHolder) -> None:
        self._incidents = incidents
        self._keys = keys
        self._holder = holder

    def linked(self, message: Message, channel: str) -> Message:
        """The message with its link, where the page has a public address: off this machine that one is https.

        The same message gets the same link at every retry.
        """
        base, opening = self._holder.current.team.web_url, message.facts.get("opening", "")
        if not base or not opening or message.kind not in LINKED or message.incident is None:
            return message
        key = self._keys.sign(PURPOSE, f"{opening}:{channel}", message.at + LASTS_S)
        return replace(message, acknowledge=f"{base}/ack/{key}")

    def look(self, key: str) -> Invitation:
        """What the link asks. Raises `Forbidden` when the key is not ours or has expired."""
        opening, _, channel = self._keys.verify(PURPOSE, key).partition(":")
        number, _, turn = opening.partition(".")
        try:
            incident = self._incidents.get(int(number))
        except (ValueError, NotFound):
            raise Forbidden("This link is of an incident that is not there.", "Use the newest message.") from None
        who = who_reads(self._holder.current.team, channel)
        return Invitation(incident, channel, who, _refusal(incident, turn))

    def accept(self, key: str) -> Incident:
        """Acknowledge. Raises `Forbidden`, also when the link has done its work."""
        invitation = self.look(key)
        if invitation.refusal:
            raise Forbidden(invitation.refusal, "Nothing was changed.")
        return self._incidents.acknowledge(invitation.incident.id, Actor("person", invitation.who, "operator"))


def _refusal(incident: Incident, turn: str) -> str:
    if str(incident.reopened) != turn:
        return "It came back since this message was sent. Use the newest message."
    if incident.status is Status.CLOSED:
        return "It is closed."
    if incident.acknowledged_at is not None:
        return f"{incident.acknowledged_by} has it."
    return ""


def who_reads(team: Team, channel: str) -> str:
    """The one person whose channel this is; else that it was somebody who got the link there."""
    names = [each.name for each in team.telling.people.values() if channel in each.channels]
    return names[0] if len(names) == 1 else f"somebody by the link of channel {channel}"
