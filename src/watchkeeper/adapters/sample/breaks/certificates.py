"""The certificate of the documentation site."""

from __future__ import annotations

import time
from collections.abc import Sequence

from watchkeeper.adapters.sample import fleet
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.certificate import days_left, make_certificate
from watchkeeper.adapters.sample.places import Places


def certificate(places: Places) -> float:
    """The documentation site's certificate is replaced by one with 5 days left."""
    at = time.time()
    make_certificate(places.certificate, 5.0)
    return at


def certificate_expired(places: Places) -> float:
    """The documentation site's certificate is replaced by one that ended yesterday."""
    at = time.time()
    make_certificate(places.certificate, -1.0)
    return at


def _in_time(after: Aftermath) -> str:
    return "" if after.incident["severity"] == "P3" else "it was no warning in time"


def _as_trouble(after: Aftermath) -> str:
    if after.incident["severity"] != "P2":
        return f"its severity is {after.incident['severity']}"
    return "a changing step ran" if after.tried() else ""


def mend(places: Places) -> Sequence[str]:
    """A certificate with many days left; the site reads it by itself."""
    left = days_left(places.certificate)
    if left is None or left < fleet.RENEW_BELOW_DAYS:
        make_certificate(places.certificate, fleet.CERTIFICATE_DAYS)
    return ()


FAMILY = Family(
    scenarios=(
        Scenario(
            "certificate", "escalated", "docs", "the certificate of the docs has 5 days left", certificate,
            "has the certificate renewed before it ends", judge=_in_time, weight_s=9,
        ),
        Scenario(
            "certificate-expired", "escalated", "docs", "the certificate of the docs ended yesterday",
            certificate_expired, "has it renewed now; visitors see a warning", judge=_as_trouble, weight_s=9,
        ),
    ),
    mend=mend,
)  # fmt: skip
