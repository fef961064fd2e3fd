"""Definitions as the files they are. Parse, call one service, render."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.definitions import Definition, Plan
from watchkeeper.core.errors import Usage
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.services.definitions import Written
from watchkeeper.services.inventory import sentence

router = Router()
FORMAT = "watchkeeper definitions 1"


class File(Schema):
    """The text of a file; base64 instead where it is no UTF-8. digest: of the file as it was read, "" for a new one."""

    text: str | None = None
    base64: str | None = None
    digest: str | None = None
    message: str = ""


class NamedFile(Schema):
    """A file by its path; neither text nor base64: it is removed (in a plan)."""

    path: str
    text: str | None = None
    base64: str | None = None


class Changes(Schema):
    """What would be changed. Nothing: what the files as they are would do to what is in force."""

    files: list[NamedFile] | None = None


class Export(Schema):
    """What `GET /export` gave."""

    format: str
    definitions: list[NamedFile]
    message: str = ""
    dry_run: bool = False


@router.get("/definitions")
def definitions(request: HttpRequest) -> dict[str, Any]:
    """Every definition and document of the ops repo, by path, without its text."""
    actor_of(request)
    return {"definitions": [_definition(each) for each in application().definitions.all()]}


@router.get("/definitions/{path:path}")
def definition(request: HttpRequest, path: str) -> dict[str, Any]:
    """One file with its text, exactly as it is on the disk."""
    actor_of(request)
    found, data = application().definitions.one(path)
    return {"definition": {**_definition(found), **_content(data)}}


@router.put("/definitions/{path:path}")
def write(request: HttpRequest, path: str, body: File) -> dict[str, Any]:
    """Write a file and commit it with you as author; refused with every mistake it would bring."""
    if body.text is None and body.base64 is None:
        raise Usage(f"No text was given for {path[:200]}.", "Give text; DELETE removes a file.")
    expected = {} if body.digest is None else {path: body.digest}
    changes = {path: _bytes(path, body.text, body.base64)}
    return _written(application().definitions.write(changes, expected, actor_of(request), body.message))


@router.delete("/definitions/{path:path}")
def remove(request: HttpRequest, path: str, digest: str = "", message: str = "") -> dict[str, Any]:
    """Remove a file and commit that; refused when something still names it."""
    actor = actor_of(request)
    app = application()
    found, _ = app.definitions.one(path)
    return _written(app.definitions.write({path: None}, {path: digest or found.digest}, actor, message))


@router.post("/plan")
def plan(request: HttpRequest, body: Changes) -> dict[str, Any]:
    """What these changes would do to what is in force; nothing is written."""
    actor_of(request)
    app = application()
    if body.files is None:
        return {"plan": plan_json(app.definitions.plan())}
    changes = {
        each.path: None if each.text is None and each.base64 is None else _bytes(each.path, each.text, each.base64)
        for each in body.files
    }
    return {"plan": plan_json(app.definitions.plan(changes))}


@router.get("/export")
def export(request: HttpRequest) -> dict[str, Any]:
    """All definitions with their texts; an import of it elsewhere has the same revision. No secret is in it."""
    actor = actor_of(request)
    app = application()
    files = app.definitions.whole()
    app.audit.note(actor, "export", "definitions")
    return {
        "format": FORMAT,
        "revision": app.holder.current.revision,
        "definitions": [{"path": path, **_content(data)} for path, data in files.items()],
    }


@router.post("/import")
def take_over(request: HttpRequest, body: Export) -> dict[str, Any]:
    """Make these all definitions there are; what else there is is removed. dry_run: only say what would change."""
    actor = actor_of(request)
    if body.format != FORMAT:
        raise Usage(f"The format {body.format[:60]!r} is not known.", f"It is {FORMAT!r}: made by wk export.")
    files: dict[str, bytes] = {}
    for each in body.definitions:
        if each.path in files:
            raise Usage(f"{each.path[:200]} stands in the export twice.", "Make it anew: wk export.")
        files[each.path] = _bytes(each.path, each.text, each.base64)
    app = application()
    if body.dry_run:
        return {"plan": plan_json(app.definitions.plan_whole(files)), "left": "", "entry": None}
    return _written(app.definitions.take_over(files, actor, body.message))


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as people and programs read it."""
    return {
        "before": plan.before,
        "after": plan.after,
        "sound": plan.sound,
        "files": [{"how": how, "path": path} for how, path in plan.files],
        "differences": [
            {"how": each.how, "noun": each.noun, "name": each.name, "what": list(each.what)}
            for each in plan.differences
        ],
        "mistakes": [
            {
                "file": each.file,
                "line": each.line,
                "column": each.column,
                "level": each.level,
                "sentence": sentence(each),
            }
            for each in plan.mistakes
        ],
    }


def _written(done: Written) -> dict[str, Any]:
    return {"plan": plan_json(done.plan), "left": done.left, "entry": done.entry}


def _definition(found: Definition) -> dict[str, Any]:
    return {"path": found.path, "kind": found.kind, "digest": found.digest, "bytes": found.size}


def _content(data: bytes) -> Mapping[str, str]:
    """``text`` where the bytes are text, so that a person can read the file; else ``base64``. Either gives every byte back."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}
    return {"text": text}


def _bytes(path: str, text: str | None, packed: str | None) -> bytes:
    if packed is not None:
        try:
            return base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            raise Usage(f"The base64 of {path[:200]} cannot be read.", "Give text where the file is text.") from None
    if text is None:
        raise Usage(f"{path[:200]} has neither text nor base64.", "Give one of them.")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Usage(f"The text of {path[:200]} is no Unicode text.", "Give base64 instead.") from None
