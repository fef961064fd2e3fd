"""main: API, page, runs and outbox. Serves a Unix socket for the command line and loopback TCP for the page."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from watchkeeper.programs import logs
from watchkeeper.programs.following import follow_supervisor

log = logging.getLogger("watchkeeper.main")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
DEFAULT_PORT = 8600


def main(arguments: list[str] | None = None) -> int:
    """Run main until SIGTERM; returns its exit code (5: the state is locked, 2: wrong files)."""
    options = _options(arguments)
    logs.set_up("main", options.log_level, options.log_format)
    logging.getLogger("django.request").setLevel(logging.ERROR)  # a refused request is told to its caller
    follow_supervisor()
    from watchkeeper.core.errors import Locked, WatchkeeperError

    try:
        from watchkeeper.bootstrap.state import assert_usable, lock_state

        state = Path(options.state).resolve()
        lock_state(state)
        assert_usable(state)
        listener = _listen(options.port)
    except WatchkeeperError as error:
        print(f"wk up: {error}", file=sys.stderr)
        return 5 if isinstance(error, Locked) else 2
    from watchkeeper.adapters.known_secrets import KnownSecrets
    from watchkeeper.bootstrap.main import open_application, start_beats
    from watchkeeper.bootstrap.memory import keep_loaded

    try:
        app = open_application(Path(options.ops).resolve(), state)
    except WatchkeeperError as error:
        print(f"wk up: {error}", file=sys.stderr)
        return 5 if isinstance(error, Locked) else 2
    logs.hide_by(KnownSecrets(app.secrets.known).redact_now)
    app.web_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    code = 0
    try:
        start_beats(app, daemon=True)
        _write_url(state, app.web_url)
        keep_loaded()
        asyncio.run(_serve(state, listener))
    except Exception:
        log.exception("main failed")
        code = 1
    finally:
        app.close()
        (state / "web.url").unlink(missing_ok=True)
        logging.shutdown()
        sys.stderr.flush()
    os._exit(code)  # a step still at work must not hold the process: the spool keeps it, the next start picks it up


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="watchkeeper.programs.main")
    parser.add_argument("--ops", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--port", type=int, default=None)
    logs.add_arguments(parser)
    return parser.parse_args(arguments)


def _listen(port: int | None) -> socket.socket:
    """The page's loopback listener: the port asked for, or 8600, or a free one when that is taken."""
    from watchkeeper.core.errors import Locked

    for candidate in (port,) if port is not None else (DEFAULT_PORT, 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it; without it each answer of two packets waits 40 ms for a delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind(("127.0.0.1", candidate or 0))
        except OSError:
            listener.close()
            continue
        listener.listen(128)
        listener.set_inheritable(False)
        return listener
    raise Locked(f"Port {port} on 127.0.0.1 is taken.", "Choose another with --port, or leave it out for a free one.")


def _write_url(state: Path, url: str) -> None:
    path = state / "web.url"
    path.write_text(json.dumps({"url": url, "port": int(url.rpartition(":")[2])}))
    path.chmod(0o600)


async def _serve(state: Path, listener: socket.socket) -> None:
    import uvicorn

    unix = _unix_listener(state / "main.sock")
    common: dict[str, Any] = {
        "log_level": "warning", "log_config": None, "access_log": False,
        "lifespan": "off", "timeout_graceful_shutdown": 2, "server_header": False,
        "proxy_headers": False, "h11_max_incomplete_event_size": 65_536,
    }  # fmt: skip
    servers = [uvicorn.Server(uvicorn.Config(Doorway(build_asgi(), way), **common)) for way in ("unix", "tcp")]
    loop = asyncio.get_running_loop()
    for server in servers:
        vars(server)["capture_signals"] = nullcontext  # signals end both servers, below

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    log.info("main is ready")
    await asyncio.gather(servers[0].serve([unix]), servers[1].serve([listener]))


def _unix_listener(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unix.bind(str(path))
    path.chmod(0o600)
    unix.listen(128)
    return unix


class Doorway:
    """Tells the application which socket a request came by; what the caller claims about that is dropped."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], way: str) -> None:
        self._app = app
        self._way = way.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [
                pair for pair in scope["headers"] if pair[0].lower() not in (b"x-watchkeeper-way", b"x_watchkeeper_way")
            ]
            scope = {**scope, "headers": [*headers, (b"x-watchkeeper-way", self._way)]}
            if self._way == b"unix":
                scope["client"], scope["server"] = ("unix", 0), ("localhost", 0)
        await self._app(scope, receive, send)


def build_asgi() -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Live events by ASGI, everything else by Django as WSGI."""
    import django
    from a2wsgi import WSGIMiddleware
    from django.core.handlers.wsgi import WSGIHandler

    from watchkeeper.faces.web.live import Live

    django.setup()
    pages: Any = WSGIMiddleware(WSGIHandler(), workers=8)
    return Live(pages)


if __name__ == "__main__":
    sys.exit(main())
