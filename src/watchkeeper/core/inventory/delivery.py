"""The keys of watchkeeper.yaml about how a message arrives: mail, Alertmanager, limits, the public address of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from watchkeeper.core.inventory.fields import SECRET, Filled, Port, duration_between, mistake
from watchkeeper.core.inventory.probes import Strict

_ADDRESS = re.compile(r"[^\s@<>\"',;:\\\x00-\x1f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z|\[?[0-9A-Fa-f:]+\]?\Z")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
GroupTime = duration_between(0.0, 3600.0, "0s", "1h")
TLS_PORTS: Mapping[str, int] = {"starttls": 587, "implicit": 465, "none": 25}


def _address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS.match(value):
        raise mistake("a mail address", "duty@example.org")
    return value


def _addresses(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or len(listed) > 50:
        raise mistake("a mail address, or a list of up to 50", "[duty@example.org]")
    return tuple(_address(each) for each in listed)


def _mail_host(value: Any) -> str:
    if not isinstance(value, str) or not _HOST.match(value):
        raise mistake("the name of a mail server; the port has a key of its own", "mail.example.org")
    return value


def _secret_only(value: Any) -> str:
    if not isinstance(value, str) or not SECRET.match(value):
        words = "secret:NAME; a password never stands in this file"
        raise mistake(words, '"secret:mail-password"', found="something else")  # what was written may be the password
    return value


def _tls(value: Any) -> str:
    if value not in TLS_PORTS:
        raise mistake("starttls, implicit or none", "starttls")
    return str(value)


def _page_address(value: Any) -> str:
    text = value.rstrip("/") if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if not host or not plain or parts.scheme not in ("http", "https") or any(one.isspace() for one in text):
        raise mistake("the address of the page, without a path", "https://watch.example.org")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise mistake("an https address: off this machine nothing is opened without TLS", "https://watch.example.org")
    return text


Address = Annotated[str, BeforeValidator(_address)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_addresses)]


class SmtpModel(Strict):
    """Mail through one server, without a library of somebody else."""

    host: Annotated[str, BeforeValidator(_mail_host)] = Field(description="name of the mail server")
    port: Port | None = Field(default=None, description="default: 587, with implicit TLS 465, without TLS 25")
    from_: Address = Field(alias="from", description="who the mail is from")
    to: Addresses = Field(description="who gets it: one address or a list")
    tls: Annotated[Literal["starttls", "implicit", "none"], BeforeValidator(_tls)] = Field(
        default="starttls", description="starttls, implicit or none"
    )
    user: Filled | None = Field(default=None, description="who signs in there")
    password: Annotated[str, BeforeValidator(_secret_only)] | None = Field(default=None, description="secret:NAME")

    @model_validator(mode="after")
    def _sound(self) -> SmtpModel:
        if (self.user is None) != (self.password is None):
            raise mistake("'user' and 'password' together", '{user: watch, password: "secret:mail-password"}')
        if self.tls == "none" and self.password is not None and self.host not in LOOPBACK:
            raise mistake("TLS where a password is sent", "starttls", found="'tls: none' beside 'password'")
        return self

    @property
    def options(self) -> dict[str, object]:
        """What the channel takes along beside its target."""
        return {
            "port": self.port or TLS_PORTS[self.tls],
            "from": self.from_,
            "to": self.to,
            "tls": self.tls,
            "user": self.user or "",
            "password": self.password or "",
        }


class WebModel(Strict):
    """The page, as people reach it."""

    url: Annotated[str, BeforeValidator(_page_address)] = Field(
        description="public address, behind a proxy that ends TLS; messages link to it"
    )
