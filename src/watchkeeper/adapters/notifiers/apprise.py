"""Channel kind `apprise`: any of the services that Apprise knows, with one of its plugin classes loaded, not all.

Apprise imports its 180 plugins to look up one address. Here the plugin sources are searched for the scheme
(`plugin_module`), and that one module is imported: about half of the memory (see docs/decisions). An address that
no class claims by its scheme goes the long way through Apprise itself.
"""

from __future__ import annotations

import ast
import contextvars
import functools
import logging
import re
import threading
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from watchkeeper.adapters.notifiers.body import text_body
from watchkeeper.core.notifications import Message
from watchkeeper.services.ports.notifiers import DeliveryError

SCHEMA = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
STATUS = re.compile(r"\berror=(\d{3})\b")
PASSING = (408, 425, 429)
LEAST_SECRET = 4
NOTIFY_TYPES = {"closed": "success", "warning": "warning", "opened": "failure", "escalated": "failure"}


def deliver(
    target: str, message: Message, *, timeout_s: float, key: str = "", directory: str = "",
    options: Mapping[str, object] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Send through the plugin that the scheme of `target` names. Raises `DeliveryError`.

    The stable key of the message stands in the last line of the body, because most services have no other place.
    """
    del key, directory, options
    plugin = instance(target, timeout_s)
    body = text_body(message)
    kind = NOTIFY_TYPES.get(message.kind, "info")
    call = functools.partial(plugin.notify, body=body, title=message.title, notify_type=_notify_type(kind))
    accepted, complaints = _bounded(call, timeout_s)
    if accepted:
        return
    reason = redacted("; ".join(complaints), target) or "no reason was given"
    found = STATUS.search(reason)
    status = int(found.group(1)) if found else 0
    raise DeliveryError(
        f"{service(plugin)} did not accept the message: {reason}", 400 <= status < 500 and status not in PASSING
    )


def instance(target: str, timeout_s: float) -> Any:
    """The plugin object of an Apprise address. Raises `DeliveryError` (permanent) when it is not one."""
    found = SCHEMA.match(target)
    if found is None:
        raise DeliveryError("The channel's target is not an Apprise address, as ntfy://host/topic.", permanent=True)
    scheme = found.group(1).lower()
    plugin = _of_one_class(scheme, target) or _of_all(target)
    if plugin is None or not plugin.enabled:
        raise DeliveryError(
            f"Apprise cannot use the {scheme}:// address of this channel: it is incomplete or unknown.", True
        )
    # a little later than our own deadline, which is the one that is told; they end the thread that is left behind
    plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout_s + 1.0
    return plugin


def _of_one_class(scheme: str, target: str) -> Any:
    name = plugin_module(scheme)
    if name is None:
        return None
    module = import_module(name)
    classes = [one for label, one in vars(module).items() if label.startswith("Notify") and scheme in _schemes(one)]
    for found in classes:
        try:
            results = found.parse_url(target)
            return found(**{**results, "asset": _asset(), "tag": set()}) if results else None
        except TypeError as error:
            raise DeliveryError(
                f"Apprise refuses the {scheme}:// address: {redacted(str(error), target)}", True
            ) from None
    return None


def _of_all(target: str) -> Any:
    import apprise

    return apprise.Apprise.instantiate(target, asset=_asset())


def _asset() -> Any:
    from apprise.asset import AppriseAsset

    return AppriseAsset(app_id="watchkeeper", app_desc="watchkeeper", app_url="", secure_logging=True, async_mode=False)


def _notify_type(kind: str) -> Any:
    from apprise.common import NotifyType

    return NotifyType(kind)


def _schemes(plugin: Any) -> set[str]:
    """The schemes that a plugin class claims."""
    schemes: set[str] = set()
    for name in ("protocol", "secure_protocol"):
        claimed = getattr(plugin, name, None) or ()
        schemes.update([claimed] if isinstance(claimed, str) else claimed)
    return schemes


def service(plugin: Any) -> str:
    """The service's own name, for a sentence."""
    return str(getattr(plugin, "service_name", "") or "The service")


@functools.cache
def plugin_module(scheme: str) -> str | None:
    """The module whose class body claims `scheme` in `protocol` or `secure_protocol`; nothing is imported for it."""
    spec = find_spec("apprise")
    if spec is None or not spec.submodule_search_locations:
        raise DeliveryError("Apprise is not installed.", permanent=True)
    folder = Path(spec.submodule_search_locations[0]) / "plugins"
    for path in sorted([*folder.glob("*.py"), *folder.glob("*/*.py")]):
        text = path.read_text(encoding="utf-8", errors="replace")
        if f'"{scheme}"' in text and scheme in claimed_schemes(text):
            parts = path.relative_to(folder.parent.parent).with_suffix("").parts
            return ".".join(parts).removesuffix(".__init__")
    return None


def claimed_schemes(text: str) -> set[str]:
    """Every string that a class body of this source assigns to `protocol` or `secure_protocol`."""
    claimed: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(one, ast.Name) and one.id in ("protocol", "secure_protocol") for one in targets):
                claimed.update(
                    leaf.value
                    for leaf in ast.walk(statement)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                )
    return claimed


_complaints: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("complaints", default=None)


class _Listener(logging.Handler):
    """Apprise says why only in its log: keeps its warnings for the call of this context."""

    def emit(self, record: logging.LogRecord) -> None:
        heard = _complaints.get()
        if heard is not None:
            heard.append(record.getMessage())


@functools.cache
def _listen() -> None:
    logger = logging.getLogger("apprise")
    logger.addHandler(_Listener(logging.WARNING))
    logger.propagate = False


def _bounded(call: Any, timeout_s: float) -> tuple[bool, list[str]]:
    """(accepted, what was complained) of a blocking call; gives up waiting after `timeout_s`.

    A plugin cannot be interrupted; its thread ends with its own socket timeouts. Raises `DeliveryError`.
    """
    _listen()
    heard: list[str] = []
    outcome: list[object] = []

    def work() -> None:
        _complaints.set(heard)
        try:
            outcome.append(bool(call()))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="apprise", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not outcome:
        raise DeliveryError(f"The service did not answer within {timeout_s:g} s.")
    if isinstance(outcome[0], Exception):
        return False, [type(outcome[0]).__name__]
    return bool(outcome[0]), list(heard)


def redacted(text: str, target: str) -> str:
    """`text` without any part of the address that may be a secret (everything but scheme and host name)."""
    text = " ".join(text.split())
    address = SCHEMA.sub("", target, count=1)
    pieces = sorted(
        {piece for piece in re.split(r"[/:@?&=#,]", address) if len(piece) >= LEAST_SECRET}, key=len, reverse=True
    )
    for piece in [address, *pieces]:
        text = text.replace(piece, "***")
    return text[:300]
