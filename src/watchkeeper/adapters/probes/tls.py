"""tls: looks at the certificate that a server shows.

Values: ``connected``, ``days`` (until it ends, negative when it has ended), ``trusted`` (chain, name and dates hold as
OpenSSL of the asking side judges), ``not_after`` (UTC text), ``subject``, ``issuer``; when not trusted ``problem``.
Without a TLS connection: ``connected: False``, ``trusted: False``, ``error_kind`` and ``problem``, and no ``days``.
"""

from __future__ import annotations

import asyncio
import ssl
import time

from watchkeeper.adapters.probes.network import Trouble, explain, target
from watchkeeper.adapters.probes.tools import Answer, Asker, Reader, Tools, last_line, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.times import utc_text

_DAY_S = 86_400.0


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return TlsAsker(tools)


class TlsAsker:
    """Keeps one verifying context per extra authority file: loading the system's authorities costs milliseconds."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def ask(self, check: Check, now: float) -> Answer:
        host, port = target(check, 443)
        name = text_option(check, "server_name") or text_option(check, "name") or host
        far = self._tools.far(check)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(check.timeout_s):
                if far is not None:
                    values = await _look_far(check, far, (host, port), name, now)
                else:
                    values = await self._look(check, (host, port), name, now)
        except (OSError, TimeoutError, EOFError) as error:
            return _failed(explain(error, f"{host}:{port}", check.timeout_s), time.perf_counter() - started)
        return Answer(values, latency_s=time.perf_counter() - started)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _look(self, check: Check, address: tuple[str, int], name: str, now: float) -> dict[str, Value]:
        """Verified first; when that fails once more without, because then OpenSSL hands out no dates."""
        where = f"{address[0]}:{address[1]}"
        try:
            shown = await _handshake(address, name, self._verifying(text_option(check, "ca")))
        except ssl.SSLCertVerificationError as error:
            shown = await _handshake(address, name, _unverified())
            problem = explain(error, where, check.timeout_s).sentence
            return _certificate(shown, now) | {"trusted": False, "problem": problem}
        return _certificate(shown, now) | {"trusted": True}

    def _verifying(self, authority: str) -> ssl.SSLContext:
        context = self._contexts.get(authority)
        if context is None:
            context = ssl.create_default_context()
            if authority:
                context.load_verify_locations(str(self._tools.base / authority))
            self._contexts[authority] = context
        return context


def _unverified() -> ssl.SSLContext:
    """For reading dates only; nothing is sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _handshake(address: tuple[str, int], name: str, context: ssl.SSLContext) -> bytes:
    """The certificate shown, as DER."""
    _, writer = await asyncio.open_connection(*address, ssl=context, server_hostname=name)
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(True)
    finally:
        writer.transport.abort()
    if not der:
        raise EOFError
    return bytes(der)


def _certificate(shown: bytes, now: float) -> dict[str, Value]:
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(shown)
    ends = certificate.not_valid_after_utc.timestamp()
    return {
        "connected": True,
        "days": round((ends - now) / _DAY_S, 2),
        "not_after": utc_text(ends),
        "subject": certificate.subject.rfc4514_string()[:200],
        "issuer": certificate.issuer.rfc4514_string()[:200],
    }


def _failed(trouble: Trouble, latency_s: float) -> Answer:
    if trouble.ours:
        return Answer({}, trouble.sentence, latency_s)
    values: dict[str, Value] = {"connected": False, "trusted": False}
    return Answer(values | {"error_kind": trouble.kind, "problem": trouble.sentence}, None, latency_s)


_OPENSSL = """command -v openssl >/dev/null 2>&1 || { echo WK-no-openssl; exit 0; }
openssl s_client -connect "$WK_ADDRESS" -servername "$WK_NAME" -verify_hostname "$WK_NAME" </dev/null 2>&1"""


async def _look_far(check: Check, far: Reader, address: tuple[str, int], name: str, now: float) -> dict[str, Value]:
    """On an SSH host by its openssl program."""
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    environment = {"WK_ADDRESS": f"{host}:{address[1]}", "WK_NAME": name}
    result = await far.read(_OPENSSL, deadline_s=check.timeout_s, environment=environment, limit=262_144)
    text = result.output.decode("utf-8", "replace")
    if "WK-no-openssl" in text:
        raise OSError(0, f"{place(check)} has no openssl program; install it there")
    begin, end = text.find("-----BEGIN CERTIFICATE-----"), text.find("-----END CERTIFICATE-----")
    if result.timed_out:
        raise TimeoutError
    if begin < 0 or end < begin:
        if "refused" in text:
            raise ConnectionRefusedError(111, "Connection refused")
        raise ssl.SSLError(1, last_line(result.output) or "no certificate")
    shown = ssl.PEM_cert_to_DER_cert(text[begin : end + len("-----END CERTIFICATE-----")])
    verdict = next((line.strip() for line in text.splitlines() if line.strip().startswith("Verify return code:")), "")
    values = _certificate(shown, now) | {"trusted": verdict.startswith("Verify return code: 0 ")}
    if not values["trusted"]:
        values["problem"] = f"{host}:{address[1]}, asked on {place(check)}: {verdict or 'not verified'}."
    return values
