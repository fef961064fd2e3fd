"""Container images: the image of every container that a check or a host of the inventory names."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper.core.changes import Change
from watchkeeper.core.inventory.values import Host, Inventory
from watchkeeper.services.changes.source import FIRST_LOOK_S, HERE, Found, Look, Part, part, shown

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})\Z")
_SCRIPT = """\
f='{{"Image":{{{{json .Image}}}},"Created":{{{{json .Created}}}},"Config":{{"Image":{{{{json .Config.Image}}}}}}}}'
i() {{
  {head}
  (
  if command -v docker >/dev/null && {{ [ "$3" ] || [ "$DOCKER_HOST" ] || [ -S /var/run/docker.sock ] ||
    ! command -v podman >/dev/null; }}; then
    [ -z "$3" ] || export DOCKER_HOST="unix://$3"
    exec docker container inspect --format "$f" -- "$2"
  fi
  if command -v podman >/dev/null; then
    [ -z "$3" ] || exec podman --remote --url "unix://$3" container inspect --format "$f" -- "$2"
    exec podman container inspect --format "$f" -- "$2"
  fi
  s=$3
  [ "$s" ] || for s in /var/run/docker.sock /run/podman/podman.sock; do [ -S "$s" ] && break; done
  command -v curl >/dev/null && exec curl -sS -m 5 --unix-socket "$s" "http://docker/containers/$2/json"
  ) 2>/dev/null | head -c 200000
}}
{calls}"""


@dataclass(frozen=True, slots=True)
class _Named:
    """A container somebody names. service, host: what a change of its image is about."""

    container: str
    socket: str
    service: str
    host: str


class Images:
    """Marks: ``container socket`` -> ``image-id name``."""

    name = "images"
    every_s = 60.0

    def places(self, inventory: Inventory) -> Iterable[str]:
        return [place for place, _ in _all(inventory)]

    def question(self, look: Look) -> str:
        named = _here(look)
        calls = [
            f"i {index} {shlex.quote(each.container)} {shlex.quote(each.socket)}" for index, each in enumerate(named)
        ]
        return _SCRIPT.format(head=part("images", "$1"), calls="\n".join(calls)) if calls else ""

    def answer(self, look: Look, parts: list[Part]) -> Found:
        found: list[Change] = []
        marks = dict(look.marks)
        named = _here(look)
        for each in parts:
            if len(each.head) != 2 or not each.head[1].isdigit() or int(each.head[1]) >= len(named):
                continue
            about = named[int(each.head[1])]
            image, name, created = _read(each.body)
            if not image:
                continue  # gone or not to be asked: what is there next is compared with what was there last
            key = f"{about.container} {about.socket}"
            before, _, old_name = look.marks.get(key, "").partition(" ")
            marks[key] = f"{image} {name}"
            if before and before != image:
                at = created if created and look.now - FIRST_LOOK_S < created <= look.now else look.now
                title = f"container {about.container} runs another image: {name or image[:12]}"
                detail = f"{old_name or 'image'} {before[:12]} to {name or 'image'} {image[:12]}"
                by = f"somebody on {about.host or 'this machine'}"
                found.append(Change(0, at, "image", title, by, about.service, about.host, detail))
        return Found(tuple(found), marks)


def _all(inventory: Inventory) -> list[tuple[str, _Named]]:
    """(place, container) of every one that is named, each once per service or host."""
    found: dict[tuple[str, str, str, str, str], tuple[str, _Named]] = {}

    def add(place: str, named: _Named) -> None:
        found[(place, named.container, named.socket, named.service, named.host)] = (place, named)

    for host in inventory.hosts.values():
        if host.kind == "container":
            place, socket = _way(host)
            add(place, _Named(host.address, socket, "", host.name))
    for check in inventory.checks.values():
        if check.probe.kind != "container" or not isinstance(check.probe.options.get("name"), str):
            continue
        known = inventory.hosts.get(check.host or "")
        place, socket = _way(known)
        socket = str(check.probe.options.get("socket") or socket)
        add(place, _Named(str(check.probe.options["name"]), socket, check.service, check.host or ""))
    return list(found.values())


def _way(host: Host | None) -> tuple[str, str]:
    """(where the API of this host's containers is asked, its socket)."""
    if host is None:
        return HERE, ""
    if host.kind != "container":
        return host.name, ""
    return (host.via, "") if host.via else (HERE, host.socket)


def _here(look: Look) -> list[_Named]:
    return [named for place, named in _all(look.inventory) if place == look.place]


def _read(body: str) -> tuple[str, str, float | None]:
    """(image id, its name, when the container was made) of an answer; ("", "", None) when it is none."""
    begin = body.find("{")
    try:
        document = json.loads(body[begin:]) if begin >= 0 else None
    except ValueError:
        return "", "", None
    if not isinstance(document, dict):
        return "", "", None
    match = _ID.match(str(document.get("Image") or ""))
    config = document.get("Config")
    name = str(config.get("Image") or "") if isinstance(config, dict) else ""
    return (match.group(1), shown(name, 100), _seconds(document.get("Created"))) if match else ("", "", None)


def _seconds(value: object) -> float | None:
    from datetime import datetime

    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)\Z", str(value))
    try:
        return (
            datetime.fromisoformat(match.group(1) + match.group(2).replace("Z", "+00:00")).timestamp()
            if match
            else None
        )
    except ValueError:
        return None
