"""`wk up`: become the supervisor of the two programs."""

from __future__ import annotations

import os
import sys

from watchkeeper.core.errors import Locked, Usage
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import find_state, ops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.core.network import Network

EXAMPLES = """\
  wk up                        the watch over ./ops; Ctrl-C ends it
  wk --ops /srv/ops up --port 8765
  wk up --listen 192.0.2.10:443 --tls-cert chain.pem --tls-key key.pem --host ops.example.org
  wk up --trusted-proxy 127.0.0.1              behind a proxy on this machine that ends TLS
  wk up --log-format json --log-level debug
  wk --ops /srv/ops --state /var/lib/watchkeeper up --print-unit --user watchkeeper"""


def add_parser(commands: Any) -> None:
    """Parser of `wk up`."""
    parser = verb(commands, "up", "Start the watch and the web page, in the foreground.", EXAMPLES)
    parser.add_argument(
        "--port", type=int, default=None, help="of the web page on loopback (default: 8600, or a free one)"
    )
    parser.add_argument(
        "--listen", default="", metavar="ADDRESS:PORT", help="open it to others; needs TLS or a trusted proxy"
    )
    parser.add_argument(
        "--tls-cert", default="", metavar="FILE", help="certificate chain, PEM; read again when renewed"
    )
    parser.add_argument("--tls-key", default="", metavar="FILE", help="its private key, PEM")
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="CIDR",
        help="a proxy in front that ends TLS (again for more)",
    )
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="a name by which it is opened, besides web.url"
    )
    parser.add_argument(
        "--agent-socket", default="", metavar="PATH", help="a socket where every Unix user may call, as an agent"
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="of its own log (default: info)"
    )
    parser.add_argument("--log-format", choices=("text", "json"), help="of its own log (default: text)")
    parser.add_argument(
        "--print-unit", action="store_true", help="print the systemd unit for these places, start nothing"
    )
    parser.add_argument(
        "--user", default="", metavar="NAME", help="of the unit (default: who owns the state directory)"
    )


def run(arguments: Namespace) -> int:
    """Replace this process by the supervisor, so that a service manager sees one process from the start."""
    from watchkeeper.faces.cli.client import answers

    ops = ops_of(arguments)
    state = find_state(arguments.state, ops)
    network = network_from(arguments)
    if arguments.user and not arguments.print_unit:
        raise Usage("--user is for --print-unit.", "To run as another user: sudo -u NAME wk up.")
    if arguments.print_unit:
        from watchkeeper.faces.cli.unit import printed

        print(printed(ops, state, network, arguments.user), end="")
        return 0
    if answers(os.path.join(state, "main.sock")):
        raise Locked(f"watchkeeper already runs for {ops}.", "'wk status' asks it; end it where it was started.")
    look_at_state(state)
    sys.stdout.flush()
    greeting = ["--greet"] if sys.stderr.isatty() else []
    os.execv(sys.executable, [*command(ops, state, network), *greeting, *logging_words(arguments)])
    return 0


def look_at_state(state: str) -> None:
    """Refuse a state that a newer program wrote, before anything is started; say which schema changes come now."""
    from pathlib import Path

    from watchkeeper.faces.cli.render import note
    from watchkeeper.store import versions

    if not os.path.isdir(state):
        return
    versions.assert_usable(Path(state))
    pending = versions.pending(Path(state))
    if pending:
        note(f"Schema changes: {', '.join(pending)}. A backup comes first: {state}/before-upgrade.")


def logging_words(arguments: Namespace) -> list[str]:
    """How the programs log, for their command lines; what is not said comes from the environment."""
    said = (("--log-level", arguments.log_level), ("--log-format", arguments.log_format))
    return [word for flag, value in said if value for word in (flag, value)]


def network_from(arguments: Namespace) -> Network:
    """Where to listen, as these parsed arguments say it; files by their whole path. Raises `Usage`."""
    from watchkeeper.core.network import network_of

    files = [
        os.path.abspath(each) if each else ""
        for each in (arguments.tls_cert, arguments.tls_key, arguments.agent_socket)
    ]
    return network_of(
        arguments.listen, arguments.port, files[0], files[1], arguments.trusted_proxy, arguments.host, files[2]
    )


def command(ops: str, state: str, network: Network) -> list[str]:
    """The supervisor's command line."""
    words = [sys.executable, "-m", "watchkeeper.programs.supervisor", "--ops", ops, "--state", state]
    return [*words, *network.words()]
