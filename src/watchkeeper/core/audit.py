"""The audit trail: every act that matters to security, whether it was allowed or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["done", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One act. act: ``sign-in``, ``token.make``, ``approve`` ...; resource: on what; via, address: how and from where."""

    id: int
    at: float
    actor: str
    kind: str
    act: str
    resource: str = ""
    outcome: Outcome = "done"
    via: str = ""
    address: str = ""
    detail: str = ""
