"""All addresses of main: the API and the page."""

from __future__ import annotations

from django.urls import include, path

from watchkeeper.faces.api.routes import api

urlpatterns = [
    path("api/v1/", api.urls),
    path("", include("watchkeeper.faces.web.urls")),
]
