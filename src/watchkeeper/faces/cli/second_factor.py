"""`wk user second-factor`: an authenticator set up in the terminal. Its key and the recovery codes are shown once."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watchkeeper.faces.cli.client import Client


def set_up(client: Client, as_json: bool) -> int:
    """Show the key, take a code of it, show the recovery codes. The code of $WATCHKEEPER_CODE is not for this."""
    if as_json or not sys.stdin.isatty():
        raise Usage(
            "A second factor is set up by somebody at a terminal.",
            "Or on the page, under your account; programs have none.",
        )
    begun = client.post("/me/second-factor")["second_factor"]
    print(f"Key: {begun['secret']}\n\n{begun['url']}\n{drawn(begun['url'])}")
    print("Scan it with your authenticator, then type the code it shows: ", end="", file=sys.stderr, flush=True)
    code = sys.stdin.readline().strip()
    password = render.ask_hidden("Your password (empty when you have none):")
    answer = client.post("/me/second-factor/confirm", {"code": code, "password": password})
    print("\nThe second factor counts from now on. Recovery codes, each good for one time, shown this once:")
    print("\n".join(f"  {each}" for each in answer["second_factor"]["recovery_codes"]))
    return 0


def drawn(text: str) -> str:
    """A QR code of blocks, as wide as the terminal shows it; "" when this terminal has no such letters."""
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        return ""
    import io

    import qrcode

    code = qrcode.QRCode(border=2)
    code.add_data(text)
    out = io.StringIO()
    code.print_ascii(out=out, invert=True)
    return out.getvalue()
