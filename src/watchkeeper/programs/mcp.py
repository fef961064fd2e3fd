"""`wk mcp`: the Model Context Protocol on standard input and output, over the socket of a running main.

Who calls: the owner of the token in the environment, else the agent of this Unix user. Nothing is written on standard
output but the protocol; what goes wrong is told on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.faces.cli.client import SocketTransport, own_token

TIMEOUT_S = 120.0
THREADS = 4


class SocketCalls:
    """Implements `faces.mcp.calls.Transport`: each request is a connection of its own, so a restart of main is survived."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, Mapping[str, str], bytes]:
        """One request; raises `NoAnswer` while no main runs, and `Usage` for a token that is none."""
        token = own_token()
        actor = "" if token else "agent"  # what speaks here is a program: never the owner of the state directory
        return SocketTransport(str(self._state / "main.sock"), actor, TIMEOUT_S, token).request(method, path, body)


def main(arguments: list[str] | None = None) -> int:
    """Serve until standard input ends; returns the exit code."""
    parser = argparse.ArgumentParser(prog="watchkeeper.programs.mcp")
    parser.add_argument("--state", required=True)
    state = Path(parser.parse_args(arguments).state)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="wk mcp: %(message)s")
    try:
        from mcp.server.stdio import stdio_server

        from watchkeeper.faces.mcp.serving import build_server
    except ImportError:
        print("wk: this installation has no MCP: the package mcp is missing.", file=sys.stderr)
        print("    Install it: pip install 'watchkeeper[mcp]'.", file=sys.stderr)
        return 2

    async def serve() -> None:
        transport = SocketCalls(state)
        server = build_server(lambda context: transport, ThreadPoolExecutor(THREADS, "api"))
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return 130
    except WatchkeeperError as error:
        print(f"wk: {error}", file=sys.stderr)
        return 6
    finally:
        sys.stderr.flush()
    os._exit(0)  # a call at work must not hold the end of the conversation


if __name__ == "__main__":
    sys.exit(main())
