"""All addresses of main: the API and the page."""

from __future__ import annotations

from django.urls import include, path

from watchkeeper.faces.api import alerts, docs, metrics
from watchkeeper.faces.api.routes import api, health

urlpatterns = [
    path("api/v1/openapi.json", docs.openapi),
    path("api/v1/", api.urls),
    path("api/docs", docs.page),
    path("api/docs/try", docs.asking),
    path("api/docs/assets/<str:name>", docs.asset),
    path("api/v2/alerts", alerts.posted),
    path("metrics", metrics.whole),
    path("health", health),
    path("", include("watchkeeper.faces.web.urls")),
]

handler429 = "watchkeeper.faces.web.sign_in.too_many"
"""allauth asks for it by this name."""
