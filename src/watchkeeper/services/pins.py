"""Holding fast what a person agreed to: where each host is and what the script files hold, read from the hosts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from watchkeeper.core import approvals as rules
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runs import scripts
from watchkeeper.core.runs.values import Pins, PlanStep, ScriptFile
from watchkeeper.services.ports.blocking import BlockingHostsPort

log = logging.getLogger(__name__)
DEADLINE_S = 5.0
"""How long one host may take to hash the script files of a plan."""
MAX_ANSWER = 64 * 1024


class Pinner:
    """Asks each host once for the script files of steps. Never raises for a host: what it did not say is noted."""

    def __init__(self, hosts: BlockingHostsPort) -> None:
        self._hosts = hosts

    def pins(self, steps: Sequence[PlanStep], hosts: Mapping[str, Host]) -> Pins:
        """What an act about these steps holds fast now. hosts: of the inventory. No script named: no host is asked."""
        files: list[ScriptFile] = []
        for host in dict.fromkeys(step.host for step in steps):
            named = [each for step in steps if step.host == host for each in scripts.of_step(step)]
            files += self._on_host(host, named)
        return Pins(rules.places((step.host for step in steps), hosts), tuple(files))

    def _on_host(self, host: str, named: Sequence[scripts.Named]) -> tuple[ScriptFile, ...]:
        paths = scripts.asked_paths(named)
        told: dict[str, tuple[str, str]] = {}
        if paths:
            try:
                question = scripts.question(paths)
                result = self._hosts.get(host).read(question, deadline_s=DEADLINE_S, limit=MAX_ANSWER)
            except WatchkeeperError as error:
                log.info("script files on %s were not looked at: %s", host, error)
            else:
                answers = scripts.answered(result.output.decode(errors="replace"))
                told = {path: answers[index] for index, path in enumerate(paths) if index in answers}
        return scripts.script_files(host, named, told, rules.NO_ANSWER)

    def changed(self, step: PlanStep, pinned: Pins | None, hosts: Mapping[str, Host], when: str) -> str:
        """The sentence why what a person agreed to is not what would run now; "" when it is, to the byte.

        when: what the person did, as a participle: ``approved``. pinned None: nothing was held fast, so nothing is sure.
        """
        if pinned is None:
            return (
                f"Step {step.id} was {when} by an older watchkeeper, which did not look at its host and script files."
            )
        now = self.pins([step], hosts)
        silent = next((each for each in now.scripts if each.note == rules.NO_ANSWER), None)
        if silent is not None:
            return (
                f"{silent.path} on {silent.host} could not be looked at before the start: {silent.host} gave no answer."
            )
        return rules.moved(pinned.places, now.places, when) or rules.rewritten(pinned.scripts, now.scripts, when)
