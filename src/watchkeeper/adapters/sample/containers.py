"""The fleet's one container: made where a Docker API of this machine answers, left out with the reason elsewhere.

No image is fetched. The image is a few empty folders, into which the container mounts this machine's own programs,
read-only; so the container runs the same Python as the fleet, on the network of the host.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import http.client
import io
import json
import os
import socket
import sys
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from watchkeeper.adapters.docker_api import DockerApi, Response, find_socket
from watchkeeper.adapters.sample import outside
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer, WatchkeeperError

IMAGE = "localhost/harbour-sample:latest"
ASK_S = 30.0
OPEN_WITHIN_S = 8.0
_ONE_AT_A_TIME = threading.Lock()
"""Fleets start side by side; the image is made once."""
PYTHON = os.path.realpath(sys.executable)


def name_of(places: Places) -> str:
    """The container's name; every demo directory has its own."""
    return f"harbour-cranes-{hashlib.sha256(str(places.directory).encode()).hexdigest()[:10]}"


def api_socket() -> str:
    """The socket of this machine's Docker API. Raises `NoAnswer` or `Forbidden` with the reason when there is none."""
    path = find_socket()
    if _ask(path, "GET", "/_ping").status != 200:
        raise NoAnswer(f"{path} is no Docker API that answers.", "Is docker or podman.socket started?")
    return path


def missing() -> str:
    """Why a container of the sample cannot run on this machine, found out with a real one, once; "" when it can."""
    with _ONE_AT_A_TIME:
        return _trial()


@functools.cache
def _trial() -> str:
    name = f"harbour-trial-{os.getpid()}"
    try:
        path = api_socket()
        _make(path, name, [PYTHON, "-I", "-c", "pass"], [])
        try:
            _begin(path, name)
            code = _ask(path, "POST", f"/containers/{name}/wait").document
        finally:
            _ask(path, "DELETE", f"/containers/{name}?force=true")
        if not isinstance(code, dict) or code.get("StatusCode") != 0:
            return f"a container of {path} cannot run this machine's Python ({code})"
    except WatchkeeperError as error:
        return error.sentence
    return ""


def start(places: Places) -> str:
    """Make the container anew and start it; returns its API's socket. Raises `NoAnswer` or `Forbidden` with the reason."""
    path, name, port = api_socket(), name_of(places), places.ports()["cranes"]
    _ask(path, "DELETE", f"/containers/{name}?force=true")  # one that a killed demo left
    command = [PYTHON, "-I", "-B", "/harbour/cranes.py", "--port", str(port)]
    with _ONE_AT_A_TIME:
        _make(path, name, command, [f"{places.fleet / 'programs'}:/harbour:ro"])
    try:
        _begin(path, name)
        deadline = time.monotonic() + OPEN_WITHIN_S
        while not works(places):
            if time.monotonic() > deadline:
                raise NoAnswer(f"The container {name} runs, but does not answer on port {port}.")
            time.sleep(0.05)
    except WatchkeeperError:
        _ask(path, "DELETE", f"/containers/{name}?force=true")
        raise
    places.container.write_text(json.dumps({"socket": path, "name": name}), encoding="utf-8")
    return path


def works(places: Places) -> bool:
    """Asked from outside: the crane board tells the plan of the day."""
    return outside.request(places.ports()["cranes"], "GET", "/today", timeout_s=1.0)[0] == 200


def known(places: Places) -> Mapping[str, str] | None:
    """Socket and name of the container that this fleet made; None when it has none."""
    try:
        facts = json.loads(places.container.read_text(encoding="utf-8"))
        return {"socket": str(facts["socket"]), "name": str(facts["name"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def kill(places: Places) -> None:
    """Kill the container, as the kernel does when memory is short. Raises `NoAnswer` when it does not run."""
    facts = known(places)
    if facts is None:
        raise NoAnswer("This fleet has no container.", "It gets one when it is started where a Docker API answers.")
    done = _ask(facts["socket"], "POST", f"/containers/{facts['name']}/kill")
    if done.status not in (200, 204):
        raise NoAnswer(f"The container {facts['name']} was not killed: {done.message}.", "wk demo --heal.")


def remove(places: Places) -> None:
    """Take the container away, if the fleet made one. Never raises: the fleet must be able to stop."""
    facts = known(places)
    if facts is None:
        return
    try:
        _ask(facts["socket"], "DELETE", f"/containers/{facts['name']}?force=true")
        _ask(facts["socket"], "DELETE", f"/images/{quote(IMAGE, safe='')}")  # refused while another fleet needs it
    except WatchkeeperError:
        return
    places.container.unlink(missing_ok=True)


# ---- the API -----------------------------------------------------------------------------------------------------


def _ask(path: str, method: str, what: str, content: object = None) -> Response:
    async def asked() -> Response:
        async with asyncio.timeout(ASK_S):
            return await DockerApi(path).ask(method, what, content)

    try:
        return asyncio.run(asked())
    except TimeoutError:
        raise NoAnswer(f"{path} gave no answer within {ASK_S:g} s.", "Look at the log of docker or podman.") from None


def _begin(path: str, name: str) -> None:
    done = _ask(path, "POST", f"/containers/{name}/start")
    if done.status not in (204, 304):
        raise NoAnswer(f"The container {name} does not start: {done.message}.")


def _make(path: str, name: str, command: Sequence[str], mounts: Sequence[str]) -> None:
    folders = {"/usr", *(folder for folder in ("/lib", "/lib64") if os.path.isdir(folder)), sys.base_prefix}
    shown = sorted(folder for folder in folders if not os.path.islink(folder) and not folder.startswith("/usr/"))
    content = {
        "Image": IMAGE, "Cmd": list(command), "Labels": {"watchkeeper": "sample"},
        "HostConfig": {
            "NetworkMode": "host", "ReadonlyRootfs": True, "RestartPolicy": {"Name": "no"},
            "Binds": [*(f"{folder}:{folder}:ro" for folder in shown), *mounts],
        },
    }  # fmt: skip
    done = _ask(path, "POST", f"/containers/create?name={name}", content)
    if done.status == 404:  # no such image
        _import_image(path)
        done = _ask(path, "POST", f"/containers/create?name={name}", content)
    if done.status != 201:
        raise NoAnswer(f"The container {name} cannot be made: {done.message}.")


def empty_image() -> bytes:
    """A tar file of empty folders, and of this machine's links such as /lib -> usr/lib."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as image:
        for folder in ("usr", "proc", "sys", "dev", "etc", "tmp", "run", "harbour", "bin", "sbin", "lib", "lib64"):
            entry = tarfile.TarInfo(folder)
            if os.path.islink(f"/{folder}"):
                entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(f"/{folder}")
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            image.addfile(entry)
    return file.getvalue()


def _import_image(path: str) -> None:
    connection = http.client.HTTPConnection("docker", timeout=ASK_S)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(ASK_S)
        connection.sock.connect(path)
        what = IMAGE.partition(":")[0]  # both Docker and podman call it :latest then
        connection.request(
            "POST",
            f"/images/create?fromSrc=-&repo={quote(what, safe='')}",
            empty_image(),
            {"Content-Type": "application/x-tar"},
        )
        answer = connection.getresponse()
        said = answer.read(65_536).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{path} did not take the image of the sample ({error}).") from None
    finally:
        connection.close()
    if answer.status != 200 or '"error"' in said:
        raise NoAnswer(f"{path} did not take the image of the sample: {said[:200]}.")
