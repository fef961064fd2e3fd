"""Badges for other pages: a small SVG with the name of a part and its state or availability. No script, no font."""

from __future__ import annotations

from django.utils.html import escape

from watchkeeper.core.status_page import WORDS, PublicComponent, PublicPage, PublicState
from watchkeeper.faces.web.draw import percent

FILLS: dict[PublicState, str] = {
    "works": "#1f6f63", "slow": "#7a5500", "down": "#a8120a", "unknown": "#5a5068", "maintenance": "#0f5bbf",
}  # fmt: skip
"""Of the light theme's words; white on each is at least 5.3."""
_WIDE, _NARROW = frozenset("mwMWGOQ%@"), frozenset("iljftrI.,:;!|' ")


def of_page(page: PublicPage) -> str:
    """All parts together."""
    return draw(page.title, WORDS[page.state], page.state)


def of_component(component: PublicComponent, days: int = 0) -> str:
    """One part: its state, or its availability over 30 or 90 days."""
    if not days:
        return draw(component.name, WORDS[component.state], component.state)
    share = component.available.get(days)
    return draw(f"{component.name}, {days} days", "unknown" if share is None else percent(share), _colour(share))


def _colour(share: float | None) -> PublicState:
    return "unknown" if share is None else "works" if share >= 0.999 else "slow" if share >= 0.99 else "down"


def draw(name: str, words: str, state: PublicState) -> str:
    """``| name | words |``; the name shortened to 40 characters."""
    name = name if len(name) <= 40 else f"{name[:39]}…"
    left, right = _width(name) + 14, _width(words) + 14
    whole = left + right
    label = escape(f"{name}: {words}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="22" viewBox="0 0 {whole} 22" role="img" '
        f'aria-label="{label}"><title>{label}</title><rect width="{whole}" height="22" rx="2" fill="#2b373b"/>'
        f'<path d="M{left} 0h{right - 2}a2 2 0 0 1 2 2v18a2 2 0 0 1-2 2h-{right - 2}z" fill="{FILLS[state]}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11.5">'
        f'<text x="7" y="15" textLength="{left - 14}">{escape(name)}</text>'
        f'<text x="{left + 7}" y="15" textLength="{right - 14}">{escape(words)}</text></g></svg>\n'
    )


def _width(text: str) -> int:
    """About how wide it is at 11.5 px; `textLength` makes it exact whatever font there is."""
    return round(sum(10.2 if each in _WIDE else 4.6 if each in _NARROW else 7.4 for each in text))
