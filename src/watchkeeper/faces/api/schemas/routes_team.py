"""What the routes mean and answer: accounts, tokens and what one may do; the status page; definitions; search; agents."""

from __future__ import annotations

from watchkeeper.core.audit import AuditEvent
from watchkeeper.core.runs.values import Run
from watchkeeper.faces.api.schemas import team, work
from watchkeeper.faces.api.schemas.routes import Route, Some
from watchkeeper.faces.api.schemas.shapes import Time

USER = {"user": team.Account}
INVITED = Some({"user": team.Account, "invitation": team.Invitation, "token": str})
WRITTEN = {"plan": team.DefinitionPlan, "left": str, "entry": int | None}
POSTED = {"notice": team.Notice, "update": team.Update}
SECTIONS: dict[str, dict[str, Route]] = {
    "People and tokens": {
        "GET /users": Route(
            "everybody who may sign in or call", "`users`: list of accounts, by name", {"users": [team.Account]}
        ),
        "POST /users": Route(
            "invite a person, or add an agent. `role`: on everything, or on each of `on`; without one that of "
            "watchkeeper.yaml. `token`: give a token instead of an invitation",
            "`user`; this once the `invitation` with its link, or the `token`",
            INVITED,
        ),
        "POST /users/change": Route(
            "change roles, address, Unix user or limits; what is left out stays", "`user`", USER
        ),
        "POST /users/disable": Route(
            "nobody signs in or calls by this account until it is enabled; its sessions end", "`user`", USER
        ),
        "POST /users/enable": Route("let a disabled account in again", "`user`", USER),
        "POST /users/remove": Route("take an account away, with its tokens and sessions", "`user`, as it was", USER),
        "POST /users/invite": Route(
            "a new link to set a password with; `reset_factors`: the second factors of before go too",
            "`user`, and this once the `invitation`",
            INVITED,
        ),
        "POST /users/recover": Route(
            "the owner of the state makes an admin; only while no daemon runs",
            "`user` and, this once, `token`",
            {"user": team.Account, "token": str},
        ),
        "GET /tokens": Route(
            "one's own tokens; those of an `account`, or of everybody (`*`), for admins",
            "`tokens`: list of tokens",
            {"tokens": [team.Token]},
        ),
        "POST /tokens": Route(
            "a new token. `scope`: read, act, approve or admin; `services`: where; `expires_s`: how long it is good",
            "`token` with its `text`, this once",
            {"token": team.Token},
        ),
        "POST /tokens/revoke": Route("end a token at once", "`token`", {"token": team.Token}),
        "POST /tokens/revoke-all": Route(
            "end all tokens of an account, or of everybody (`*`)", "`revoked`: how many", {"revoked": int}
        ),
        "GET /me": Route("who calls, by which way, and how far it reaches", "`me`", {"me": team.Caller}),
        "GET /me/may": Route(
            "every action with the verdict for who calls, on a `service` or on what is the team's",
            "`may`",
            {"may": team.May},
        ),
        "GET /access": Route("the whole table: what each action needs of whom", "`rules`", {"rules": [team.Rule]}),
        "POST /me/factor": Route(
            "show a second factor with this token; it counts for fifteen minutes",
            "`factor`: `until`",
            {"factor": {"until": Time}},
        ),
        "POST /me/second-factor": Route(
            "begin to set up an authenticator; ten minutes to confirm it with a code",
            "`second_factor`: `secret` and `url`, this once",
            {"second_factor": {"secret": str, "url": str}},
        ),
        "POST /me/second-factor/confirm": Route(
            "the authenticator counts from now on",
            "`second_factor`: `recovery_codes`, this once",
            {"second_factor": {"recovery_codes": [str]}},
        ),
        "GET /audit": Route(
            "acts that matter to security, allowed or not. `since_s`: so many seconds back; `before`: older than this number",
            "`events`, newest first",
            {"events": [AuditEvent]},
        ),
    },
    "Status page": {
        "GET /status-page": Route(
            "the page as the public gets it now", "`status_page`", {"status_page": dict[str, object]}
        ),
        "GET /status-page/notices": Route(
            "what was told of incidents, with drafts and what was withdrawn",
            "`notices`, and as `untold` open incidents of which nothing was told",
            {"notices": [team.ToldNotice], "untold": [team.Untold]},
        ),
        "POST /status-page/incidents/{number}/updates": Route(
            "say something about an incident, or keep it as a `draft`. What was said is never changed",
            "`notice`, `update`",
            POSTED,
        ),
        "POST /status-page/incidents/{number}/publish": Route(
            "an incident goes on the page with watchkeeper's own words; one that was withdrawn comes back",
            "`notice`",
            {"notice": team.Notice},
        ),
        "POST /status-page/incidents/{number}/withdraw": Route(
            "take what was said about an incident off the page; nothing is deleted",
            "`notice`",
            {"notice": team.Notice},
        ),
        "POST /status-page/updates/{number}/publish": Route("a draft becomes public", "`notice`, `update`", POSTED),
        "POST /status-page/updates/{number}/discard": Route(
            "a draft that nobody will publish", "`update`", {"update": team.Update}
        ),
    },
    "Definitions": {
        "GET /definitions": Route(
            "every definition and document of the ops repo",
            "`definitions`, by path",
            {"definitions": [team.Definition]},
        ),
        "GET /definitions/{path}": Route(
            "one file, exactly as it is on the disk", "`definition` with its text", {"definition": team.Definition}
        ),
        "PUT /definitions/{path}": Route(
            "write a file and commit it with you as author; refused with every mistake it would bring. `digest`: of the file "
            "as it was read",
            "`plan`: what it did; `left`: why it was not committed; `entry`: its number in the log",
            WRITTEN,
        ),
        "DELETE /definitions/{path}": Route(
            "remove a file and commit that; refused when something still names it", "as of PUT", WRITTEN
        ),
        "POST /plan": Route(
            "what changes would do to what is in force; nothing is written. Without `files`: the files as they are",
            "`plan`",
            {"plan": team.DefinitionPlan},
        ),
        "GET /export": Route(
            "all definitions with their texts, for an import elsewhere; no secret is in it",
            "`format`, `revision`, `definitions`",
            {"format": str, "revision": str, "definitions": [team.Exported]},
        ),
        "POST /import": Route(
            "make these all definitions there are; `dry_run`: only say what would change", "as of PUT", WRITTEN
        ),
        "GET /services": Route(
            "services with hosts, dependencies and state, by name; `after`: the name to go on behind",
            "`services`, `total`, and as `more` the name to go on `after`, or null",
            {"services": [work.Described], "total": int, "more": str | None},
        ),
        "GET /services/{name}": Route(
            "one service with its checks as they are now", "`service`", {"service": work.Described}
        ),
        "GET /hosts": Route("every host with the services on it", "`hosts`", {"hosts": [work.Host]}),
        "GET /hosts/{name}": Route("one host, by name, address or label", "`host`", {"host": work.Host}),
    },
    "Search and agents": {
        "GET /search": Route(
            "the best places for these words: runbooks, documents, queries, routines, services, hosts, entries of the log. "
            "`kind`: only these, with commas",
            "`found`; `words` as they were read; `any_word`: no place has them all; `more`: there is more",
            {"found": [work.Found], "words": [str], "any_word": bool, "more": object},
        ),
        "GET /documents": Route(
            "every document, query and routine of the ops repo", "`documents`, by path", {"documents": [work.Place]}
        ),
        "GET /documents/{path}": Route(
            "the text of one document from a character on", "`document`", {"document": work.WholePlace}
        ),
        "GET /mcp": Route("who calls; what the MCP face asks first", "`mcp`", {"mcp": team.McpCaller}),
        "POST /mcp/calls": Route(
            "one use of a tool, counted and kept in the audit trail",
            "`call`",
            {"call": {"tool": str, "actor": str}},
        ),
        "POST /mcp/requests": Route(
            "ask for a runbook: the run waits for a person from its first step",
            "`run`, and `approve_at`: its page",
            {"run": Run, "approve_at": str},
        ),
    },
    "Reports, webhooks, emergency": {
        "GET /reports": Route(
            "the report of a month such as 2026-10, in the team's zone; without one of the month under way",
            "`report`",
            {"report": team.Report},
        ),
        "GET /reports/text": Route(
            "the same as a text. `form`: csv or markdown",
            "`report`: `form`, `text`",
            {"report": {"form": str, "text": str}},
        ),
        "GET /webhooks": Route(
            "who is told of what happens, how far, and why not further", "`webhooks`", {"webhooks": [team.Webhook]}
        ),
        "POST /webhooks/{name}/test": Route(
            "send one event of the type test now", "`test`", {"test": team.WebhookTest}
        ),
        "POST /webhooks/{name}/replay": Route(
            "send again what came behind a number, for a receiver that lost what it had",
            "`webhook`",
            {"webhook": team.Webhook},
        ),
        "POST /emergency": Route(
            "everybody is signed out and every token and key ends, those of the caller included",
            "`emergency`: what was `done`, and as `outside` the secrets that people must replace",
            {"emergency": team.Emergency},
        ),
        "POST /wall/links": Route(
            "a link that makes one browser a wall: it sees the wall and nothing else; it works once, within ten minutes",
            "`link`: `url`",
            {"link": {"url": str}},
        ),
    },
}
