"""What the routes mean and answer: runbooks and runs, grants and automation, locks and people."""

from __future__ import annotations

from watchkeeper.core.leases import Lease
from watchkeeper.core.runs.automation_month import Month
from watchkeeper.core.runs.quarantine import Quarantine
from watchkeeper.core.runs.values import Grant, Run
from watchkeeper.faces.api.schemas import runs, standing
from watchkeeper.faces.api.schemas.routes import Route

SECTIONS: dict[str, dict[str, Route]] = {
    "Runbooks and runs": {
        "GET /runbooks": Route(
            "the runbooks of the ops repo",
            "`runbooks`: list of runbooks",
            {"runbooks": [runs.Runbook]},
        ),
        "GET /runbooks/{path}": Route(
            "how one is understood",
            "`runbook`: a runbook with `procedures` and `steps`",
            {"runbook": runs.Runbook},
        ),
        "POST /runs": Route(
            "start a run by hand. `digest`, `pins`: of the plan that was shown; refused when it changed. "
            "`hosts`: only on these; `failed_of`: only where that run did not get through",
            "`run`: a run; of a dry run `id` is 0 and nothing is kept",
            {"run": Run},
        ),
        "GET /runs": Route(
            "`active`: only those that have not ended",
            "`runs`: list of runs, newest first",
            {"runs": [Run]},
        ),
        "GET /runs/{number}": Route(
            "one run",
            "`run`: a run with its `approvals`",
            {"run": Run},
        ),
        "GET /runs/{number}/steps/{index}/output": Route(
            "the output of a step, also while it runs",
            "raw bytes from `offset`. Header `X-Next-Offset`: where to go on; `X-Done: 1`: the step has ended",
            "application/octet-stream",
        ),
        "POST /runs/{number}/approve": Route(
            "`binds`: refused unless the step still has this hash",
            "`run`",
            {"run": Run},
        ),
        "POST /runs/{number}/values": Route(
            "`params`: values for placeholders of what waits; nothing runs before its approval",
            "`run`; what waits is bound anew, see its `approvals`",
            {"run": Run},
        ),
        "POST /runs/{number}/deny": Route(
            "the waiting step never runs",
            "`run`",
            {"run": Run},
        ),
        "POST /runs/{number}/cancel": Route(
            "end it, on the host too",
            "`run`",
            {"run": Run},
        ),
        "POST /runs/{number}/resume": Route(
            "let a parked run go on, or a failed one from its failed step",
            "`run`",
            {"run": Run},
        ),
        "POST /runs/{number}/undo": Route(
            "take back what an ended run did, then verify again",
            "`run`",
            {"run": Run},
        ),
    },
    "Grants and automation": {
        "GET /grants": Route(
            "all grants, revoked ones too",
            "`grants`: list of grants, newest first",
            {"grants": [Grant]},
        ),
        "POST /grants": Route(
            "`response`: `SERVICE/RUNBOOK`",
            "`grant`",
            {"grant": Grant},
        ),
        "POST /grants/{number}/revoke": Route(
            "take it back",
            "`grant`",
            {"grant": Grant},
        ),
        "GET /automation": Route(
            "the kill switch",
            '`{"automation": {"on": true, "why": ""}}`',
            {"automation": standing.Switch},
        ),
        "GET /automation/report": Route(
            "what acting by itself brought or would have brought; `days` up to 366",
            "`report`: the report",
            {"report": runs.AutomationReport},
        ),
        "POST /automation": Route(
            "switch it; off needs no right, on needs a person",
            "`automation`",
            {"automation": standing.Switch},
        ),
        "GET /proofs": Route(
            "when each response last changed something and was proven (null: never), and how long that counts",
            '`{"proofs": [{"response": "shop/runbooks/web-down.md", "runbook": "runbooks/web-down.md", '
            '"proven_at": null, "within_s": 7776000.0}]}`',
            {"proofs": [runs.Proof]},
        ),
        "GET /automation/quarantine": Route(
            "responses that are set aside because they did not help; `released`: also those that are over",
            "`quarantines`: list of quarantines, newest first",
            {"quarantines": [Quarantine]},
        ),
        "POST /automation/quarantine/release": Route(
            "`response` may act again under its grant; an approver only",
            "`quarantines`: those that were released",
            {"quarantines": [Quarantine]},
        ),
        "GET /automation/records": Route(
            "what a runbook has proven in the last year",
            "`records`: `runbook`, `tried`, `proven`, `median_s` and `sentence`; in `symptoms` the same for "
            "each `symptom`, as `service/check`",
            {"records": runs.Records},
        ),
        "GET /automation/month": Route(
            "the figures of a month such as `2026-10`; without one those of the month so far",
            "`month`: the figures",
            {"month": Month},
        ),
    },
    "Locks and people": {
        "GET /locks": Route(
            "who holds what",
            "`locks`: list of locks, oldest first",
            {"locks": [Lease]},
        ),
        "POST /locks": Route(
            "take or renew a deploy lock; a person only. `name`: `deploy:SERVICE`",
            "`lock`",
            {"lock": Lease},
        ),
        "POST /locks/release": Route(
            "let go of a lock, also another's; a person only",
            "`lock`, as it was",
            {"lock": Lease},
        ),
    },
}
