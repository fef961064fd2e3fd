"""API tokens: made, shown once, found by their digest, revoked. A token reaches at most as far as its owner does."""

from __future__ import annotations

import dataclasses
import logging
import secrets
import threading
from dataclasses import dataclass

from watchkeeper.core import accounts as rules
from watchkeeper.core.access import SCOPES, assert_allowed
from watchkeeper.core.accounts import Account, Token
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.log.values import Draft
from watchkeeper.services.accounts import Accounts, digest
from watchkeeper.services.audit import audited
from watchkeeper.services.ports import Clock, Session, StorePort

log = logging.getLogger(__name__)
MOST_PER_ACCOUNT = 100
LONGEST_S = 3650 * 86_400.0
SEEN_S = 60.0
"""How often the last use of a token is written at most."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new token and its text, which is shown now and never again."""

    token: Token
    text: str


class Tokens:
    """What people do about tokens, and what the door asks of them."""

    def __init__(self, store: StorePort, accounts: Accounts, clock: Clock) -> None:
        self._store, self._accounts, self._clock = store, accounts, clock
        self._guard = threading.Lock()
        self._used: dict[int, tuple[float, str]] = {}
        self._written: dict[int, float] = {}

    # ---- what people do ----

    def add(
        self, label: str, actor: Actor, account: str = "", scope: str = "act", services: str = "*",
        lasts_s: float | None = rules.TOKEN_LASTS_S,
    ) -> Made:  # fmt: skip
        """A new token of an account (default: one's own). lasts_s: None for one without an end, for agents only.

        It never reaches further than what it was made with. Raises `Forbidden`, `NotFound`, `Usage`.
        """
        name = account or actor.name
        assert_allowed(actor, "tokens.own" if name == actor.name else "tokens.others")
        now, label, wanted = self._clock(), rules.label_word(label), rules.scope_word(scope)
        rules.services_word(services)
        if SCOPES.index(wanted) > SCOPES.index(actor.scope) or (actor.services != "*" and services != actor.services):
            raise Forbidden(
                "A token cannot make one that reaches further than itself.", "Sign in on the page, and make it there."
            )
        if lasts_s is not None and not 60 <= lasts_s <= LONGEST_S:
            raise Usage("A token holds between a minute and ten years.", "Give --expires 90d.")
        text = rules.token_text("".join(secrets.choice(rules.LETTERS) for _ in range(rules.SECRET_LETTERS)))
        token = Token(0, name, label, wanted, services, now, actor.name, None if lasts_s is None else now + lasts_s)

        def work(session: Session) -> Token:
            owner = _owner(session, name)
            if owner.kind == "person" and lasts_s is None:
                raise Usage("A token of a person has an end.", "Give --expires 365d.")
            live = [each for each in session.tokens(name) if is_live(each, now)]
            if len(live) >= MOST_PER_ACCOUNT:
                raise Usage(f"{name} has {len(live)} tokens that hold.", "Revoke those nobody uses: wk token.")
            if owner.accepted_at is None:
                session.save_account(dataclasses.replace(owner, accepted_at=now))
                self._accounts.assert_an_admin_is_left(session)
            kept = session.add_token(token, digest(text))
            until = "without an end" if lasts_s is None else f"for {lasts_s / 86_400:g} d"
            what = f"Token {kept.id} of {name} ({label}): {wanted} on {services}, {until}."
            self._say(session, "token.add", kept, what, actor)
            return kept

        return Made(self._store.write(work), text)

    def listed(self, actor: Actor, account: str = "") -> list[Token]:
        """Newest first: one's own; of others (a name, or ``*`` for everybody) for admins."""
        name = account or actor.name
        if name != actor.name:
            assert_allowed(actor, "tokens.revoke")
        with self._store.read() as session:
            kept = session.tokens("" if name == "*" else name)
        with self._guard:
            used = dict(self._used)
        return [
            dataclasses.replace(each, last_used_at=used[each.id][0], last_used_from=used[each.id][1])
            if each.id in used else each
            for each in kept
        ]  # fmt: skip

    def revoke(self, number: int, actor: Actor) -> Token:
        """It is refused from the next call on; one that ended already stays as it is."""

        def work(session: Session) -> Token:
            token = session.token(number)
            if token.account != actor.name:
                assert_allowed(actor, "tokens.revoke")
            if token.revoked_at is not None:
                return token
            token = dataclasses.replace(token, revoked_at=self._clock(), revoked_by=actor.name)
            session.save_token(token)
            self._say(
                session, "token.revoke", token, f"Token {number} of {token.account} ({token.label}) ended.", actor
            )
            return token

        return self._store.write(work)

    def revoke_all(self, actor: Actor, account: str = "") -> int:
        """Every token of an account (default: one's own; ``*``: of everybody) is refused from now on; how many those were."""
        name = account or actor.name
        if name != actor.name:
            assert_allowed(actor, "tokens.revoke")

        def work(session: Session) -> int:
            if name != "*":
                session.account(name)
            many, now = session.revoke_tokens(self._clock(), actor.name, "" if name == "*" else name), self._clock()
            whose = "everybody" if name == "*" else name
            session.add_audit_event(audited(now, actor, "token.revoke", name, f"All tokens of {whose}: {many}."))
            title, what = f"Tokens of {whose} revoked", f"{many} tokens of {whose} ended."
            session.append_entry(Draft(now, "Configuration", title, actor.name, "Medium", sections=(("Change", what),)))
            return many

        return self._store.write(work)

    def _say(self, session: Session, act: str, token: Token, what: str, actor: Actor) -> None:
        now = self._clock()
        session.add_audit_event(audited(now, actor, act, f"token {token.id}", what))
        word = "made" if act == "token.add" else "revoked"
        title = f"Token of {token.account} {word}: {token.label}"
        session.append_entry(Draft(now, "Configuration", title, actor.name, "Medium", sections=(("Change", what),)))

    # ---- what the door asks ----

    def find(self, text: str) -> tuple[Token, Account] | None:
        """The token with this text while it holds, and its account while it is enabled; None: refused."""
        if not text or (text.startswith(rules.TOKEN_PREFIX) and not rules.is_token(text)):
            return None  # one without the prefix is of before tokens had a form
        with self._store.read() as session:
            token = session.token_by_digest(digest(text))
            if token is None or not is_live(token, self._clock()):
                return None
            try:
                account = session.account(token.account)
            except NotFound:
                return None
        return None if account.disabled_at is not None else (token, account)

    def seen(self, token: Token, address: str) -> None:
        """It was used just now. Kept in memory; `flush` writes it, each at most once a minute."""
        with self._guard:
            self._used[token.id] = (self._clock(), address[:64])

    def flush(self, whole: bool = False) -> int:
        """Write last uses, of each token at most once a minute; whole: all of them, at the end. How many were written."""
        now = self._clock()
        with self._guard:
            due = {
                number: use for number, use in self._used.items()
                if whole or now - self._written.get(number, float("-inf")) >= SEEN_S
            }  # fmt: skip
            for number in due:
                del self._used[number]
                self._written[number] = now
        if due:
            self._store.write(lambda session: session.use_tokens(due))
        return len(due)

    def factor_shown(self, number: int, actor: Actor, how: str) -> Token:
        """A second factor was shown with this token just now; it counts for fifteen minutes."""

        def work(session: Session) -> Token:
            now = self._clock()
            token = dataclasses.replace(session.token(number), factor_at=now)
            session.save_token(token)
            session.add_audit_event(audited(now, actor, "factor", f"token {number}", how))
            return token

        return self._store.write(work)


def is_live(token: Token, now: float) -> bool:
    """Whether it holds: not revoked, and not over."""
    return token.revoked_at is None and (token.expires_at is None or now < token.expires_at)


def _owner(session: Session, name: str) -> Account:
    account = session.account(name)
    if account.disabled_at is not None:
        raise Usage(f"{name} is disabled, so a token would open nothing.", f"Enable it first: wk user enable {name}.")
    return account
