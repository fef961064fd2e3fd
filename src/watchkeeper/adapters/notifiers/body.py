"""The JSON body of a message: every field, the same for scripts and webhooks."""

from __future__ import annotations

import json
from dataclasses import asdict

from watchkeeper.core.notifications import Message


def json_body(message: Message) -> bytes:
    """All fields of the message as one JSON object in UTF-8, keys in the order of `Message`."""
    return json.dumps(asdict(message), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
