"""Speaking with main: the API over its Unix socket, or in-process when no daemon runs.

The HTTP of the socket is spoken here in a few lines on purpose: importing http.client (it brings ssl and email)
costs as much as the whole rest of a `wk status`. For the same reason the socket is the bare one of `_socket`: the
`socket` module around it turns 500 constants into enumerations first.
"""

from __future__ import annotations

import json
import os
import time
from _socket import AF_UNIX, SOCK_STREAM
from _socket import socket as Socket

from watchkeeper.core import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Protocol

    class Transport(Protocol):
        """One request, one answer: (status, headers in lower case, body)."""

        def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, Mapping[str, str], bytes]: ...


BASE = "/api/v1"
LARGEST_ANSWER = 64 * 1024 * 1024
LARGEST_HEAD = 64 * 1024
LARGEST_PAGE = 1000
"""Rows of one answer at most (`faces.api.paging`)."""
_STUCK = b'{"status": {'
"""503 with the whole status: watchkeeper itself is not well, and says all the same what is."""
STARTING_S = 10.0
"""How long a daemon that holds the state may take until it answers on its socket."""
ERRORS = {
    kind.kind: kind
    for kind in (
        errors.WatchkeeperError, errors.Usage, errors.Invalid, errors.Forbidden, errors.NeedsFactor, errors.TooMany,
        errors.NotFound, errors.Locked, errors.NoAnswer, errors.StoreAway, errors.Outcast,
    )
}  # fmt: skip


class Client:
    """The API as Python calls. Answers are the decoded JSON objects; refusals come back as core errors.

    socket_path: main's socket. actor: "" for who owns the state directory, or "drill".
    timeout_s: for one whole request. transport: instead of the socket. token: of a person; None: the environment's.
    """

    def __init__(
        self, socket_path: str = "", actor: str = "", timeout_s: float = 60.0, transport: Transport | None = None,
        token: str | None = None,
    ) -> None:  # fmt: skip
        self.transport = transport or SocketTransport(str(socket_path), actor, timeout_s, token)
        self.local = transport is not None
        self.factor_shown = False

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """GET; query values that are None or empty are left out. A list that fills the largest page is read to its end."""
        answer = self._json("GET", with_query(path, query))
        noun = next((name for name, rows in answer.items() if isinstance(rows, list) and len(rows) >= LARGEST_PAGE), "")
        while noun and "next" in answer and not query.get("limit"):
            more = self._json("GET", with_query(path, {**query, "cursor": answer.pop("next")}))
            answer = {**answer, **more, noun: answer[noun] + more[noun]}
        return answer

    def post(self, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """POST a JSON object."""
        return self._json("POST", path, json.dumps(body or {}).encode())

    def put(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """PUT a JSON object."""
        return self._json("PUT", path, json.dumps(body).encode())

    def delete(self, path: str, **query: object) -> dict[str, Any]:
        """DELETE."""
        return self._json("DELETE", with_query(path, query))

    def text(self, path: str) -> str:
        """GET something that is not JSON, as text."""
        return self.raw("GET", path)[1].decode("utf-8", "replace")

    def raw(self, method: str, path: str, body: bytes = b"") -> tuple[Mapping[str, str], bytes]:
        """(headers, bytes) of one answer; raises the core error that a refusal names."""
        full = path if path.startswith(BASE) else BASE + path
        status, headers, answer = self.transport.request(method, full, body)
        if status == 403 and not self.factor_shown and b'"second_factor"' in answer[:512] and self.show_factor():
            status, headers, answer = self.transport.request(method, full, body)
        if status >= 400 and not (status == 503 and answer.startswith(_STUCK)):
            raise error_of(status, answer, f"{method} {path.partition('?')[0]}")
        return {name.lower(): value for name, value in headers.items()}, answer

    def show_factor(self) -> bool:
        """Show a second factor with our token: $WATCHKEEPER_CODE, or what somebody types here. False: nobody can.

        Raises `Forbidden` for a wrong code. Asked once for each command.
        """
        self.factor_shown = True
        code = os.environ.pop("WATCHKEEPER_CODE", "")
        if not code:
            from watchkeeper.faces.cli.render import ask_code

            code = ask_code()
        if not code:
            return False
        self._json("POST", "/me/factor", json.dumps({"code": code}).encode())
        return True

    def stream(self, path: str, offset: int = 0, pause_s: float = 0.2) -> Iterator[bytes]:
        """Chunks of a growing output from `offset` until the API says that it has ended."""
        while True:
            headers, chunk = self.raw("GET", with_query(path, {"offset": offset}))
            following = int(headers.get("x-next-offset", offset + len(chunk)))
            if chunk:
                yield chunk
            elif headers.get("x-done") == "1":
                return
            else:
                time.sleep(pause_s)
            offset = following

    def close(self) -> None:
        """Close a connection that was opened and not used."""
        opened = getattr(self.transport, "opened", None)
        if opened is not None:
            opened.close()

    def _json(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        answer = self.raw(method, path, body)[1]
        try:
            decoded = json.loads(answer)
        except ValueError:
            decoded = None
        if not isinstance(decoded, dict):
            raise errors.WatchkeeperError(
                f"The answer to {method} {path.partition('?')[0]} is not a JSON object.",
                "Another program may be listening on this socket, or another version: 'wk doctor'.",
            )
        return decoded


class SocketTransport:
    """One HTTP/1.1 request per connection over a Unix socket. The deadline holds for the request as a whole."""

    def __init__(self, path: str, actor: str = "", timeout_s: float = 60.0, token: str | None = None) -> None:
        self.opened: Socket | None = None
        self.token = own_token() if token is None else token
        self.path = path
        self.actor = actor
        self.timeout_s = timeout_s

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Send, and read the answer to its end. Raises `NoAnswer`."""
        deadline = time.monotonic() + self.timeout_s
        lines = [f"{method} {path} HTTP/1.1", "Host: watchkeeper", "Connection: close", "Accept: */*"]
        if self.actor:
            lines.append(f"X-Watchkeeper-Actor: {self.actor}")
        if self.token and not self.actor:
            lines.append(f"Authorization: Bearer {self.token}")
        if method != "GET":
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        try:
            connection, self.opened = self.opened or open_socket(self.path, min(self.timeout_s, 5.0)), None
            try:
                connection.settimeout(self.timeout_s)
                connection.sendall(head + body)
                return parse_answer(read_all(connection, deadline))
            finally:
                connection.close()
        except TimeoutError:
            raise errors.NoAnswer(
                f"watchkeeper did not answer {method} {path.partition('?')[0]} within {self.timeout_s:g} s.",
                "It runs but is stuck or very busy: look at its log in the state directory.",
            ) from None
        except OSError as error:
            raise errors.NoAnswer(
                f"watchkeeper does not answer on {self.path} ({error.strerror or error}).", "Start it with 'wk up'."
            ) from None


def own_token() -> str:
    """The token of whoever calls: $WATCHKEEPER_TOKEN, or the file that $WATCHKEEPER_TOKEN_FILE names; "" without one.

    Never an argument: those are seen by everybody on the machine. Raises `Usage` for a file that others may read.
    """
    token, path = os.environ.get("WATCHKEEPER_TOKEN", ""), os.environ.get("WATCHKEEPER_TOKEN_FILE", "")
    if path and not token:
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise errors.Usage(
                        f"{path} holds a token and may be read by others.", f"Close it: chmod 600 {path}."
                    )
                token = file.read(200)
        except OSError as error:
            raise errors.Usage(
                f"{path} cannot be read: {error.strerror}.", "$WATCHKEEPER_TOKEN_FILE names it."
            ) from None
    token = token.strip()
    if not all((letter.isalnum() and letter.isascii()) or letter in "-_" for letter in token):
        raise errors.Usage(
            "The token holds characters that no token has.", "Copy it again, or make one: wk token add LABEL."
        )
    return token


def open_socket(path: str, timeout_s: float) -> Socket:
    """A connected Unix socket. Paths longer than the kernel's 107 bytes are reached through their open directory."""
    connection = Socket(AF_UNIX, SOCK_STREAM)
    connection.settimeout(timeout_s)
    directory = -1
    try:
        if len(os.fsencode(path)) > 107:
            directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
            path = f"/proc/self/fd/{directory}/{os.path.basename(path)}"
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    finally:
        if directory >= 0:
            os.close(directory)
    return connection


def read_all(connection: Socket, deadline: float) -> bytes:
    """The answer, to its announced length or until the other side closes. Bounded; `deadline` is monotonic."""
    parts: list[bytes] = []
    size, whole = 0, -1
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(262_144)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if whole < 0 and len(parts) == 1:
            whole = announced(part)
        if 0 <= whole <= size:
            return b"".join(parts)
        if size > LARGEST_ANSWER + LARGEST_HEAD:
            raise errors.NoAnswer(f"The answer is larger than {LARGEST_ANSWER >> 20} MB.", "Ask for less with --limit.")


def announced(start: bytes) -> int:
    """Bytes of the whole answer, head included, when its first part says so; else -1, and the close tells the end."""
    head, separator, _ = start.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"HTTP/1.1 2"):
        return -1
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return len(head) + 4 + int(value)
    return -1


def parse_answer(data: bytes) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body) of a whole HTTP answer. Raises `NoAnswer` when it is cut or no HTTP."""
    head, separator, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if not separator or not words[0].startswith("HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise errors.NoAnswer("watchkeeper closed the connection without an answer.", "It may be starting: try again.")
    status = int(words[1])
    if status < 200:
        return parse_answer(body)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return status, headers, unchunk(body)
    length = headers.get("content-length", "")
    if length.isdigit() and len(body) < int(length):
        raise _cut()
    return status, headers, body[: int(length)] if length.isdigit() else body


def unchunk(body: bytes) -> bytes:
    """The content of a chunked body."""
    parts: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        try:
            size = int(body[position:end].split(b";")[0], 16) if end >= 0 else -1
        except ValueError:
            size = -1
        if size < 0 or end + 2 + size > len(body):
            raise _cut()
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        position = end + 2 + size + 2


def _cut() -> errors.NoAnswer:
    return errors.NoAnswer(
        "The answer of watchkeeper was cut off.", "It may have been stopped in this moment: try again."
    )


def with_query(path: str, query: Mapping[str, object]) -> str:
    """`path` with the given query; values that are None or "" are left out."""
    given = {name: value for name, value in query.items() if value is not None and value != ""}
    if not given:
        return path
    joined = "&".join(f"{name}={quoted(_word(value), '')}" for name, value in given.items())
    return f"{path}{'&' if '?' in path else '?'}{joined}"


_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")


def quoted(text: str, safe: str = "/") -> str:
    """Percent-encoded for an address; urllib.parse would cost more than the request."""
    plain = _PLAIN | frozenset(safe.encode())
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def error_of(status: int, body: bytes, what: str) -> errors.WatchkeeperError:
    """The core error that an answer of 400 and above carries (`faces.api.problems`)."""
    try:
        told = json.loads(body)
        kind, sentence, hint = str(told["kind"]), str(told["detail"]), str(told.get("hint") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        known = {400: "usage", 401: "forbidden", 403: "forbidden", 404: "not_found", 409: "locked", 422: "invalid"}
        kind, hint = known.get(status, "problem"), "Its log in the state directory says more."
        sentence = f"watchkeeper answered {status} to {what}, without a reason."
    return ERRORS.get(kind, errors.WatchkeeperError)(sentence, hint)


def dial(socket_path: str, actor: str = "", timeout_s: float = 60.0) -> Client | None:
    """A client of the daemon that listens on this socket, or None (a stale socket file refuses)."""
    client = Client(socket_path, actor, timeout_s)
    assert isinstance(client.transport, SocketTransport)
    try:
        client.transport.opened = open_socket(socket_path, 5.0)
    except OSError:
        return None
    return client


def answers(socket_path: str) -> bool:
    """Whether a daemon listens on this socket."""
    client = dial(socket_path)
    if client is None:
        return False
    client.close()
    return True


def connect(ops: str, state: str, actor: str = "", timeout_s: float = 60.0) -> Client:
    """A client of the running daemon of this state directory; without one, of the same API in this process.

    The in-process API takes the state lock, so it never writes beside a daemon. Raises `Locked`.
    """
    path = os.path.join(state, "main.sock")
    deadline = time.monotonic() + STARTING_S
    while True:
        client = dial(path, actor, timeout_s)
        if client is not None:
            return client
        try:
            return in_process(ops, state)
        except errors.Locked as held:
            if time.monotonic() > deadline:
                hint = "It may be starting or stuck: look at its log, or end it where it was started."
                raise errors.Locked(f"{held.sentence} It does not answer on {path}.", hint) from None
            time.sleep(0.2)


def in_process(ops: str, state: str) -> Client:
    """The API in this process, closed at its exit. Raises `Locked` when another process holds the state."""
    import atexit
    from pathlib import Path

    from watchkeeper.bootstrap.local import local_client

    local = local_client(Path(ops), Path(state), own_token())
    atexit.register(local.close)
    return Client(transport=local)
