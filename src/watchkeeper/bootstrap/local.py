"""The API in the process of a command: what a command line does while no daemon runs."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

from watchkeeper.bootstrap.main import Application, open_application, start_beats
from watchkeeper.core.log.chain import Verification
from watchkeeper.store.writer import Store


class LocalClient:
    """The API called in-process, for a command line without a running daemon. The caller holds the state lock."""

    def __init__(self, app: Application, token: str = "", way: str = "unix") -> None:
        import django
        from django.core.handlers.wsgi import WSGIHandler

        self._own = {"HTTP_X_WATCHKEEPER_WAY": way, "HTTP_X_WATCHKEEPER_PEER": str(os.getuid())}
        self._own |= {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}

        django.setup()
        self._app = app
        self._handler = WSGIHandler()
        self._guard = threading.Lock()

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request; path with query, body as JSON bytes."""
        answer: dict[str, object] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            answer["status"] = int(status.split()[0])
            answer["headers"] = dict(headers)

        route, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": route, "QUERY_STRING": query, "SERVER_NAME": "localhost",
            "SERVER_PORT": "0", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "http", "HTTP_HOST": "localhost",
        }  # fmt: skip
        environ.update({"HTTP_" + name.upper().replace("-", "_"): value for name, value in (headers or {}).items()})
        environ.update(self._own)
        with self._guard:
            data = b"".join(self._handler(environ, start_response))
        return int(str(answer["status"])), dict(answer["headers"]), data  # type: ignore[call-overload]

    def close(self) -> None:
        """Stop what was started for this command."""
        self._app.close()


def verify_log(state: Path) -> Verification:
    """The operations log of a store that nobody can open: read, recomputed, nothing written."""
    os.environ["WATCHKEEPER_STATE"] = str(state)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "watchkeeper.settings")
    return Store.verify_closed(state)


def local_client(ops: Path, state: Path, token: str = "", way: str = "unix") -> LocalClient:
    """Open the state without a daemon. Raises `Locked` when a daemon holds it.

    token: of the person who calls. way: ``state`` acts as the owner of the state directory whoever else exists, which is
    how a lost token is replaced; it needs the lock that no daemon holds.
    """
    from watchkeeper.bootstrap.state import assert_usable, lock_state

    lock_state(state)
    assert_usable(state)
    app = open_application(ops, state)
    start_beats(app)
    return LocalClient(app, token, way)
