"""Where things are: the ops repo and the state directory of a command."""

from __future__ import annotations

import os

from watchkeeper.core.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from watchkeeper.faces.cli.client import Client

MARK = "watchkeeper.yaml"


def find_ops(given: str = "", environment: Mapping[str, str] = os.environ, here: str = ".") -> str:
    """The ops repo: what is given, else $WATCHKEEPER_OPS, else `.` or `./ops` when it holds watchkeeper.yaml.

    Returns an absolute path. Raises `NotFound` with the way to make one.
    """
    named = [("--ops", given), ("$WATCHKEEPER_OPS", environment.get("WATCHKEEPER_OPS", ""))]
    for source, place in named:
        if place:
            return _checked(source, place)
    for place in (here, os.path.join(here, "ops")):
        if os.path.isfile(os.path.join(place, MARK)):
            return os.path.abspath(place)
    raise NotFound(
        f"No ops repo here: neither . nor ./ops holds {MARK}.",
        "Name one with --ops DIR, make one with 'wk init ops', or look around with 'wk demo'.",
    )


def _checked(source: str, place: str) -> str:
    if not os.path.isdir(place):
        raise NotFound(f"{source} names {place}, which is not a directory.", "'wk init DIR' makes an ops repo.")
    if not os.path.isfile(os.path.join(place, MARK)):
        raise NotFound(
            f"{source} names {place}, which holds no {MARK}, so it is not an ops repo.",
            f"'wk init {place}' makes one there when it is empty.",
        )
    return os.path.abspath(place)


def find_state(given: str, ops: str, environment: Mapping[str, str] = os.environ) -> str:
    """The state directory as an absolute path: what is given, else $WATCHKEEPER_STATE, else OPS/.watchkeeper."""
    return os.path.abspath(given or environment.get("WATCHKEEPER_STATE", "") or os.path.join(ops, ".watchkeeper"))


def ops_of(arguments: Namespace) -> str:
    """The ops repo that these parsed arguments mean."""
    return find_ops(arguments.ops)


def state_of(arguments: Namespace) -> str:
    """The state directory that these parsed arguments mean."""
    return find_state(arguments.state, ops_of(arguments))


def client_of(arguments: Namespace, timeout_s: float = 60.0) -> Client:
    """The API for these parsed arguments. A named state directory with a running daemon needs no ops repo."""
    from watchkeeper.faces.cli.client import connect, dial

    named = arguments.state or os.environ.get("WATCHKEEPER_STATE", "")
    if named and not arguments.ops:
        client = dial(os.path.join(os.path.abspath(named), "main.sock"), timeout_s=timeout_s)
        if client is not None:
            return client
    ops = ops_of(arguments)
    return connect(ops, find_state(arguments.state, ops), timeout_s=timeout_s)
