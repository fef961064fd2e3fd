"""A message as bytes and as text: the JSON that scripts and webhooks get, and the words for people."""

from __future__ import annotations

import json
from typing import Any

from watchkeeper.core.notifications import Item, Message
from watchkeeper.core.times import utc_text

FIELDS = ("key", "kind", "title", "body", "link", "incident", "severity")
WHERE_SET = ("acknowledge", "group", "update")


def json_body(message: Message) -> bytes:
    """The message as one JSON object in UTF-8. `FIELDS` and `at` always; what says nothing is left out."""
    body: dict[str, Any] = {name: getattr(message, name) for name in FIELDS}
    if message.at:
        body["at"] = utc_text(message.at)
    if message.facts:
        body["facts"] = dict(message.facts)
    body |= {name: value for name in WHERE_SET if (value := getattr(message, name))}
    if message.items:
        body["items"] = [_item(each) for each in message.items]
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _item(item: Item) -> dict[str, Any]:
    return {
        "key": item.key,
        "kind": item.kind,
        "title": item.title,
        "incident": item.incident,
        "severity": item.severity,
        "at": utc_text(item.at),
        **({"facts": dict(item.facts)} if item.facts else {}),
    }


def text_body(message: Message) -> str:
    """The words for people: what, where to read on, how to say "I have it", and the key for whoever asks about it."""
    links = [message.link] if message.link else []
    if message.acknowledge:
        links.append(f"I have it: {message.acknowledge}")
    return "\n\n".join(part for part in (message.body, "\n".join(links), f"[{message.key}]") if part)
