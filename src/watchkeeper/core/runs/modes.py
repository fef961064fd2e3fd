"""How far a run may go by itself (promise 7): a file can only ask, a person's grant decides, anything unclear asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.values import Grant, PlanStep, RunMode

DEFAULT_GRANT_DAYS = 90


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a step may start without a person, and the one sentence why not."""

    act: bool
    why: str = ""
    grant: int | None = None


def valid_grant(grants: Sequence[Grant], response: str, digest: str, hosts: Sequence[str], now: float) -> Decision:
    """The standing grant that covers this response, these runbook bytes and these hosts; else why there is none."""
    named = [grant for grant in grants if grant.response == response]
    if not named:
        return Decision(False, f"Nobody has granted {response} to act by itself.")
    why = ""
    for grant in sorted(named, key=lambda each: -each.granted_at):
        if grant.revoked_at is not None:
            why = why or f"The grant for {response} was revoked by {grant.revoked_by}."
        elif grant.expires_at <= now:
            why = why or f"The grant for {response} has expired."
        elif grant.runbook_digest != digest:
            why = why or f"The runbook of {response} was changed after it was granted, so the grant is void."
        elif not set(hosts) <= set(grant.hosts):
            why = why or f"The grant for {response} does not cover {', '.join(sorted(set(hosts) - set(grant.hosts)))}."
        else:
            return Decision(True, grant=grant.id)
    return Decision(False, why)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What stands against acting at this moment. Empty or False means: nothing does."""

    automation_off: str = ""
    acknowledged_by: str = ""
    window: str = ""
    deploy_lock: str = ""
    budget: str = ""
    busy_host: str = ""
    cause: str = ""

    def reasons(self) -> tuple[str, ...]:
        """All of them, the one to be said first in front."""
        return (
            self.automation_off,
            self.acknowledged_by,
            self.window,
            self.deploy_lock,
            self.cause,
            self.budget,
            self.busy_host,
        )


def may_start(step: PlanStep, mode: RunMode, grant: Grant | None, grant_why: str, now: Circumstances) -> Decision:
    """Whether this step of a run in this mode may start without a person.

    Manual, alternative and unfilled steps never start by themselves. Read steps start in every mode but observe.
    A person who started the run by hand has agreed to its texts, so only picks and manual steps wait then.
    """
    if mode == "observe":
        return Decision(False, "The response asks to observe only.")
    if step.missing:
        return Decision(False, f"Step {step.id} needs a value for {', '.join(step.missing)}.")
    if step.manual or step.why or step.alternatives:
        return Decision(False, step.why or f"Step {step.id} is for a person.")
    if step.approve:
        return Decision(False, f"The runbook asks for an approval of step {step.id} ({step.approve}).")
    if mode == "manual" or step.risk == "read":
        return Decision(True)
    if mode == "propose":
        return Decision(False, grant_why or "The response asks before it changes anything.")
    if grant is None:
        return Decision(False, grant_why or "There is no standing grant.")
    if step.risk == "destroy" and not grant.destroy:
        return Decision(False, f"Step {step.id} destroys, and the grant does not name destroying steps.")
    against = next((why for why in now.reasons() if why), "")
    return Decision(not against, against, grant.id)


def run_mode(response: Response | None, grant: Decision) -> RunMode:
    """The mode a run starts in: what the file asks for, lowered to propose without a grant."""
    if response is None:
        return "manual"
    if response.mode == "auto" and not grant.act:
        return "propose"
    return response.mode


def over_budget(started: Sequence[float], limit: tuple[int, float] | None, now: float, what: str) -> str:
    """The sentence that a budget is used up, or "" while it is not. started: times at which earlier runs began to change."""
    if limit is None:
        return ""
    count, period_s = limit
    used = sum(1 for at in started if now - at < period_s)
    if used < count:
        return ""
    from watchkeeper.core.times import format_duration

    return f"The budget of {what} is used up: {used} of {count} in {format_duration(period_s)}."
