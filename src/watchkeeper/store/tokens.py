"""API tokens. Their secrets are nowhere; a row is found by the sha256 of what was shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from watchkeeper.core.accounts import Token
from watchkeeper.core.errors import NotFound
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper, insert, storable

_tokens = Mapper(Token, models.Token)


class TokenRows:
    """Tokens of `services.ports.accounts.AccountRows`."""

    _using: str

    def add_token(self, token: Token, digest: str) -> Token:
        return dataclasses.replace(
            token, id=insert(self._using, models.Token, {**_tokens.row(token), "digest": digest})
        )

    def save_token(self, token: Token) -> None:
        if not _tokens.update(self._using, token, 'WHERE "id" = %s', (token.id,)):
            raise _missing(token.id)

    def token(self, number: int) -> Token:
        found = _tokens.values(self._using, 'WHERE "id" = %s', (number,))
        if not found:
            raise _missing(number)
        return found[0]

    def token_by_digest(self, digest: str) -> Token | None:
        found = _tokens.values(self._using, 'WHERE "digest" = %s', (digest,))
        return found[0] if found else None

    def tokens(self, account: str = "") -> list[Token]:
        query = models.Token.objects.using(self._using).order_by("-id")
        query = query.filter(account=storable(account)) if account else query
        return [_tokens.value(row) for row in query.values(*_tokens.columns)[:1000]]

    def use_tokens(self, used: Mapping[int, tuple[float, str]]) -> None:
        rows = models.Token.objects.using(self._using)
        for number, (at, address) in used.items():
            rows.filter(pk=number).update(last_used_at=at, last_used_from=storable(address))

    def revoke_tokens(self, now: float, by: str, account: str = "") -> int:
        rows = models.Token.objects.using(self._using).filter(revoked_at__isnull=True)
        rows = rows.filter(account=storable(account)) if account else rows
        return rows.update(revoked_at=now, revoked_by=storable(by))


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no token {number}.", "List them: wk token.")
