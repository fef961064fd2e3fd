"""http: asks a URL and measures status, latency, size and body.

Values: ``status`` (0 when there was no answer), ``connected``, ``size`` (bytes read, at most 65536), ``truncated``,
``body`` (text of those bytes), ``location`` when redirected; without an answer also ``error_kind`` (refused, timeout,
reset, closed, tls, protocol, unreachable, redirects) and ``problem`` (a sentence). Name resolution that fails is no
answer of the target: it is an error, and UNKNOWN.

Every ask opens a fresh connection, follows no redirect unless ``follow: true``, and uses no proxy of the environment.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError, PyreqwestError, RedirectError, RequestTimeoutError

from watchkeeper.adapters.probes.tools import Answer, Asker, Reader, Tools, last_line, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.inventory.values import Check

BODY_LIMIT = 65_536
_AGENT = "watchkeeper"


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return HttpAsker(tools)


class HttpAsker:
    """Two clients at most (following redirects or not, verifying certificates or not), each ask its own connection."""

    keeps_deadline = True

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._clients: dict[tuple[bool, bool], Client] = {}

    async def ask(self, check: Check, now: float) -> Answer:
        far = self._tools.far(check)
        headers = _headers(check.probe.options)
        if headers and any(value.startswith("secret:") for value in headers.values()):
            headers = await self._tools.in_thread(check.timeout_s, self._revealed, headers)
        if far is not None:
            return await _ask_by_curl(check, headers, far)
        return await self._ask(check, headers)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    def _client(self, follow: bool, verify: bool) -> Client:
        client = self._clients.get((follow, verify))
        if client is None:
            builder = ClientBuilder().pool_max_idle_per_host(0).follow_redirects(follow).max_redirects(10).no_proxy()
            client = builder.user_agent(_AGENT).referer(False).danger_accept_invalid_certs(not verify).build()
            self._clients[(follow, verify)] = client
        return client

    def _revealed(self, headers: dict[str, str]) -> dict[str, str]:
        return {name: self._tools.revealed(value) for name, value in headers.items()}

    async def _ask(self, check: Check, headers: dict[str, str]) -> Answer:
        options = check.probe.options
        client = self._client(bool(options.get("follow", False)), options.get("verify", True) is not False)
        started = time.perf_counter()
        try:
            request = client.request(text_option(check, "method", "GET").upper(), text_option(check, "url"))
            request = request.timeout(timedelta(seconds=check.timeout_s))
            if headers:
                request = request.headers(headers)
            if options.get("body") is not None:
                request = request.body_text(str(options["body"]))
            async with request.build_streamed() as response:
                body = bytes(await response.body_reader.read(BODY_LIMIT) or b"")
                values = _values(response.status, body, len(body) >= BODY_LIMIT)
                location = response.get_header("location") if 300 <= response.status < 400 else None
        except (PyreqwestError, ValueError) as error:
            return explain(error, check, time.perf_counter() - started)
        if location is not None:
            values["location"] = location[:400]
        return Answer(values, latency_s=time.perf_counter() - started)


def _values(status: int, body: bytes, truncated: bool) -> dict[str, Value]:
    text = body.decode("utf-8", "replace")
    return {"status": status, "connected": True, "size": len(body), "truncated": truncated, "body": text}


def _headers(options: Mapping[str, object]) -> dict[str, str]:
    headers = options.get("headers")
    if not headers:
        return {}
    return {str(name): str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {}


def failed(kind: str, problem: str, latency_s: float, **more: Value) -> Answer:
    """No usable answer of an HTTP target: status 0, so that ``status == 200`` is false."""
    return Answer({"status": 0, "connected": False, "error_kind": kind, "problem": problem, **more}, None, latency_s)


_CAUSES = (  # a piece of a nested cause, the kind, and the words of the sentence
    ("connection refused", "refused", "refused the connection"),
    ("connection reset", "reset", "reset the connection before it answered"),
    ("closed before message completed", "closed", "closed the connection without an answer"),
    ("end of file before message length", "closed", "closed the connection in the middle of its answer"),
    ("unexpected end of file", "closed", "closed the connection in the middle of its answer"),
    ("broken pipe", "reset", "closed the connection before it had read the request"),
    ("certificate", "tls", "showed a certificate that does not hold"),
    ("invalidcontenttype", "tls", "does not speak TLS on this port"),
    ("handshake", "tls", "broke off the TLS handshake"),
    ("tls", "tls", "failed in the TLS handshake"),
    ("no route to host", "unreachable", "cannot be reached: no route to host"),
    ("invalid http", "protocol", "does not speak HTTP on this port"),
    ("sendrequest", "protocol", "gave an answer that is not valid HTTP"),
    ("error decoding response", "protocol", "gave an answer that cannot be decoded"),
)
_OURS = (  # causes that lie on our side: the target was never asked
    ("dns error", "The name {host} could not be resolved"),
    ("failed to lookup address", "The name {host} could not be resolved"),
    ("network is unreachable", "There is no network route from here to {host}"),
    ("permission denied", "This machine does not permit a connection to {host}"),
    ("operation not permitted", "This machine does not permit a connection to {host}"),
    ("too many open files", "This machine has no free file handles left to ask {host}"),
    ("cannot assign requested address", "This machine has no free local port left to ask {host}"),
)


def explain(error: Exception, check: Check, latency_s: float) -> Answer:
    """The one place where an exception of the HTTP client becomes an answer or an error sentence."""
    host = urlsplit(text_option(check, "url")).netloc.rpartition("@")[2] or "the target"
    if isinstance(error, BuilderError) or not isinstance(error, PyreqwestError):
        return Answer(error=f"{check.key}: this URL or request cannot be sent ({_deepest(error)}).")
    if isinstance(error, RequestTimeoutError):
        sentence = f"{host} gave no complete answer within {check.timeout_s:g} s."
        return failed("timeout", sentence, latency_s)
    if isinstance(error, RedirectError):
        return failed("redirects", f"{host} redirected more than 10 times.", latency_s)
    causes = " / ".join(_causes(error)).lower()
    for piece, words in _OURS:
        if piece in causes:
            return Answer(error=f"{words.format(host=host)} ({_deepest(error)}).", latency_s=latency_s)
    for piece, kind, words in _CAUSES:
        if piece in causes:
            detail = f" ({_deepest(error)})" if kind in ("tls", "protocol") else ""
            return failed(kind, f"{host} {words}{detail}.", latency_s)
    return failed("failed", f"{host} could not be asked over HTTP ({_deepest(error)}).", latency_s)


def _causes(error: Exception) -> list[str]:
    details = getattr(error, "details", None)
    causes = details.get("causes") if isinstance(details, dict) else None
    found = [str(cause.get("message", "")) for cause in causes or [] if isinstance(cause, dict)]
    return found or [str(error)]


def _deepest(error: Exception) -> str:
    return _causes(error)[-1][:200]


# ---- asked on an SSH host: by its curl ----

_CURL = """command -v curl >/dev/null 2>&1 || {{ echo 'WK-no-curl' >&2; exit 0; }}
{{ printf '%s\\n' "$WK_CURL" | curl -q -K - -sS --noproxy '*' --max-time {timeout} \
-w '%{{stderr}}WK-http %{{http_code}} %{{time_total}}\\n'; printf 'WK-exit %s\\n' "$?" >&2; }} | head -c {limit}"""

_CURL_EXITS = {
    7: ("refused", "refused the connection"),
    28: ("timeout", "gave no complete answer in time"),
    35: ("tls", "failed in the TLS handshake"),
    47: ("redirects", "redirected more than 10 times"),
    51: ("tls", "showed a certificate that does not hold"),
    52: ("closed", "closed the connection without an answer"),
    56: ("reset", "reset the connection before it answered"),
    60: ("tls", "showed a certificate that does not hold"),
}


async def _ask_by_curl(check: Check, headers: Mapping[str, str], far: Reader) -> Answer:
    """Ask with the curl of the host. URL and headers travel on stdin (they may hold secrets), never in argv."""
    text = _CURL.format(timeout=shlex.quote(f"{check.timeout_s:g}"), limit=BODY_LIMIT)
    environment = {"WK_CURL": _curl_config(check, headers)}
    deadline = check.timeout_s + 0.5
    result = await far.read(text, deadline_s=deadline, environment=environment, limit=BODY_LIMIT + 4096)
    notes = result.error.decode("utf-8", "replace")
    if "WK-no-curl" in notes:
        return Answer(error=f"{place(check)} has no curl program, so it cannot be asked there; install curl there.")
    status, took, code = 0, result.duration_s, -1
    for line in notes.splitlines():
        words = line.split()
        if words[:1] == ["WK-http"] and len(words) == 3:
            status, took = int(words[1]), float(words[2].replace(",", "."))
        elif words[:1] == ["WK-exit"] and len(words) == 2:
            code = int(words[1])
    return _curl_answer(check, status, took, code, result.output[:BODY_LIMIT], notes)


def _curl_answer(check: Check, status: int, took: float, code: int, body: bytes, notes: str) -> Answer:
    host = urlsplit(text_option(check, "url")).netloc.rpartition("@")[2]
    truncated = len(body) >= BODY_LIMIT
    if status and (code == 0 or (truncated and code in (18, 23, 56))):
        return Answer(_values(status, body, truncated), latency_s=took)
    said = last_line("\n".join(line for line in notes.splitlines() if line.startswith("curl")).encode())
    if code == 6:
        return Answer(error=f"The name {host} could not be resolved on {place(check)} ({said}).", latency_s=took)
    if code < 0:
        return failed("timeout", f"{host} gave no complete answer within {check.timeout_s:g} s.", took)
    kind, words = _CURL_EXITS.get(code, ("failed", f"could not be asked over HTTP ({said or f'curl exit {code}'})"))
    return failed(kind, f"{host}, asked on {place(check)}, {words}.", took)


def _curl_config(check: Check, headers: Mapping[str, str]) -> str:
    """The request as curl's configuration: one quoted option per line."""
    options = check.probe.options
    lines = [f"url = {_quoted(text_option(check, 'url'))}", f"user-agent = {_quoted(_AGENT)}", 'proto = "=http,https"']
    method = text_option(check, "method", "GET").upper()
    lines.append("head" if method == "HEAD" else f"request = {_quoted(method)}")
    lines += [f"header = {_quoted(f'{name}: {value}')}" for name, value in headers.items()]
    if options.get("body") is not None:
        lines.append(f"data-raw = {_quoted(str(options['body']))}")
    if options.get("follow"):
        lines += ["location", "max-redirs = 10"]
    if options.get("verify", True) is False:
        lines.append("insecure")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
    return f'"{escaped}"'
