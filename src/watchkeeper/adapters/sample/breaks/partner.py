"""The tide service of the hydrographic office, which is not ours and has a limit."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from typing import Any

from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer

KEY = {"X-Key": "harbour"}
MOST = 2_000


def rate_limited(places: Places) -> float:
    """Somebody else uses our key: questions until the office shuts it out."""
    connection = http.client.HTTPConnection("127.0.0.1", places.ports()["partner"], timeout=5.0)
    try:
        for _ in range(MOST):
            connection.request("GET", "/v1/tides", headers=KEY)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 429:
                return time.time()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"The tide service does not answer ({error}).", "Put the fleet right: wk demo --heal.") from None
    finally:
        connection.close()
    raise NoAnswer(f"The tide service refused none of {MOST} questions.", "Is it the partner.py of this version?")


def usage(places: Places) -> dict[str, Any]:
    """How our key stands, as the office itself says: logins, used, shut_out_s. Empty without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", places.ports()["partner"], timeout=3.0)
    try:
        connection.request("GET", "/v1/usage", headers=KEY)
        return dict(json.loads(connection.getresponse().read()))
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()


def _made_no_worse(after: Aftermath) -> str:
    logins = int(usage(after.places).get("logins", 0))
    if after.ran("restart") or logins > 1:
        return f"our program logged in {logins} times, which makes it worse"
    return after.missing_words("429", "Retry-After")


def mend(places: Places) -> Sequence[str]:
    """The office forgets it: both programs start anew, so that the key has logged in once."""
    known = usage(places)
    return ("partner", "tides") if not known or known["shut_out_s"] > 0 or known["logins"] != 1 else ()


FAMILY = Family(
    scenarios=(
        Scenario(
            "rate-limited", "escalated", "tides", "a partner's API refuses our key: 429, too many requests", rate_limited,
            "waits as long as `Retry-After` says, and finds out who else uses the key", judge=_made_no_worse,
            linger_s=2.0, weight_s=12,
        ),
    ),
    mend=mend,
    responses=("tides/runbooks/tides-stale.md",),
)  # fmt: skip
