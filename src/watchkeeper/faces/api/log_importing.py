"""Importing documents into the operations log. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Usage
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.imported import imported_json
from watchkeeper.services.log.importing import LARGEST, Wish

router = Router()


@router.post("/log/import")
def import_log(
    request: HttpRequest, name: str = "document", dry_run: bool = True, repair: bool = False, redact: bool = False,
    update: bool = False, zone: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The request's body is the document as it is. A dry run (the default) only says what would happen.

    A call writes a bounded number of entries; while `left` is not 0 the same call goes on.
    """
    actor = actor_of(request)
    data = request.read(LARGEST + 1)
    if not data.strip():
        raise Usage("The document is empty.", "Send its bytes as the body of the request.")
    wish = Wish(name[:300].strip() or "document", zone.strip(), repair, redact, update)
    importer = application().logbook.importer
    done = importer.look(actor, data, wish) if dry_run else importer.take(actor, data, wish)
    return {"import": imported_json(done, dry_run)}
