"""The documentation site of the harbour: static pages over HTTP, and the same over TLS with its own certificate.

    python docs.py --root site --port 8803 --tls-port 8804 --certificate tls/docs.pem

The certificate file is read again when it changes, so a renewed one needs no restart.
"""

from __future__ import annotations

import argparse
import functools
import os
import signal
import socket
import ssl
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from desk import leave, say


class Pages(SimpleHTTPRequestHandler):
    """Static files; folders are not listed."""

    timeout = 20

    def list_directory(self, path: str) -> None:  # type: ignore[override]
        self.send_error(404, "no such page")

    def log_message(self, format: str, *arguments: object) -> None:
        """Not logged."""


class Site(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class SecureSite(Site):
    """The handshake happens in the thread of the connection, so a slow client holds up nobody."""

    certificate = ""
    _seen: tuple[float, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        changed = os.stat(self.certificate).st_mtime
        if self._seen is None or self._seen[0] != changed:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._seen = (changed, context)
            say("docs: certificate read")
        return self._seen[1]

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        request.settimeout(5.0)
        with self.context().wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--root", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    given = parser.parse_args()
    handler = functools.partial(Pages, directory=given.root)
    secure = SecureSite(("127.0.0.1", given.tls_port), handler)
    secure.certificate = given.certificate
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    say(f"docs: open on port {given.port}, with TLS on port {given.tls_port}")
    Site(("127.0.0.1", given.port), handler).serve_forever()


if __name__ == "__main__":
    main()
