"""`wk init DIR --host`: look at a host, show what is found, and add it to the ops repo."""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.core.errors import Forbidden, Invalid, Locked, Usage
from watchkeeper.faces.cli import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.core.discovery.drafts import Draft, Found
    from watchkeeper.core.discovery.merging import Merge
    from watchkeeper.core.discovery.questions import Question
    from watchkeeper.core.inventory.values import Host
    from watchkeeper.services.discovery import Look
    from watchkeeper.services.ports.host_keys import ShownKey

_TARGET = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<port>\d{1,5}))?\Z"
)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?\Z")
RUNBOOK = "runbooks/disk-full.md"
PACKAGES_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Target:
    """What ``--host`` names. ssh: as hosts.yaml has it, "" for this machine."""

    host: Host
    ssh: str = ""


@dataclass(frozen=True, slots=True)
class Looking:
    """One look at a host: what was seen, the name it gets, the files as they are, and how they change."""

    look: Look
    name: str
    files: dict[str, str]
    made: Draft
    merge: Merge
    took_s: float


def discover(arguments: Namespace) -> int:
    """The verb. Everything that can be refused is refused before the host is asked anything."""
    place = Path(os.path.abspath(arguments.directory))
    fresh = is_fresh(arguments.directory, place)
    seen = look_at(arguments, place, fresh)
    look, name, files, made, merge = seen.look, seen.name, seen.files, seen.made, seen.merge
    written = write(place, files if fresh else {}, merge, files)
    if fresh:
        from watchkeeper.faces.cli.init import make_repository

        make_repository(str(place))
    if arguments.json:
        render.show_json(as_data(made, merge, look, name, written))
    else:
        show(arguments.directory, made, merge, look, written, seen.took_s, fresh)
    return 0


def look_at(arguments: Namespace, place: Path, fresh: bool) -> Looking:
    """Look at the host that the arguments name; nothing is written but an accepted host key."""
    from watchkeeper.bootstrap.discovery import discover as look_at_host

    target = read_target(arguments.host)
    decide = key_decision(arguments)
    tell = teller(arguments.show_commands)
    started = time.monotonic()
    look = look_at_host(target.host, decide, tell)
    took_s = time.monotonic() - started
    files = skeleton(look) if fresh else existing(place)
    name = name_of(arguments.name, target, look, files)
    made, merge = plan(target, name, look, files)
    return Looking(look, name, files, made, merge, took_s)


# ---- before the look -------------------------------------------------------------------------------------------------


def read_target(text: str) -> Target:
    """The host that ``--host`` names; raises `Usage`."""
    from watchkeeper.core.inventory.values import Host

    if text == "local":
        return Target(Host("local", "local"))
    match = _TARGET.match(text)
    if match is None or not 0 <= int(match["port"] or 0) < 65536:
        raise Usage(
            f"--host {text} is no host.", "Write USER@HOST, USER@HOST:PORT, a name of ~/.ssh/config, or 'local'."
        )
    address = match["host"].strip("[]")
    user = match["user"] or ""
    host = Host(address, "ssh", address=address, user=user, port=int(match["port"] or 0))
    return Target(host, f"{user}@{address}" if user else address)


def is_fresh(name: str, place: Path) -> bool:
    """True for a new or an empty directory, False for an ops repo; raises `Locked` for anything else."""
    if os.path.lexists(place) and not place.is_dir():
        raise Locked(f"{name} exists and is not a directory.", "Choose another name.")
    if not place.is_dir() or not any(place.iterdir()):
        return True
    if (place / "watchkeeper.yaml").is_file():
        return False
    raise Locked(
        f"{name} is not empty and is no ops repo (it has no watchkeeper.yaml); nothing in it was touched.",
        "Choose a new directory, or an ops repo.",
    )


def key_decision(arguments: Namespace) -> Any:
    """What to do about an unknown host key: compare, take and say so, or ask the person."""
    wanted = arguments.accept_host_key
    if wanted and wanted != "new" and not _FINGERPRINT.match(wanted):
        raise Usage(
            f"--accept-host-key {wanted} is no fingerprint.", "It looks like SHA256:..., 43 characters; or 'new'."
        )

    def decide(shown: ShownKey) -> None:
        render.note(
            f"{shown.place} shows the host key {shown.fingerprint} ({shown.algorithm}), which is not known here."
        )
        if wanted == "new":
            render.note("Taken as it is, because of --accept-host-key new. Compare it when you can.")
        elif wanted and wanted.rstrip("=") != shown.fingerprint.rstrip("="):
            raise Forbidden(
                f"{shown.place} shows another host key than --accept-host-key says: {shown.fingerprint}.",
                "Nothing was sent there. Ask whoever runs the host for the right fingerprint.",
            )
        elif not wanted:
            ask(shown)
        render.note(f"Adding it to {shown.file}.")

    return decide


def ask(shown: ShownKey) -> None:
    """Asks on the terminal; raises `Usage` when nobody is there, `Forbidden` when the answer is no."""
    if not sys.stdin.isatty():
        raise Usage(
            "Nothing was done: the host key is unknown, and nobody can answer here (standard input is no terminal).",
            "Compare it on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then add: "
            f"--accept-host-key {shown.fingerprint}",
        )
    if not render.confirm("Does the host's owner know this fingerprint? Accept it? [y/N]", False):
        raise Forbidden(
            "The host key was not accepted; nothing was sent there.", "Compare it first, then run this again."
        )


def teller(whole: bool) -> Any:
    """Shows each command before it is run: its purpose on one line, or in full."""

    def tell(question: Question) -> None:
        text = question.text.strip()
        render.note(f"  asks for {question.about}")
        if whole:
            render.note(render.block(text, "    | "))

    return tell


# ---- files -----------------------------------------------------------------------------------------------------------


def skeleton(look: Look) -> dict[str, str]:
    """The files of a new ops repo, in the time zone of the host."""
    from zoneinfo import ZoneInfo

    from watchkeeper.faces.cli.skeleton import for_discovery

    zone = look.facts.system.zone
    try:
        ZoneInfo(zone)
    except Exception:  # a name from the host: whatever it is, UTC is right enough
        zone = ""
    return for_discovery("UTC" if zone in ("", "Etc/UTC") else zone)


def existing(place: Path) -> dict[str, str]:
    """The text of the files that are there; raises `Invalid` for one that is not UTF-8."""
    from watchkeeper.adapters.repositories.directory import DirectoryRepository

    files = dict(DirectoryRepository(place).files())
    for page in sorted(place.glob("discovered/*.md")):
        files[f"discovered/{page.name}"] = page.read_bytes()
    texts = {}
    for path, data in files.items():
        try:
            texts[path] = data.decode("utf-8")
        except UnicodeDecodeError:
            if path.endswith(".yaml"):
                raise Invalid(f"{path} is not UTF-8 text; nothing was written.", "Save it as UTF-8.") from None
    return texts


def name_of(wanted: str, target: Target, look: Look, files: dict[str, str]) -> str:
    """The name of the host in hosts.yaml: the one it has there, the one asked for, or the first part of its name."""
    from watchkeeper.core.discovery.drafts import slug
    from watchkeeper.core.inventory.loading import load

    loaded = load({path: text.encode() for path, text in files.items()}, 0.0)
    hosts = loaded.inventory.hosts if loaded.inventory is not None else {}
    for name, host in hosts.items():
        same = (host.kind, host.address, host.user, host.port) == (
            target.host.kind, target.host.address, target.host.user, target.host.port,
        )  # fmt: skip
        if same and (not wanted or wanted == name):
            return name
    if wanted:
        if wanted in hosts or slug(wanted) != wanted:
            raise Usage(f"--name {wanted} is another host of hosts.yaml, or no name.", "Choose another, such as app1.")
        return wanted
    address = target.host.address
    numeric = not address or re.match(r"[0-9.]+\Z", address) or ":" in address
    first = slug((look.facts.system.name if numeric else address.partition(".")[0]) or "host")
    free, at = first, 2
    while free in hosts:
        free, at = f"{first}-{at}", at + 1
    return free


def plan(target: Target, name: str, look: Look, files: dict[str, str]) -> tuple[Draft, Merge]:
    """What was found and how the ops repo changes."""
    from watchkeeper.core.discovery.grouping import draft
    from watchkeeper.core.discovery.merging import Looked, merge
    from watchkeeper.services.discovery import kept_sound

    now = time.time()
    made = draft(look.facts, name, now)
    entry: dict[str, str | int | bool] = {"ssh": target.ssh} if target.ssh else {"local": True}
    if target.host.port:
        entry["port"] = target.host.port
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    asked = "as root" if look.root else "with sudo -n" if look.sudo else "without root, so not everything was seen"
    origin = f"wk init on {day}, {look.facts.system.release or 'unknown system'}, asked {asked}"
    packages = [f"{each.when} {each.action} {each.name} {each.version}" for each in look.facts.packages]
    looked = Looked(name, entry, origin, look.sudo, day, look.commands, tuple(reversed(packages[-PACKAGES_SHOWN:])))
    merged = merge(made, looked, files, RUNBOOK if RUNBOOK in files else "")
    whole = {path: text.encode() for path, text in files.items() if not path.startswith("discovered/")}
    return made, kept_sound(merged, whole, now)


def write(place: Path, fresh: dict[str, str], merge: Merge, before: dict[str, str]) -> list[str]:
    """Write new files and changed ones; a file that changed since it was read is left alone and said so."""
    from watchkeeper.faces.cli.init import write as write_new

    try:
        if fresh:
            place.mkdir(parents=True, exist_ok=True)
            write_new(str(place), fresh)
        written = [path for path, text in sorted(merge.files.items()) if replace(place / path, text, before.get(path))]
    except OSError as error:
        raise Forbidden(
            f"{place} cannot be written: {error.strerror} ({error.filename}).", "Choose a directory of yours."
        ) from None
    return written


def replace(path: Path, text: str, before: str | None) -> bool:
    """One file, whole or not at all. False when nothing changes."""
    if text == before:
        return False
    if path.is_file() and before is not None and path.read_bytes().decode("utf-8", "replace") != before:
        render.note(f"{path} was changed meanwhile; nothing was added to it. Run this again.")
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve() if path.is_symlink() else path
    draft = target.with_name(f".{target.name}.wk-init")
    draft.write_text(text, encoding="utf-8")
    if target.exists():
        draft.chmod(target.stat().st_mode & 0o7777)
    draft.replace(target)
    return True


# ---- showing ---------------------------------------------------------------------------------------------------------


def as_data(made: Draft, merge: Merge, look: Look, name: str, written: list[str]) -> dict[str, Any]:
    """The answer as data. findings: all that runs there; what an earlier look knew has new false."""
    new = set(merge.new)
    return {
        "findings": [
            {"key": each.key, "kind": each.kind, "name": each.name, "where": each.where, "note": each.note,
             "service": each.service, "problem": each.bad, "new": each.key in new}
            for each in made.found.values()
        ],
        "gone": merge.gone,
        "host": name,
        "files": written,
        "by_hand": [{"file": path, "text": text} for path, text in merge.by_hand],
        "unanswered": list(look.unanswered),
        "root": look.root,
        "sudo": look.sudo,
        "commands": list(look.commands),
    }  # fmt: skip


def show(directory: str, made: Draft, merge: Merge, look: Look, written: list[str], took_s: float, fresh: bool) -> None:
    """For people: what was found, what is wrong with it, what was written, and what to do next."""
    new = [made.found[key] for key in merge.new]
    if fresh or new:
        print(f"Found on {made.host} in {took_s:.0f} s: {tally(new)}.")
        print(render.table([(each.kind, each.name, each.note) for each in listed(new)], indent=2))
    else:
        print(f"Nothing new on {made.host}; {render.count(len(made.found), 'finding')} as before.")
    for key in merge.gone:
        print(f"Gone since the last look: {render.line(key)}. Its checks stay until you remove them.")
    wrong = [each for each in new if each.bad]
    if wrong:
        print("\nNot well right now:")
        print(render.table([(each.kind, each.name, each.note) for each in wrong], indent=2))
    idle = [each.name for each in new if each.kind == "idle unit"]
    if idle:
        print(f"\nEnabled, but not running, and not watched: {render.line(', '.join(sorted(idle)))}.")
    for each in look.unanswered:
        render.note(f"Not learned: {each}")
    if not look.root and not look.sudo:
        render.note(
            "Asked without root (sudo -n asks for a password): owners of ports and other people's files are not seen."
        )
    if merge.added:
        print("\nWritten:" if not fresh else f"\nMade the ops repo {directory}. From the host:")
        print(render.table([each.partition(": ")[::2] for each in merge.added], indent=2))
    if written:
        print(f"  discovered/{made.host}.md has everything that was found, and every command that was run.")
    for path, text in merge.by_hand:
        print(f"\nNot added to {path}, because that cannot be done without touching your lines. Put this in yourself:")
        print(render.block(text))
    print(f"\nNext: wk --ops {directory} lint, then: wk --ops {directory} check")


SHOWN_KINDS = (
    "site",
    "certificate",
    "unit",
    "timer",
    "supervisor program",
    "container",
    "process",
    "database",
    "cron job",
)


def listed(found: list[Found]) -> list[Found]:
    """The findings that a person wants to see at once; the page in discovered/ has all of them."""
    order = {kind: at for at, kind in enumerate(SHOWN_KINDS)}
    return sorted((each for each in found if each.kind in order), key=lambda each: (order[each.kind], each.key))


def tally(found: list[Found]) -> str:
    """``3 units, 2 sites, ...``."""
    counts: dict[str, int] = {}
    for each in found:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    plural = {"process": "processes"}
    words = [render.count(number, kind, plural.get(kind, "")) for kind, number in sorted(counts.items())
             if kind not in ("system", "idle unit")]  # fmt: skip
    return ", ".join(words) or "nothing new"
