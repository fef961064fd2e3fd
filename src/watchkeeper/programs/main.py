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
from typing import TYPE_CHECKING, Any

from watchkeeper.core.network import Network, network_of
from watchkeeper.programs import logs
from watchkeeper.programs.following import follow_supervisor
from watchkeeper.programs.sockets import assert_certificate, follow_certificate, tcp_listener, unix_listener

if TYPE_CHECKING:
    from watchkeeper.bootstrap.main import Application

log = logging.getLogger("watchkeeper.main")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


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
        network = network_from(options)
        assert_certificate(network)
        listener = tcp_listener(network)
        agents = unix_listener(Path(network.agent_socket), 0o666) if network.agent_socket else None
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
    app.network = network
    app.web_url = network.url(listener.getsockname()[1])
    code = 0
    try:
        start_beats(app, daemon=True)
        _write_url(state, app.web_url)
        keep_loaded()
        if options.greet:
            _greet(app)
        asyncio.run(_serve(state, listener, agents, network))
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
    add_network_arguments(parser)
    parser.add_argument("--greet", action="store_true")
    logs.add_arguments(parser)
    return parser.parse_args(arguments)


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen; the same words as of `wk up`."""
    parser.add_argument("--port", type=int, default=None)
    for name in ("--listen", "--tls-cert", "--tls-key", "--agent-socket"):
        parser.add_argument(name, default="")
    for name in ("--trusted-proxy", "--host"):
        parser.add_argument(name, action="append", default=[])


def network_from(options: argparse.Namespace) -> Network:
    """What the options say. Raises `Usage`."""
    return network_of(
        options.listen, options.port, options.tls_cert, options.tls_key, options.trusted_proxy, options.host,
        options.agent_socket,
    )  # fmt: skip


def _greet(app: Application) -> None:
    """The way in for the very first start, on the terminal where somebody just started us."""
    if app.accounts.any_person():
        return
    key = app.door.make_link()
    print(f"\nNobody has an account yet. This link opens the page once, within ten minutes:\n  {app.web_url}/enter?key={key}\n",
          file=sys.stderr, flush=True)  # fmt: skip


def _write_url(state: Path, url: str) -> None:
    path = state / "web.url"
    path.write_text(json.dumps({"url": url, "port": int(url.rpartition(":")[2])}))
    path.chmod(0o600)


async def _serve(state: Path, listener: socket.socket, agents: socket.socket | None, network: Network) -> None:
    import uvicorn

    from watchkeeper.programs.doorway import Doorway, PeerProtocol

    common: dict[str, Any] = {
        "log_level": "warning", "log_config": None, "access_log": False,
        "lifespan": "off", "timeout_graceful_shutdown": 2, "server_header": False,
        "proxy_headers": False, "h11_max_incomplete_event_size": 65_536,
    }  # fmt: skip
    tls: dict[str, Any] = {"ssl_certfile": network.certificate, "ssl_keyfile": network.key} if network.has_tls else {}
    app = build_asgi()
    outside = uvicorn.Config(Doorway(app, "tcp", network), **common, **tls)
    served = [(uvicorn.Server(outside), listener)]
    ways = [("unix", unix_listener(state / "main.sock"))]
    ways += [("agent", agents)] if agents is not None else []
    for way, opened in ways:
        config = uvicorn.Config(Doorway(app, way), http=PeerProtocol, **common)
        served.append((uvicorn.Server(config), opened))
    loop = asyncio.get_running_loop()
    for server, _ in served:
        vars(server)["capture_signals"] = nullcontext  # signals end all servers, below

    def stop() -> None:
        for server, _ in served:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    following = None
    if network.has_tls:
        outside.load()
        following = asyncio.create_task(follow_certificate(outside.ssl, network)) if outside.ssl else None
    log.info("main is ready")
    await asyncio.gather(*(server.serve([opened]) for server, opened in served))
    if following is not None:
        following.cancel()


def build_asgi() -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The public status page, live events and /mcp by ASGI, everything else by Django as WSGI."""
    import django
    from a2wsgi import WSGIMiddleware
    from django.core.handlers.wsgi import WSGIHandler

    from watchkeeper.faces.mcp.mount import Mount
    from watchkeeper.faces.web import warm
    from watchkeeper.faces.web.live import Live
    from watchkeeper.faces.web.public_status import PublicStatus

    django.setup()
    warm.start()
    pages: Any = WSGIMiddleware(WSGIHandler(), workers=8)
    return Mount(PublicStatus(Live(pages)), WSGIHandler)


if __name__ == "__main__":
    sys.exit(main())
