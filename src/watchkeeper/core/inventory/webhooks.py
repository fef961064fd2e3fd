"""The key `webhooks` of watchkeeper.yaml: programs that are told what happens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema

from watchkeeper.core.inventory.fields import AnswerTime, Name, mistake
from watchkeeper.core.inventory.names import Names
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.yaml_reader import Node
from watchkeeper.core.webhooks import Webhook

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PATTERN = re.compile(r"\*|(incident|entry)\.(\*|[a-z0-9_-]{1,60})\Z")
_EXAMPLE = "https://bot.example.org/hook"


def _url(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    if text.startswith("secret:") and len(text) > 7:
        return text
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise mistake("an address", _EXAMPLE) from None
    if parts.scheme not in ("http", "https") or not host or any(each.isspace() or ord(each) < 32 for each in text):
        raise mistake("an https address", _EXAMPLE)
    if parts.scheme == "http" and host not in LOOPBACK:
        raise mistake("an https address: off this machine nothing is sent without TLS", _EXAMPLE)
    if parts.username or parts.password:
        raise mistake("an address without a password in it: use secret:NAME for the whole address", _EXAMPLE)
    return text


def _pattern(value: Any) -> str:
    if not isinstance(value, str) or not _PATTERN.match(value):
        raise mistake("a type of event, or a pattern with * at its end", "incident.*")
    return value


Url = Annotated[str, BeforeValidator(_url), WithJsonSchema({"type": "string"})]
Pattern = Annotated[str, BeforeValidator(_pattern), WithJsonSchema({"type": "string"})]


class WebhookModel(Strict):
    """One receiver."""

    url: Url = Field(description="where events are posted: https, or this machine; or secret:NAME")
    secret: Name = Field(description="the secret of secrets.yaml that signs each request")
    events: list[Pattern] = Field(
        default_factory=lambda: ["*"], min_length=1,
        description="which: incident.* (opened, closed, run, note ...), entry.* (deployment, configuration ...), or *",
    )  # fmt: skip
    timeout: AnswerTime = Field(default=10.0, description="how long an answer may take")


def webhooks_of(models: Mapping[str, WebhookModel]) -> tuple[Webhook, ...]:
    """By name."""
    return tuple(
        Webhook(name, each.url, each.secret, tuple(dict.fromkeys(each.events)), each.timeout)
        for name, each in sorted(models.items())
    )


def note_webhooks(root: Node, names: Names, notes: Notes) -> None:
    """Notes secrets that are not declared."""
    listed = root.get("webhooks")
    for _, node in listed.items() if listed is not None and listed.is_map else ():
        secret = node.get("secret") if node.is_map else None
        if secret is not None and isinstance(secret.content, str) and secret.content not in names.secrets:
            notes.unknown(secret, "secret", secret.content, names.secrets, "secrets.yaml")
