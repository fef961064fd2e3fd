"""Channel kind `smtp`: one mail through one server, by the standard library.

The Message-ID is made of the key of the message, so a server or reader that has it already shows it once. All mails of one
incident refer to the same first one, so a reader shows them as one thread. TLS is used unless the file says otherwise, and
the server's certificate must hold.
"""

from __future__ import annotations

import hashlib
import logging
import smtplib
import socket
import ssl
import threading
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from types import MappingProxyType

from watchkeeper.adapters.notifiers.body import text_body
from watchkeeper.core.notifications import Message
from watchkeeper.services.ports.notifiers import DeliveryError

TITLE_CHARACTERS = 180
log = logging.getLogger(__name__)


def deliver(
    target: str, message: Message, *, timeout_s: float, key: str = "", directory: str = "",
    options: Mapping[str, object] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Send one mail to every address of the channel. Raises `DeliveryError`; refused for good (5xx) is permanent.

    It counts as taken when the server took it for one address at least.
    """
    del key, directory
    who = f"The mail server {target}"
    mail = written(message, options)
    to = [str(each) for each in _listed(options.get("to"))]
    late = f"{who} did not answer within {timeout_s:g} s."
    limit = _Limit(timeout_s)
    try:
        with limit:
            refused = _exchange(target, options, mail, to, timeout_s, limit)
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryError(f"{who} does not let {options.get('user')} in ({error.smtp_code}).", True) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise DeliveryError(*_refused(who, {name: code for name, (code, _) in error.recipients.items()})) from None
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(f"{who} refused the mail with {error.smtp_code}.", 500 <= error.smtp_code < 600) from None
    except smtplib.SMTPNotSupportedError:
        raise DeliveryError(f"{who} offers no TLS, and without it nothing is sent there.", True) from None
    except ssl.SSLCertVerificationError as error:
        raise DeliveryError(f"{who}: its certificate does not hold ({error.verify_message}).") from None
    except TimeoutError:
        raise DeliveryError(late) from None
    except (OSError, smtplib.SMTPException) as error:
        if limit.passed:
            raise DeliveryError(late) from None
        raise DeliveryError(f"{who} could not be reached: {_why(error)}.") from None
    if refused:  # the others have it: sending it again would tell them twice and him never
        log.warning("%s", _refused(who, refused)[0])


def _exchange(
    host: str, options: Mapping[str, object], mail: EmailMessage, to: list[str], timeout_s: float, limit: _Limit
) -> dict[str, int]:
    """Send it; the addresses that were refused while others were taken, with their codes."""
    port, tls = int(str(options.get("port") or 587)), str(options.get("tls") or "starttls")
    context = ssl.create_default_context()
    name = _own_name()
    server: smtplib.SMTP
    if tls == "implicit":
        server = smtplib.SMTP_SSL(host, port, local_hostname=name, timeout=timeout_s, context=context)
    else:
        server = smtplib.SMTP(host, port, local_hostname=name, timeout=timeout_s)
    limit.guard(server)
    try:
        if tls == "starttls":
            server.starttls(context=context)
            limit.guard(server)
        if options.get("user"):
            server.login(str(options["user"]), str(options.get("password") or ""))
        refused = server.send_message(mail, from_addr=str(options.get("from") or ""), to_addrs=to)
    except BaseException:
        server.close()
        raise
    try:
        server.quit()  # it was taken: how the talk ends does not matter any more
    except (OSError, smtplib.SMTPException):
        server.close()
    return {address: int(code) for address, (code, _) in refused.items()}


def written(message: Message, options: Mapping[str, object]) -> EmailMessage:
    """The mail. Its date is that of the message, so that a retry is the same mail."""
    sender = str(options.get("from") or "watchkeeper@localhost")
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(str(each) for each in _listed(options.get("to")))
    mail["Subject"] = one_line(message.title)[:TITLE_CHARACTERS]
    mail["Message-ID"] = message_id(message.key, domain)
    mail["Date"] = formatdate(message.at or None)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Watchkeeper-Key"] = one_line(message.key)
    if message.incident is not None:
        first = message_id(f"incident-{message.incident}", domain)
        mail["References"] = first
        mail["In-Reply-To"] = first
    if message.severity == "P1" and message.kind in ("opened", "escalated"):
        mail["Importance"] = "high"
    mail.set_content(text_body(message), charset="utf-8")
    return mail


def message_id(key: str, domain: str) -> str:
    """``<digest@domain>``: the same for the same key, and no character of the key can break the header."""
    return f"<{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}@{domain}>"


def one_line(text: str) -> str:
    """Text that can stand in a header: no line break can add another one."""
    whole = " ".join(text.split()).encode("utf-8", "replace").decode("utf-8")
    return "".join(character if character.isprintable() else "?" for character in whole)


class _Limit:
    """Shuts the line when the whole exchange takes too long; a socket timeout alone starts anew with every byte."""

    def __init__(self, timeout_s: float) -> None:
        self.passed = False
        self._opened: socket.socket | None = None
        self._timer = threading.Timer(timeout_s, self._shut)
        self._timer.daemon = True

    def __enter__(self) -> _Limit:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def guard(self, server: smtplib.SMTP) -> None:
        """This is the line now."""
        self._opened = server.sock
        if self.passed:
            self._shut()

    def _shut(self) -> None:
        self.passed = True
        try:
            if self._opened is not None:
                self._opened.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, tuple | list) else [value] if value else []


def _refused(who: str, codes: Mapping[str, int]) -> tuple[str, bool]:
    listed = ", ".join(f"{one_line(str(address))} ({code})" for address, code in sorted(codes.items()))
    return f"{who} refused {listed}.", all(500 <= code < 600 for code in codes.values())


def _own_name() -> str:
    """What we say we are. A full name is not looked up: that may hang where DNS does."""
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "watchkeeper"


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "it closed the line"
    return getattr(error, "strerror", None) or type(error).__name__
