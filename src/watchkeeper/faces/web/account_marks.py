"""Template tags of the account pages: what the script of passkeys reads, and the QR code of an authenticator."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def as_json(value: Any) -> str:
    """For an attribute; the template escapes it."""
    return json.dumps(value, default=dict)


@register.simple_tag
def qr_code(text: str) -> SafeString:
    """Black on white whatever the theme is, since cameras expect it so."""
    import qrcode

    code = qrcode.QRCode(border=4, error_correction=qrcode.ERROR_CORRECT_M)
    code.add_data(text)
    rows = code.get_matrix()
    dark = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, black in enumerate(row) if black)
    return format_html(
        '<svg class="qr" viewBox="0 0 {0} {0}" width="232" height="232" role="img" shape-rendering="crispEdges" '
        'aria-label="QR code of the key below"><path fill="#fff" d="M0 0h{0}v{0}H0z"/><path fill="#000" d="{1}"/></svg>',
        len(rows), dark,
    )  # fmt: skip


@register.filter
def groups(text: str) -> str:
    """A key in groups of four letters, to be typed."""
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))
