"""Accounts: people come by invitation, agents are added with their limits; roles are given per service by an admin.

A role in ``people:`` of watchkeeper.yaml can only lower what an admin gave: whoever may commit to the ops repo gets no
rights by it. Every change is an entry of the log and an event of the audit trail, in one transaction. How somebody proves
who he is stands in `identity`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core import accounts as rules
from watchkeeper.core.access import assert_allowed
from watchkeeper.core.accounts import Account
from watchkeeper.core.actors import Actor, Role, RoleOn, rank
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.inventory.values import Team
from watchkeeper.core.log.values import Draft
from watchkeeper.services.audit import audited
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort


@dataclass(frozen=True, slots=True)
class Invited:
    """An account and the key of its invitation, which is shown once; "" without one."""

    account: Account
    key: str = ""


def digest(text: str) -> str:
    """How a key or token is kept. It is long and random, so a plain hash cannot be turned back."""
    return hashlib.sha256(text.encode()).hexdigest()


def counted_roles(account: Account, team: Team) -> tuple[RoleOn, ...]:
    """The roles that count: what an admin gave, lowered by the team file when it names this account."""
    return rules.lowered(account.roles, team.people.get(account.name))


def signed_in(session: Session, team: Team) -> Mapping[str, Role]:
    """name -> highest role on anything, of every person who can prove who he is."""
    people = [each for each in session.accounts() if is_person(each) and each.disabled_at is None]
    return {
        each.name: max((one.role for one in counted_roles(each, team)), key=rank, default="viewer") for each in people
    }


def people_as_actors(session: Session, team: Team) -> list[Actor]:
    """Every person who can prove who he is, as the actor that he would be, a second factor just shown."""
    people = [each for each in session.accounts() if is_person(each) and each.disabled_at is None]
    return [rules.actor_of(each, team.people.get(each.name), fresh=True) for each in people]


def is_person(account: Account) -> bool:
    """Whether this is a person who can prove who he is."""
    return account.kind == "person" and account.accepted_at is not None


class Accounts:
    """What an admin does about people and agents, and what a person does about himself."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store, self._holder, self._clock = store, holder, clock

    # ---- reading ----

    def all(self) -> list[Account]:
        """Everybody, by name."""
        with self._store.read() as session:
            return session.accounts()

    def get(self, name: str) -> Account:
        """Raises `NotFound`."""
        with self._store.read() as session:
            return session.account(name)

    def limits(self, name: str) -> Mapping[str, float]:
        """The limits of an agent; empty for one that has no account."""
        with self._store.read() as session:
            return next((each.limits for each in session.accounts() if each.name == name), {})

    def roles(self, account: Account) -> tuple[RoleOn, ...]:
        """Those that count, see `counted_roles`."""
        return counted_roles(account, self._holder.current.team)

    def any_person(self) -> bool:
        """Whether somebody can prove who he is; until then the owner of the state acts as `local`."""
        with self._store.read() as session:
            return session.any_person()

    # ---- what an admin does ----

    def add(
        self, name: str, actor: Actor, roles: Sequence[RoleOn] = (), kind: str = "person", email: str = "",
        unix_user: str = "", limits: Mapping[str, float] | None = None, invite: bool = True,
    ) -> Invited:  # fmt: skip
        """A new account. A person gets an invitation of seven days unless `invite` is off; the first one must be an admin."""
        assert_allowed(actor, "accounts")
        rules.account_name(name)
        if kind not in ("person", "agent"):
            raise Usage(f"{kind} is no kind of account.", "There are: person, agent.")
        if kind == "person" and (unix_user or limits):
            raise Usage("Limits and a Unix user are of agents.", f"Make an agent: wk user add {name} --agent.")
        now, key = self._clock(), ""
        account = Account(
            0, name, "agent" if kind == "agent" else "person", _checked(roles), now, actor.name, email.strip()[:200],
            unix_user.strip()[:64], rules.limits_of(limits or {}),
        )  # fmt: skip
        if kind == "person" and invite:
            key = secrets.token_urlsafe(32)
            account = dataclasses.replace(account, invited_until=now + rules.INVITATION_LASTS_S)

        def work(session: Session) -> Account:
            self._assert_unix_user_is_free(session, account)
            kept = session.add_account(account)
            if key:
                session.set_invitation(name, digest(key), account.invited_until)
            self._assert_an_admin_is_left(session)
            what = f"{kind} {name} is {rules.roles_line(roles)}" + (", invited." if key else ".")
            self._say(session, "account.add", name, f"{kind.capitalize()} {name} added", what, actor)
            return kept

        return Invited(self._store.write(work), key)

    def change(
        self, name: str, actor: Actor, roles: Sequence[RoleOn] | None = None, email: str | None = None,
        unix_user: str | None = None, limits: Mapping[str, float] | None = None,
    ) -> Account:  # fmt: skip
        """Other roles, address, Unix user or limits; None leaves one as it is. They count from the next call on."""
        assert_allowed(actor, "accounts")
        changes: dict[str, object] = {}
        changes |= {"roles": _checked(roles)} if roles is not None else {}
        changes |= {"email": email.strip()[:200]} if email is not None else {}
        changes |= {"unix_user": unix_user.strip()[:64]} if unix_user is not None else {}
        changes |= {"limits": rules.limits_of(limits)} if limits is not None else {}
        if not changes:
            raise Usage("Nothing to change was named.", f"Say what: wk user change {name} --role operator.")

        def work(session: Session) -> Account:
            before = session.account(name)
            after = dataclasses.replace(before, **changes)  # type: ignore[arg-type]
            if after.kind == "person" and (after.unix_user or after.limits):
                raise Usage("Limits and a Unix user are of agents.", f"{name} is a person.")
            self._assert_unix_user_is_free(session, after)
            session.save_account(after)
            self._assert_an_admin_is_left(session)
            what = f"{name} is {rules.roles_line(after.roles)} now, was {rules.roles_line(before.roles)}."
            if after.roles == before.roles:
                what = f"{name}: {', '.join(sorted(changes))} changed."
            self._say(session, "account.change", name, f"Account {name} changed", what, actor)
            return after

        return self._store.write(work)

    def disable(self, name: str, actor: Actor) -> Account:
        """From now on nothing opens for him: browsers are signed out, tokens are refused until he is enabled again."""
        return self._able(name, actor, False)

    def enable(self, name: str, actor: Actor) -> Account:
        """He may come again, with the tokens that still hold."""
        return self._able(name, actor, True)

    def _able(self, name: str, actor: Actor, able: bool) -> Account:
        assert_allowed(actor, "accounts")
        word = "enabled" if able else "disabled"

        def work(session: Session) -> Account:
            account = session.account(name)
            if (account.disabled_at is None) == able:
                return account
            account = dataclasses.replace(account, disabled_at=None if able else self._clock())
            session.save_account(account)
            if not able:
                session.set_invitation(name, "", None)
                account = dataclasses.replace(account, invited_until=None)
                session.end_sessions(account.id)
                self._assert_an_admin_is_left(session)
            self._say(session, f"account.{word[:-1]}", name, f"Account {name} {word}", f"{name} is {word}.", actor)
            return account

        return self._store.write(work)

    def remove(self, name: str, actor: Actor) -> Account:
        """Account, second factors and sessions go, tokens are revoked. The last person may go: then `local` acts again."""
        assert_allowed(actor, "accounts")

        def work(session: Session) -> Account:
            gone = session.account(name)
            session.revoke_tokens(self._clock(), actor.name, name)
            session.remove_account(name)
            if any(each.kind == "person" for each in session.accounts()):
                self._assert_an_admin_is_left(session)
            what = f"{name} ({rules.roles_line(gone.roles)}) has no way in any more."
            self._say(session, "account.remove", name, f"Account {name} removed", what, actor)
            return gone

        return self._store.write(work)

    def invite(self, name: str, actor: Actor, reset_factors: bool = False) -> Invited:
        """A new key to set a password with; the one before is void. reset_factors: the second factors he lost go too."""
        assert_allowed(actor, "accounts")
        key = secrets.token_urlsafe(32)

        def work(session: Session) -> Account:
            account = session.account(name)
            if account.kind != "person" or account.disabled_at is not None:
                why = "is an agent" if account.kind == "agent" else "is disabled"
                raise Usage(f"{name} {why}, and invitations are for people.", "An agent gets a token: wk token add.")
            until = self._clock() + rules.INVITATION_LASTS_S
            session.set_invitation(name, digest(key), until)
            what = f"{name} can set a password by a link of seven days."
            if reset_factors:
                session.remove_factors(account.id)
                what += " The second factors of before are gone."
            self._say(session, "account.invite", name, f"Account {name} invited", what, actor)
            return dataclasses.replace(account, invited_until=until)

        return Invited(self._store.write(work), key)

    def recover(self, name: str, actor: Actor) -> Account:
        """An admin who is locked out: made, enabled, admin on everything, without the second factors of before.

        For the owner of the state only (`identity.callers` says who that is); a token is made beside it.
        """
        assert_allowed(actor, "accounts")
        rules.account_name(name)
        now = self._clock()

        def work(session: Session) -> Account:
            try:
                account = session.account(name)
            except NotFound:
                account = session.add_account(Account(0, name, "person", (), now, actor.name))
            if account.kind != "person":
                raise Usage(f"{name} is an agent, and an admin is a person.", "Name a person.")
            account = dataclasses.replace(
                account, roles=(RoleOn("admin"),), disabled_at=None, accepted_at=account.accepted_at or now
            )
            session.save_account(account)
            session.remove_factors(account.id)
            session.end_sessions(account.id)
            session.revoke_tokens(now, actor.name, name)
            what = f"{name} is an admin without a second factor; the tokens and browsers of before are signed out."
            self._say(session, "account.recover", name, f"Account {name} recovered", what, actor)
            return account

        return self._store.write(work)

    # ---- what the invited one does ----

    def invited(self, key: str) -> Account:
        """Whose invitation this key opens. Raises `Forbidden` for one that was used, replaced, or is over."""
        with self._store.read() as session:
            return self._invited(session, key)

    def accept(self, key: str, address: str = "") -> Account:
        """Use up an invitation: whoever has the key may set the password of this account now, this once."""

        def work(session: Session) -> Account:
            account = self._invited(session, key)
            first = account.accepted_at is None
            account = dataclasses.replace(account, invited_until=None, accepted_at=account.accepted_at or self._clock())
            session.save_account(account)
            session.set_invitation(account.name, "", None)
            self._assert_an_admin_is_left(session)
            actor = Actor("person", account.name, via="invitation", address=address)
            what = f"{account.name} {'accepted the invitation' if first else 'set a new password by a link'}."
            self._say(session, "account.accept", account.name, f"Account {account.name}", what, actor)
            return account

        return self._store.write(work)

    def _invited(self, session: Session, key: str) -> Account:
        account = session.invited(digest(key)) if key else None
        over = account is None or account.disabled_at is not None or (account.invited_until or 0.0) <= self._clock()
        if account is None or over:
            raise Forbidden(
                "This invitation was used already, was replaced by a newer one, or is over.",
                "Ask an admin for a new one: wk user invite NAME.",
            )
        return account

    # ---- what a person does about himself ----

    def prefer(
        self, actor: Actor, time_zone: str | None = None, theme: str | None = None, single_keys: bool | None = None
    ) -> Account:
        """How the pages look for this person; None leaves one as it is."""
        assert_allowed(actor, "account.own")
        given = {"time_zone": time_zone, "theme": theme, "single_keys": single_keys}
        changes = {name: value for name, value in given.items() if value is not None}

        def work(session: Session) -> Account:
            account = dataclasses.replace(session.account(actor.name), **changes)  # type: ignore[arg-type]
            session.save_account(account)
            return account

        return self._store.write(work)

    # ---- what always holds ----

    def assert_an_admin_is_left(self, session: Session) -> None:
        """For other services that let a person in: raises `Forbidden` when nobody could change accounts then."""
        self._assert_an_admin_is_left(session)

    def _assert_an_admin_is_left(self, session: Session) -> None:
        team = self._holder.current.team
        people = [each for each in session.accounts() if each.kind == "person"]
        proven = [each for each in people if each.accepted_at is not None] or people
        able = [each for each in proven if each.disabled_at is None]
        if people and not any(rules.role_of(counted_roles(each, team)) == "admin" for each in able):
            raise Forbidden(
                "Nobody would be an admin then, so nobody could change that again.",
                "Make an admin first: wk user add NAME --role admin.",
            )

    def _assert_unix_user_is_free(self, session: Session, account: Account) -> None:
        other = session.account_of_unix_user(account.unix_user)
        if other is not None and other.name != account.name:
            raise Usage(
                f"The calls of Unix user {account.unix_user} are those of agent {other.name} already.",
                f"Take it from there first: wk user change {other.name} --unix-user ''.",
            )

    def _say(self, session: Session, act: str, name: str, title: str, what: str, actor: Actor) -> None:
        now = self._clock()
        session.add_audit_event(audited(now, actor, act, name, what))
        sections = (("Change", what),)
        session.append_entry(Draft(now, "Configuration", title, actor.name, "Medium", sections=sections))


def _checked(roles: Sequence[RoleOn]) -> tuple[RoleOn, ...]:
    """Roles with sound words, the last one for the same services; they are as people write them."""
    found = {each.services: RoleOn(rules.role_word(each.role), rules.services_word(each.services)) for each in roles}
    return tuple(found.values())
