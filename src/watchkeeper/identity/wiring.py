"""What sign-in needs of the rest of the program: the team's name, and the audit trail.

`bootstrap` connects it once; Django makes the adapters and calls the receivers by itself, so they ask here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.core.actors import Actor
from watchkeeper.core.audit import Outcome
from watchkeeper.services.audit import Audit


@dataclass(frozen=True, slots=True)
class Wiring:
    """team: what the team is called now. audit: where acts are told; None: nowhere, before anything is connected."""

    team: Callable[[], str] = lambda: "watchkeeper"
    audit: Audit | None = None

    def tell(self, act: str, name: str, resource: str, outcome: Outcome, address: str, detail: str) -> None:
        """One act of a browser; ``name``: of the account, or ``nobody``. Never within a transaction of Django."""
        if self.audit is None:
            return
        actor = Actor("person", name, via="page", address=address)
        if outcome == "refused":
            self.audit.refused(actor, act, resource, detail)
        else:
            self.audit.note(actor, act, resource, detail, outcome)


_wiring = Wiring()


def connect(team: Callable[[], str], audit: Audit) -> None:
    """From now on sign-in tells this trail. Django must be set up."""
    from watchkeeper.identity import trail

    global _wiring
    _wiring = Wiring(team, audit)
    trail.listen()


def wiring() -> Wiring:
    """What was connected last."""
    return _wiring
