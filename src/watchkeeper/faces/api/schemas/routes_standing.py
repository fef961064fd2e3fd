"""What the routes mean and answer: how it stands, what changed, who was told."""

from __future__ import annotations

from watchkeeper.core.changes import Change
from watchkeeper.core.expiries import Expiry
from watchkeeper.core.notifications import Notification
from watchkeeper.faces.api.schemas import standing
from watchkeeper.faces.api.schemas.routes import Route
from watchkeeper.faces.api.schemas.shapes import Time
from watchkeeper.services.backups import BackupState
from watchkeeper.services.deliveries import ChannelState
from watchkeeper.services.doctor import Finding
from watchkeeper.services.doctor.channels import Outcome as ChannelOutcome

SECTIONS: dict[str, dict[str, Route]] = {
    "How it stands": {
        "GET /health": Route(
            "whether watchkeeper is alive as a whole: checks, flips, outbox, disk, log, backups; needs no sign-in",
            "`health`: its own health, with status 503 and a problem around it while `faults` is not empty",
            {"health": standing.Health},
        ),
        "GET /status": Route(
            "the whole truth of one moment",
            "`status`: the status; 503 with the same body while something of watchkeeper itself is stuck",
            {"status": standing.Status},
        ),
        "GET /checks": Route(
            "every check with its newest reading",
            "`checks`: list of checks",
            {"checks": [standing.Check]},
        ),
        "POST /checks/ask": Route(
            "ask now: keys (`shop/web`), services, or all",
            "`checks`: list of checks, asked now",
            {"checks": [standing.AskedCheck]},
        ),
        "GET /checks/{key}/series": Route(
            "percentiles of one measured name in even slots, for charts; `points`: at most 2000. Without "
            "`name` the main number of its kind, else the latency",
            "`series`: list of points; `check`, `name`, `slot_s`, `since`, `until`",
            {
                "series": [standing.SeriesPoint],
                "check": str,
                "name": str,
                "slot_s": float,
                "since": Time,
                "until": Time,
            },
        ),
        "GET /availability": Route(
            "how long services were up, degraded, down, under maintenance or unknown; `since`: `30d`, a date or a time",
            "`availability`: one for each service, with `service`, `checks` and a "
            "split of the time, each of the `checks` with `check` and its own; `since`,"
            " `until`",
            {"availability": [standing.Availability], "since": Time, "until": Time},
        ),
        "GET /expiries": Route(
            "what ends within so many days or has ended: certificates, secrets, disks, grants, proofs, "
            "backups, dates of the team",
            "`expiries`: list of expiries, the first end on top",
            {"expiries": [Expiry]},
        ),
        "GET /doctor": Route(
            "is watchkeeper itself well",
            "`doctor`: list of findings",
            {"doctor": [Finding]},
        ),
        "GET /backups": Route(
            "how our own backup stands",
            "`backups`: `plan`, `newest` with its manifest, `failed` and `failed_at` of the last try",
            {"backups": BackupState},
        ),
        "GET /metrics": Route(
            "OpenMetrics or Prometheus text, as the caller asks. Over TCP with the key of `wk keys show "
            "metrics`; also at `/metrics`",
            "text",
            "text/plain",
        ),
    },
    "What changed": {
        "GET /changes": Route(
            "what changed on the hosts, in the ops repo and by what was told. `service`: only on it, its "
            "hosts and what it needs; `hours`: at most 8784",
            "`changes`: list of changes, newest first; `skipped`: each `host` that is not looked at, and `why`",
            {"changes": [Change], "skipped": [standing.Skipped]},
        ),
        "POST /changes": Route(
            "tell of a change, as a deploy script does; an agent may. `kind`: deployment, configuration or "
            "migration; `service` or `host` is needed; `key`: told once, however often it is sent; `at`: now "
            "when empty, at most a year ago",
            "`change`: the change",
            {"change": Change},
        ),
    },
    "Who was told": {
        "GET /notifications": Route(
            "who was told what. `undelivered`: only what nobody has taken; `before`: only numbers below",
            "`notifications`: list of notifications, newest first",
            {"notifications": [Notification]},
        ),
        "GET /notifications/{number}": Route(
            "one message and every try to deliver it",
            "`notification`: a notification with `attempts`, newest first, and `carries`: "
            "the numbers of those that go with it",
            {"notification": Notification},
        ),
        "POST /notifications/{number}/retry": Route(
            "try it now, also on a channel that is down. `channel`: that one first",
            "`notification`",
            {"notification": Notification},
        ),
        "GET /channels": Route(
            "how each declared channel is, by its last attempts",
            "`channels`: list of channels, in the order of the file",
            {"channels": [ChannelState]},
        ),
        "POST /doctor/channels": Route(
            "send a marked test message through the outbox: on one `channel`, or on all",
            "`tests`: one `channel`, `ok` (null: not known yet), `sentence`, `duration_s` for each",
            {"tests": [ChannelOutcome]},
        ),
    },
}
