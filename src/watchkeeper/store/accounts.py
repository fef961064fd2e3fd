"""Accounts of people and agents, and the browsers they are signed in with."""

from __future__ import annotations

import dataclasses

from watchkeeper.core.accounts import Account
from watchkeeper.core.errors import Locked, NotFound
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper, insert, storable

_accounts = Mapper(Account, models.Account, json=("roles", "limits"))
_NO_PASSWORD = "!"
"""What Django takes for a password that nothing opens."""


class AccountRows:
    """Accounts of `services.ports.accounts.AccountRows`."""

    _using: str

    def accounts(self) -> list[Account]:
        return _accounts.values(self._using, 'ORDER BY "name"', ())

    def account(self, name: str) -> Account:
        found = _accounts.values(self._using, 'WHERE "name" = %s', (storable(name),))
        if not found:
            raise _missing(name)
        return found[0]

    def account_by_id(self, number: int) -> Account | None:
        found = _accounts.values(self._using, 'WHERE "id" = %s', (number,))
        return found[0] if found else None

    def account_of_unix_user(self, name: str) -> Account | None:
        tail = """WHERE "unix_user" = %s AND "kind" = 'agent' ORDER BY "id" LIMIT 1"""
        found = _accounts.values(self._using, tail, (storable(name),)) if name else []
        return found[0] if found else None

    def any_person(self) -> bool:
        people = models.Account.objects.using(self._using).filter(kind="person", accepted_at__isnull=False)
        return people.exists()

    def add_account(self, account: Account) -> Account:
        if models.Account.objects.using(self._using).filter(name=storable(account.name)).exists():
            raise Locked(f"There is an account {account.name} already.", f"Change it: wk user change {account.name}.")
        number = insert(self._using, models.Account, {**_accounts.row(account), "password": _NO_PASSWORD})
        return dataclasses.replace(account, id=number)

    def save_account(self, account: Account) -> None:
        if not _accounts.update(self._using, account, 'WHERE "id" = %s', (account.id,)):
            raise _missing(account.name)

    def remove_account(self, name: str) -> None:
        row = models.Account.objects.using(self._using).filter(name=storable(name)).first()
        if row is None:
            raise _missing(name)
        self.end_sessions(row.pk)
        row.delete(using=self._using)

    def set_invitation(self, name: str, digest: str, until: float | None) -> None:
        rows = models.Account.objects.using(self._using).filter(name=storable(name))
        if not rows.update(invitation=digest, invited_until=until):
            raise _missing(name)

    def end_invitations(self) -> int:
        rows = models.Account.objects.using(self._using).exclude(invitation="")
        return rows.update(invitation="", invited_until=None)

    def invited(self, digest: str) -> Account | None:
        found = _accounts.values(self._using, 'WHERE "invitation" = %s', (digest,)) if digest else []
        return found[0] if found else None

    def remove_factors(self, account: int) -> int:
        from allauth.mfa.models import Authenticator

        return Authenticator.objects.using(self._using).filter(user_id=account).delete()[0]

    def end_sessions(self, account: int | None = None) -> int:
        from allauth.usersessions.models import UserSession
        from django.contrib.sessions.models import Session

        rows, known = Session.objects.using(self._using), UserSession.objects.using(self._using)
        if account is None:
            known.all().delete()
            return rows.all().delete()[0]
        keys = {each.pk for each in rows.iterator() if str(each.get_decoded().get("_auth_user_id", "")) == str(account)}
        keys |= set(known.filter(user_id=account).values_list("session_key", flat=True))
        known.filter(user_id=account).delete()
        return rows.filter(pk__in=keys).delete()[0]


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no account {name}.", "List them: wk user.")
