"""All kinds of probes behind one port. A kind is found by the name of its module and loaded at its first use."""

from __future__ import annotations

import asyncio
import importlib
import logging
import re
import time
from collections.abc import Callable, Mapping

from watchkeeper.adapters.probes.tools import Answer, Asker, Tools
from watchkeeper.core.checks import Reading
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import Check, Database, Host

log = logging.getLogger(__name__)

_SPARE_S = 1.0  # every probe keeps its own deadline; this bounds one that does not
_NAME = re.compile(r"[a-z][a-z-]*\Z")


class Probes:
    """Implements `ProbePort` over the modules of this package."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._askers: dict[str, Asker] = {}

    async def ask(self, check: Check, now: float) -> Reading:
        """One reading of this check; never raises for a failing target, its deadline is the check's timeout."""
        started = time.perf_counter()
        try:
            asker = self._askers.get(check.probe.kind) or self._asker(check.probe.kind)
            if getattr(asker, "keeps_deadline", False):  # a second timer costs a tenth of a whole HTTP ask
                answer = await asker.ask(check, now)
            else:
                async with asyncio.timeout(check.timeout_s + _SPARE_S):
                    answer = await asker.ask(check, now)
        except WatchkeeperError as error:
            host = error.details.get("unreachable")
            answer = Answer({"unreachable": str(host)} if host else {}, str(error))
        except TimeoutError:
            answer = Answer(error=f"No answer within {check.timeout_s:g} s.")
        except OSError as error:
            answer = Answer(error=_os_sentence(error))
        except Exception as error:
            log.exception("probe %s of %s failed in a way it should not", check.probe.kind, check.key)
            answer = Answer(error=f"The {check.probe.kind} probe itself failed ({type(error).__name__}); see the log.")
        took = time.perf_counter() - started if answer.latency_s is None else answer.latency_s
        return Reading(check.key, now, took, answer.values, answer.error)

    def replace(
        self, hosts: Mapping[str, Host], databases: Mapping[str, Database], secret: Callable[[str], str]
    ) -> None:
        """Take over what a new inventory says; open connections of unchanged hosts stay."""
        changed = self._tools.hosts != hosts
        self._tools.hosts, self._tools.databases, self._tools.secret = hosts, databases, secret
        if changed and self._tools.pool is not None:
            self._tools.pool.replace(hosts)

    async def close(self) -> None:
        """End open connections and threads; asks under way end with an error reading."""
        for asker in self._askers.values():
            await asker.close()
        for opened in (self._tools.pool, self._tools.local):
            if opened is not None:
                await opened.close()
        if self._tools.threads is not None:
            self._tools.threads.shutdown(wait=False, cancel_futures=True)

    def _asker(self, kind: str) -> Asker:
        asker = self._askers.get(kind)
        if asker is None:
            asker = self._askers[kind] = _load(kind)(self._tools)
        return asker


def _load(kind: str) -> Callable[[Tools], Asker]:
    """The `create` function of a kind's module; the module of ``disk-io`` is ``disk_io``."""
    name = f"{__package__}.{kind.replace('-', '_')}"
    if _NAME.match(kind):
        try:
            create: Callable[[Tools], Asker] = importlib.import_module(name).create
            return create
        except ModuleNotFoundError as error:
            if error.name != name:
                raise WatchkeeperError(f"The {kind} probe needs the package {error.name}.", "Install it.") from error
        except AttributeError:
            pass
    raise WatchkeeperError(f"There is no probe of kind {kind}.", "See docs/reference/checks.md for the kinds.")


def _os_sentence(error: OSError) -> str:
    subject = f"{error.filename}: " if error.filename else ""
    return f"{subject}{error.strerror or type(error).__name__}."
