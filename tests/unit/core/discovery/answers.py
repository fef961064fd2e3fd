"""Answers of real hosts, recorded from the machines of the lab, and what is made of them."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.core.discovery.drafts import CheckDraft, Draft, ServiceDraft
from watchkeeper.core.discovery.findings import Facts
from watchkeeper.core.discovery.grouping import draft
from watchkeeper.core.discovery.reading import read_facts

RECORDED = Path(__file__).parents[3] / "fixtures" / "discovery"
NOW = 1_795_350_000.0  # 2026-11-22 12:20 UTC, some minutes before old.example.org ends


def answers(name: str) -> dict[str, bytes]:
    """The recorded answers of one host, by question."""
    return {file.stem: file.read_bytes() for file in sorted((RECORDED / name).glob("*.txt"))}


def facts(name: str, **changed: bytes) -> Facts:
    """The facts of one recorded host, with some answers replaced."""
    return read_facts(answers(name) | changed)


def drafted(name: str, **changed: bytes) -> Draft:
    """The draft of one recorded host."""
    return draft(facts(name, **changed), "app1", NOW)


def service(made: Draft, name: str) -> ServiceDraft:
    """One service of a draft."""
    return next(each for each in made.services if each.name == name)


def check(made: Draft, name: str) -> CheckDraft:
    """One check of a draft, as ``service/check``."""
    of, _, wanted = name.partition("/")
    return next(each for each in service(made, of).checks if each.name == wanted)
