"""All addresses of main: the API and the page."""

from __future__ import annotations

from django.urls import include, path

from watchkeeper.faces.api import alerts, metrics
from watchkeeper.faces.api.routes import api, health

urlpatterns = [
    path("api/v1/", api.urls),
    path("api/v2/alerts", alerts.posted),
    path("metrics", metrics.whole),
    path("health", health),
    path("", include("watchkeeper.faces.web.urls")),
]
