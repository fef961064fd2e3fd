"""Sign-in on the page: until when a name or an address rests after too many wrong tries. allauth counts them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from django.core.cache import cache
from django.http import HttpRequest

_APP, _ACTION = "allauth.account", "login_failed"


def key_of(name: str) -> str:
    """The key under which the tries for one name are counted, whether there is such a name or not."""
    return f"name {name.strip().lower()}"


def rests_until(request: HttpRequest, key: str) -> float:
    """From when on a try is taken again, for this key and this address; epoch seconds, 0 when one is taken now."""
    from allauth.core.internal.ratelimit import get_cache_key, get_rates

    until = 0.0
    for rate in get_rates(app=_APP, action=_ACTION):
        place = get_cache_key(request, app=_APP, action=_ACTION, rate=rate, key=key)
        history = cache.get(place, [])
        if len(history) >= rate.amount:
            until = max(until, float(history[rate.amount - 1]) + rate.duration)
    return until


def sentence(until: float) -> str:
    """What is told to who tried too often."""
    if not until:
        return "Too many wrong tries. Wait a minute, then try again."
    moment = datetime.fromtimestamp(math.ceil(until), UTC)
    return f"Too many wrong tries. The next one is taken at {moment:%H:%M:%S} UTC."
