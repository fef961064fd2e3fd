"""Locks, and the people who may act. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import lock_json, person_json
from watchkeeper.identity.callers import digest, new_token

router = Router()


class TakeLock(Schema):
    """A deploy lock."""

    name: str
    lasts_s: float
    why: str


class ReleaseLock(Schema):
    """A lock by its name."""

    name: str


class NewPerson(Schema):
    """A person and a role; without one, that of the team file."""

    name: str
    role: str = ""


class OldPerson(Schema):
    """A person by name."""

    name: str


@router.get("/locks")
def locks(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"locks": [lock_json(each) for each in application().locks.held()]}


@router.post("/locks")
def take_lock(request: HttpRequest, body: TakeLock) -> dict[str, Any]:
    return {"lock": lock_json(application().locks.take(body.name, actor_of(request), body.lasts_s, body.why))}


@router.post("/locks/release")
def release_lock(request: HttpRequest, body: ReleaseLock) -> dict[str, Any]:
    return {"lock": lock_json(application().locks.release(body.name, actor_of(request)))}


@router.get("/users")
def users(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"users": [person_json(*each) for each in application().people.all()]}


@router.post("/users")
def add_user(request: HttpRequest, body: NewPerson) -> dict[str, Any]:
    """The answer holds the token, this once; only its digest is kept."""
    token = new_token()
    person = application().people.add(body.name, body.role, digest(token), actor_of(request))
    return {"user": person_json(person, person.role), "token": token}


@router.post("/users/remove")
def remove_user(request: HttpRequest, body: OldPerson) -> dict[str, Any]:
    person = application().people.remove(body.name, actor_of(request))
    return {"user": person_json(person, person.role)}
