"""All addresses of the page."""

from __future__ import annotations

from django.urls import path, re_path

from watchkeeper.faces.web import automation, bridge, door, files, incidents, log, pages, runbooks, runs, services

urlpatterns = [
    path("", bridge.whole),
    path("enter", door.enter),
    path("static/<str:name>", files.serve),
    path("fragment/now", bridge.now),
    path("fragment/alarm", bridge.alarm),
    path("fragment/open", bridge.open_incidents),
    path("fragment/services", bridge.services),
    path("fragment/side", bridge.side),
    path("services/<str:name>", services.one),
    path("incidents", incidents.all_of_them),
    path("incidents/<int:number>", incidents.one),
    path("incidents/<int:number>/fragment/<slug:part>", incidents.part),
    path("incidents/<int:number>/acknowledge", incidents.acknowledge),
    path("incidents/<int:number>/note", incidents.note),
    path("incidents/<int:number>/escalate", incidents.escalate),
    path("incidents/<int:number>/close", incidents.close),
    path("runs", runs.all_of_them),
    path("runs/<int:number>", runs.one),
    path("runs/<int:number>/fragment/<slug:part>", runs.part),
    path("runs/<int:number>/steps/<int:index>/output", runs.output),
    path("runs/<int:number>/approve", runs.approve),
    path("runs/<int:number>/values", runs.values),
    path("runs/<int:number>/deny", runs.deny),
    path("runs/<int:number>/cancel", runs.cancel),
    path("runs/<int:number>/resume", runs.resume),
    path("runs/<int:number>/undo", runs.undo),
    path("runbooks", runbooks.all_of_them),
    path("runbooks/<path:name>", runbooks.one),
    path("log", log.all_of_them),
    path("log.md", log.export),
    path("log/<int:number>", log.one),
    path("automation", automation.whole),
    re_path(r"^(?!api/).*$", pages.not_found),
]
