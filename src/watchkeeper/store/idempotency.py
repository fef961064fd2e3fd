"""Which writes came with a key, and what was answered."""

from __future__ import annotations

from dataclasses import asdict

from watchkeeper.core.idempotency import Request
from watchkeeper.store import models
from watchkeeper.store.rows import storable


class IdempotencyRows:
    """Mix-in of `DjangoSession`."""

    _using: str

    def keyed_request(self, actor: str, key: str) -> Request | None:
        """What is kept under this key of this actor."""
        row = models.KeyedRequest.objects.using(self._using).filter(actor=storable(actor), key=key).values().first()
        if row is None:
            return None
        del row["id"]
        return Request(**row)

    def keep_request(self, request: Request) -> None:
        """Replaces what is kept under its key."""
        values = asdict(request)
        names = {"actor": storable(values.pop("actor")), "key": values.pop("key")}
        models.KeyedRequest.objects.using(self._using).update_or_create(**names, defaults=values)

    def drop_request(self, actor: str, key: str) -> None:
        """The key is free again."""
        models.KeyedRequest.objects.using(self._using).filter(actor=storable(actor), key=key).delete()

    def forget_requests(self, before: float) -> None:
        """Drop those taken up before that time."""
        models.KeyedRequest.objects.using(self._using).filter(taken_at__lt=before).delete()
