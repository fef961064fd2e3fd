"""Keeping who may sign in and call: accounts, API tokens, and the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from watchkeeper.core.accounts import Account, Token
from watchkeeper.core.audit import AuditEvent


class AccountRows(Protocol):
    """Part of the Session. Digests go in and are never given out."""

    def accounts(self) -> list[Account]:
        """All, by name."""
        ...

    def account(self, name: str) -> Account:
        """Raises `NotFound`."""
        ...

    def account_by_id(self, number: int) -> Account | None: ...
    def account_of_unix_user(self, name: str) -> Account | None:
        """The agent whose calls those of this Unix user are."""
        ...

    def any_person(self) -> bool:
        """Whether somebody can prove who he is: a person who accepted an invitation or has had a token."""
        ...

    def add_account(self, account: Account) -> Account:
        """Raises `Locked` when the name is taken."""
        ...

    def save_account(self, account: Account) -> None: ...
    def remove_account(self, name: str) -> None:
        """The row goes with its second factors and sessions; tokens stay, revoked, as a record. Raises `NotFound`."""
        ...

    def set_invitation(self, name: str, digest: str, until: float | None) -> None:
        """A new key of an invitation; the one before is void. digest "" and None: there is none any more."""
        ...

    def end_invitations(self) -> int:
        """No key of an invitation opens anything any more; how many those were."""
        ...

    def invited(self, digest: str) -> Account | None:
        """Whose invitation has a key with this digest; also one whose time is over."""
        ...

    def remove_factors(self, account: int) -> int:
        """The authenticators, passkeys and recovery codes of an account go; how many."""
        ...

    def end_sessions(self, account: int | None = None) -> int:
        """Sign out a person in every browser, by the number of the account; None: everybody. How many sessions ended."""
        ...

    def add_token(self, token: Token, digest: str) -> Token: ...
    def save_token(self, token: Token) -> None: ...
    def token(self, number: int) -> Token:
        """Raises `NotFound`."""
        ...

    def token_by_digest(self, digest: str) -> Token | None: ...
    def tokens(self, account: str = "") -> list[Token]:
        """Newest first, those that ended too."""
        ...

    def use_tokens(self, used: Mapping[int, tuple[float, str]]) -> None:
        """When and from where tokens were used last."""
        ...

    def revoke_tokens(self, now: float, by: str, account: str = "") -> int:
        """Revoke all that hold; of one account, or of everybody. How many those were."""
        ...

    def add_audit_event(self, event: AuditEvent) -> AuditEvent: ...
    def audit_events(
        self, limit: int = 50, before: int | None = None, actor: str = "", act: str = "", since: float | None = None,
        outcome: str = "",
    ) -> list[AuditEvent]:  # fmt: skip
        """Newest first. act: whole, or what it begins with before a dot (``token`` finds ``token.add``)."""
        ...
