"""Where pages arrive: a webhook and a mail server that take everything and remember it."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, cast


class WebhookSink:
    """`url`: where to post; `received`: JSON bodies in order of arrival."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        received = self.received

        class Catcher(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                received.append(json.loads(self.rfile.read(length)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Catcher)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/pages"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> WebhookSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Dialogue(socketserver.StreamRequestHandler):
    """RFC 5321 as far as a client needs it to hand over mail."""

    def handle(self) -> None:
        sink = cast("MailSink", self.server)
        self._say("220 lab ESMTP")
        while line := self.rfile.readline(2000).decode("utf-8", "replace").strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self.wfile.write(b"250-lab\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            elif verb in ("HELO", "MAIL", "RCPT", "RSET", "NOOP"):
                if verb == "RCPT":
                    sink.recipients.append(line.partition(":")[2].strip(" <>"))
                self._say("250 ok")
            elif verb == "DATA":
                self._say("354 go ahead, end with a dot")
                sink.received.append(cast(EmailMessage, message_from_bytes(self._body(), policy=policy.default)))
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("502 not implemented")

    def _body(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class MailSink(socketserver.ThreadingTCPServer):
    """`port`: of the SMTP server on 127.0.0.1; `received`: messages; `recipients`: addresses of every RCPT."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *words: object) -> None:
        self.shutdown()
        super().__exit__(*words)
