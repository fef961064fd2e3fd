"""Containers, compose files and programs under supervisor."""

from __future__ import annotations

import re

from watchkeeper.core.discovery.findings import ComposeFile, Container, Program
from watchkeeper.core.discovery.text import number, sections, words_of

_PORT = re.compile(r"(?:(?P<address>[0-9.]+|\[?[0-9a-fA-F:]*\]?):)?(?P<port>\d+)(?:-\d+)?->\d+(?:-\d+)?/tcp")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\Z")
_PROGRAM = re.compile(r"\[(?:program|fcgi-program|eventlistener):([^\]\s]+)\]\s*(?:;.*)?\Z")
_STATES = words_of("STOPPED STARTING RUNNING BACKOFF STOPPING EXITED FATAL UNKNOWN")


def read_containers(output: bytes) -> tuple[Container, ...]:
    """The answer to ``containers``, each once: podman shows under its own name and as docker where both are there."""
    found: dict[str, Container] = {}
    for engine, body in sections(output, "engine"):
        for line in body:
            parts = [part.replace("<no value>", "") for part in line.split("|")]
            if len(parts) < 8 or not re.match(r"[0-9a-f]{12,64}\Z", parts[0]):
                continue
            name = parts[1].partition(",")[0]
            ports = tuple(
                dict.fromkeys((match["address"] or "", number(match["port"])) for match in _PORT.finditer(parts[4]))
            )
            if _NAME.match(name):
                found.setdefault(parts[0], Container(
                    parts[0], name, parts[2], parts[3].startswith("Up"), parts[3], engine, ports, parts[5], parts[6],
                    parts[7].partition(",")[0],
                ))  # fmt: skip
    return tuple(sorted(found.values(), key=lambda each: each.name))


def read_compose(output: bytes) -> tuple[ComposeFile, ...]:
    """The answer to ``compose``."""
    found = []
    for path, body in sections(output, "file"):
        if path:
            named = [line.partition(":") for line in body]
            found.append(
                ComposeFile(path, tuple((name.rstrip(": "), number(place)) for place, _, name in named if name))
            )
    return tuple(found)


def read_supervisor(output: bytes) -> tuple[Program, ...]:
    """The answer to ``supervisor``: programs as supervisor reports them, with the place they are defined in."""
    states: dict[str, tuple[str, int, str]] = {}
    places: dict[str, tuple[str, int, str]] = {}
    for config, body in sections(output, "config"):
        current = ""
        for line in body:
            if line.startswith("WK-line "):
                file, place, text = [*line[8:].split(":", 2), "", ""][:3]
                match = _PROGRAM.match(text.strip())
                if match:
                    current = match[1]
                    places.setdefault(current, (file, number(place), ""))
                elif text.startswith("stdout_logfile") and current in places:
                    log = text.partition("=")[2].strip()
                    file, place_, _ = places[current]
                    places[current] = (file, place_, log if log.startswith("/") else "")
                continue
            words = line.split()
            if len(words) >= 2 and words[1] in _STATES:
                pid = re.search(r"\bpid (\d+)", line)
                states[words[0]] = (words[1], number(pid[1]) if pid else 0, config)
    unseen = [name for name in places if not any(base(known) == name or known == name for known in states)]
    return tuple(_supervised(name, states, places) for name in [*states, *unseen])


def _supervised(name: str, states: dict[str, tuple[str, int, str]], places: dict[str, tuple[str, int, str]]) -> Program:
    state, pid, config = states.get(name, ("", 0, ""))
    file, line, log = places.get(name) or places.get(base(name)) or ("", 0, "")
    return Program(name, state, pid, file, line, log, config)


def base(name: str) -> str:
    """The program of a process that supervisor calls ``group:name_00``: usually the group."""
    return name.partition(":")[0]
