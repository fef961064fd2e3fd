"""How far a run may go by itself (promise 7): a file can only ask, a person's grant decides, anything unclear asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.values import Grant, PlanStep, RunMode

DEFAULT_GRANT_DAYS = 90
PROVEN_WITHIN_S = 90 * 86400.0
"""How long a runbook may act without having been granted or proven anew; a file can only shorten it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a step may start without a person, and the one sentence why not.

    cause: the same as one word, for reports (see `core.runs.causes`). also: the cause of what stands against acting besides.
    """

    act: bool
    why: str = ""
    grant: int | None = None
    cause: str = ""
    also: str = ""


def valid_grant(grants: Sequence[Grant], response: str, digest: str, hosts: Sequence[str], now: float) -> Decision:
    """The standing grant that covers this response, these runbook bytes and these hosts; else why there is none."""
    named = sorted((grant for grant in grants if grant.response == response), key=lambda each: -each.granted_at)
    if not named:
        return Decision(False, f"Nobody has granted {response} to act by itself.", cause="no_grant")
    refused: Decision | None = None
    for grant in named:
        void = _void(grant, response, digest, hosts, now)
        if void is None:
            return Decision(True, grant=grant.id)
        refused = refused or void
    return refused or Decision(False)


def _void(grant: Grant, response: str, digest: str, hosts: Sequence[str], now: float) -> Decision | None:
    """Why this grant does not hold; None when it does."""
    if grant.revoked_at is not None:
        return Decision(False, f"The grant for {response} was revoked by {grant.revoked_by}.", cause="revoked")
    if grant.expires_at <= now:
        return Decision(False, f"The grant for {response} has expired.", cause="expired")
    if grant.runbook_digest != digest:
        why = f"The runbook of {response} was changed after it was granted, so the grant is void."
        return Decision(False, why, cause="changed")
    missing = sorted(set(hosts) - set(grant.hosts))
    if missing:
        return Decision(False, f"The grant for {response} does not cover {', '.join(missing)}.", cause="hosts")
    return None


def proven_too_long_ago(
    response: str, granted_at: float, proven_at: float | None, within_s: float, now: float
) -> Decision | None:
    """Why a valid grant does not let it act any more: granted and last proven longer ago than `within_s`; else None.

    A grant is fresh trust from the day it was given, so a runbook that never ran may act under a new grant.
    """
    if now - max(granted_at, proven_at or 0.0) <= within_s:
        return None
    if proven_at is None or proven_at < granted_at:
        said = f"{response} was granted {_days(now - granted_at)} ago and not proven by a run since"
    else:
        said = f"{response} was last proven {_days(now - proven_at)} ago"
    return Decision(False, f"{said}: it proposes until it is proven again or granted anew.", cause="stale")


def _days(seconds: float) -> str:
    days = int(seconds // 86400)
    return f"{days} day{'s' if days != 1 else ''}"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What stands against acting at this moment, each as a sentence. Empty means: nothing does."""

    automation_off: str = ""
    acknowledged_by: str = ""
    window: str = ""
    deploy_lock: str = ""
    budget: str = ""
    busy_host: str = ""
    cause: str = ""
    rate_limit: str = ""

    def against(self) -> tuple[str, str]:
        """(cause, sentence) of what is to be said first; ("", "") when nothing stands against acting."""
        all_of_them = (
            ("automation_off", self.automation_off),
            ("acknowledged", self.acknowledged_by),
            ("window", self.window),
            ("deploy_lock", self.deploy_lock),
            ("parent", self.cause),
            ("rate_limit", self.rate_limit),
            ("budget", self.budget),
            ("busy_host", self.busy_host),
        )
        return next((each for each in all_of_them if each[1]), ("", ""))


def may_start(step: PlanStep, mode: RunMode, grant: Grant | None, refused: Decision, now: Circumstances) -> Decision:
    """Whether this step of a run in this mode may start without a person.

    Manual, alternative and unfilled steps never start by themselves. Read steps start in every mode but observe.
    A person who started the run by hand has agreed to its texts, so only picks and manual steps wait then.
    refused: why there is no grant, as `valid_grant` and `proven_too_long_ago` say it.
    """
    also, against = now.against()
    if mode == "observe":
        return Decision(False, "The response asks to observe only.", cause="observe", also=also)
    own = of_step(step)
    if own is not None:
        return own
    if mode == "manual" or step.risk == "read":
        return Decision(True)
    if mode == "propose" or grant is None:
        if refused.why:
            return Decision(False, refused.why, cause=refused.cause, also=also)
        return Decision(False, "The response asks before it changes anything.", cause="mode", also=also)
    if step.risk == "destroy" and not grant.destroy:
        why = f"Step {step.id} destroys, and the grant does not name destroying steps."
        return Decision(False, why, cause="destroy", also=also)
    return Decision(not against, against, grant.id, cause=also)


def of_step(step: PlanStep) -> Decision | None:
    """Why this step never starts without a person, whoever granted what; None when it may."""
    if step.missing:
        return Decision(False, f"Step {step.id} needs a value for {', '.join(step.missing)}.", cause="placeholder")
    if step.alternatives:
        said = step.why or "it is one of several ways; a person picks one"
        return Decision(False, f"Step {step.id} waits for a choice: {said.rstrip('.')}.", cause="alternatives")
    if step.approve:
        why = f"The runbook asks for an approval of step {step.id} ({step.approve})."
        return Decision(False, why, cause="approve")
    if step.manual or step.why:
        said = step.why or "it is done by hand"
        return Decision(False, f"Step {step.id} waits for a person: {said.rstrip('.')}.", cause="manual")
    return None


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
