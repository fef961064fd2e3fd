"""The documentation site of the harbour: static pages over HTTP, and the same over TLS with its own certificate.

    python docs.py --root site --port 8803 --tls-port 8804 --certificate tls/docs.pem --memory-mb 90

The certificate file is read again when it changes, so a renewed one needs no restart.
GET /search?q=printer&page=1 looks for a word. Answers are kept, and the old ones were never thrown away: a crawler that
follows "next page" for ever fills the memory. Beyond its memory limit the site answers no new search (503).
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import signal
import socket
import ssl
import threading
import urllib.parse
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from desk import leave, say

SHEETS = 4_000
ANSWER_LIMIT = 20_000


class Search:
    """Looks for words in the pages of the handbook, and keeps every answer it ever gave."""

    def __init__(self, root: Path, memory_mb: int) -> None:
        self.memory_mb = memory_mb
        self.words: list[str] = []
        for page in sorted(root.glob("*.html")):
            self.words += re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")).split()
        self.kept: dict[tuple[str, int], list[str]] = {}

    def answer(self, word: str, page: int) -> str:
        """Every place of the word with the text around it. Raises `MemoryError` beyond the limit."""
        found = self.kept.get((word, page))
        if found is None:
            if resident_mb() > self.memory_mb:
                raise MemoryError(f"no memory for another search: {self.memory_mb} MB are in use")
            found = self.kept[word, page] = self.look(word.lower(), page)
        places = sum(each.count("[") for each in found[:1])
        return f"{places} places for {word}, page {page}\n" + found[0]

    def look(self, word: str, page: int) -> list[str]:
        """The whole text with the word marked, once for each of the sheets that a person may want to print."""
        marked = " ".join(f"[{each}]" if word and word in each.lower() else each for each in self.words)
        return [f"{marked}\n-- sheet {sheet} of page {page} --" for sheet in range(SHEETS)]


def resident_mb() -> float:
    """What this process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Pages(SimpleHTTPRequestHandler):
    """Static files; folders are not listed."""

    timeout = 20
    search: Search

    def do_GET(self) -> None:
        if not self.path.startswith("/search?"):
            super().do_GET()
            return
        asked = urllib.parse.parse_qs(self.path.partition("?")[2])
        page = asked.get("page", ["1"])[0]
        try:
            number = int(page) if page.isdigit() else 1
            status, text = 200, self.search.answer(asked.get("q", [""])[0][:80], min(number, 1_000_000))
        except MemoryError as error:
            status, text = 503, str(error)
        data = text[:ANSWER_LIMIT].encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

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
    parser.add_argument("--memory-mb", type=int, default=90, help="beyond it no new search is answered")
    given = parser.parse_args()
    Pages.search = Search(Path(given.root), given.memory_mb)
    handler = functools.partial(Pages, directory=given.root)
    secure = SecureSite(("127.0.0.1", given.tls_port), handler)
    secure.certificate = given.certificate
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    say(f"docs: open on port {given.port}, with TLS on port {given.tls_port}")
    Site(("127.0.0.1", given.port), handler).serve_forever()


if __name__ == "__main__":
    main()
