"""docs/reference/runbooks.md, made from the tables of the reader. ``python tools/reference.py`` writes it."""

from __future__ import annotations

from typing import Final

from watchkeeper.core.runbooks.languages import CONFIGURATION, CONSOLE_LANGUAGES, OUTPUT, PROSE, SHELL_LANGUAGES, SOURCE
from watchkeeper.core.runbooks.phases import phrases
from watchkeeper.core.runbooks.values import Role

HEAD: Final = """# How Markdown is read

Made by `python tools/reference.py` from the tables of the reader. Do not edit it by hand.

A runbook is a plain Markdown document. Annotations are optional; they only make it more exact. Nothing is refused: what is
not understood stays text or becomes a manual step, and `wk lint` says so with the line. `wk runbook show FILE` shows what
was read, and for every step why it may or may not start without a person.

## Structure

- The nearest heading or bold label above a block decides its phase: `diagnose`, `fix`, `verify` or `rollback`. Everything
  else is text: its commands are shown, and no run starts them by itself.
- A heading that owns phases is one procedure. Problems below "Troubleshooting" or "Common issues" are procedures of their own.
- A fence is one or more steps. It is cut at comment lines; parts that share a directory or variables stay together, and so
  does a script that begins with `#!`. A fence with a name is one step.
- The title of a step is its comment, its list item, the short sentence right above its fence, or the heading that holds this
  fence alone; without any, its first command. The id is never made from such a sentence, so writing a better one changes no
  grant, approval or `undo=`.
- An item of a numbered list without a fence is a manual step. A checkbox below "Follow-up actions" is a task, elsewhere a
  sign-off of the run. A table with the columns metric (or check), command and healthy range (or target) holds checks.
- Crontab lines are schedules: in a fence of their own, below `crontab -e` (also as comments), or where a command installs them.
- Lists and tables below "Escalation" are rules: a level (`P1`, `SEV2`, `Level 2`), a condition, who is told, and within which
  time. A table with levels and a response time is one anywhere. Contacts that are still `[NAME]` are found, not used.
- Nothing is guessed from text that Markdown does not show as text: a fence inside an HTML block is listed and does not run.
"""
WORDS: Final = """## Words

In headings and bold labels, in any case; leading numbers, letters and emoji and a final colon do not count. A title matches
whole, by its first words, or by its last one (`Database rollback`).

| what it is | words |
|---|---|
"""
FENCES: Final = """## Fences

| the fence says | it is |
|---|---|
| {shell} | shell text: steps |
| {console} | lines behind a `$ ` prompt are steps, the rest is their output; a `# ` may be a root prompt, so a person decides |
| {configuration} | a file's content, or schedules |
| {output} | output |
| {prose} | text |
| {source} | a program of another language: shown; with a `name` a manual step |
| nothing | guessed, see below |
| any other word | unknown: shown, never run |

A fence without a language, and an indented block, is a command only when every line is one: a known program, a script
(`./look.sh`), or an unknown word with options. A command above a table that it prints, and lines behind `$ ` or `host:~$ `,
are told apart from their output. A guess runs by itself only when it reads. Paths, SQL, drawings and sentences are none.

A fence that says `bash` is taken at its word, except for what cannot be a command: `key: value` lines, list items, SQL,
prompts of other programs (`mysql> `), tables, links, chat commands (`/plugin install`), prose. Such lines do not run, the
finding `stray-lines` counts them, and the steps of that fence wait for a person.

Fences that are no steps: only comments, only variables, crontab lines, the content of a file (its first comment is the
path), a script for another interpreter. A fence that is never closed does not run.
"""
RISK: Final = """## Risk

`diagnose` and `verify` start as `read`, all else as `change`. The commands can only raise it, also behind `sudo`,
`bash -c`, `ssh HOST`, `docker exec`, `xargs` and `find -exec`:

| risk | for example |
|---|---|
| `change` | restarts, `cp`, `mv`, `sed -i`, writing redirections, `UPDATE`, \
`curl -X POST`, `python3 -c`, names such as `restart-all.sh` or options such as `--apply` |
| `destroy` | `rm -r`, `find -delete`, `pkill`, `DROP`, `DELETE` without `WHERE`, `prune -a`, `git reset --hard`, \
restoring a dump, `curl ... \\| sh` |

A program that nobody knows keeps the base of its phase. When the phase is only inherited from a heading further up, it
counts as `change`.

## What never starts by itself

- interactive commands (editors, pagers, `-it`, a bare `psql` or `ssh HOST`): manual
- endless commands (`logs -f`, `watch`, `ping` without `-c`): time-bounded when a person starts them, 30 s
  unless `timeout=` says else
- alternatives: parts introduced by "or", "if ...", "optional", "manually", a platform or "option B", and parts that start,
  stop or restart one unit. They share one menu, and nothing of it runs until a person, or the `when=` of exactly one way, picks
- a step that needs an earlier `cd`, variable or session: every step is a fresh shell
- a changing command under diagnosis or verification; shell text that cannot be parsed; a `# ` that may be a root prompt;
  a step with `approve=`, `interactive=true` or `excludeFromRunAll=true`

Destroying steps are a matter of the grant, not of the document.

## Parameters

`<name>`, `[NAME]`, `{{ name }}`, `{name}`, `YYYYMMDD`, `TIMESTAMP`, `your-...`, `CHANGE_ME` and `$NAME` that nothing above
sets are parameters: no value, no run. `$NAME` gets its value from the environment; the others are replaced by the value. A
value consists of letters, digits and `. _ : / @ + -`, does not start with `-` or `+` and does not climb with `..`, unless a
pattern is declared. A value of a wider pattern becomes a quoted variable, and is refused where another program would
read it (`ssh HOST '...'`, single quotes).

## Front matter

```yaml
cwd: /srv/shop
watchkeeper:
  service: shop
  host: app1
  params:
    max_age_minutes: 30
    reason: {pattern: "[a-z ]+", ask: Why is it restarted}
```

Runme's keys are read or kept: `cwd` and `skipPrompts` hold for the document, `tag` and `category` for fences below no
phase word; `shell`, `terminalRows`, `runme` and all others are kept.
"""
ATTRIBUTES: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("name",), "the step's id; without it the id comes from the list item, comment or first command"),
    (("id",), "Runme's own id: kept, never edited"),
    (("tag", "category"), "`diagnose`, `fix`, `verify` or `rollback` sets the phase; others are labels"),
    (("risk",), "`read`, `change`, `destroy`; a file can only raise it"),
    (
        ("approve",),
        (
            "who must agree: `operator`, `approver`, `admin`, or `two` (two different persons, neither of them who asked for "
            "the run); it can only raise what is required, and any other word asks for two admins"
        ),
    ),
    (
        ("host", "serial", "cwd"),
        (
            "where it runs: a host, several with commas, or `LABEL:VALUE`; on how many hosts at once; `cwd` is combined with "
            "the document's"
        ),
    ),
    (("timeout", "retries", "every"), "deadline of one attempt, number of attempts, pause between them (`90s`, `5m`)"),
    (("expect",), "exit code, limit such as `< 100`, regular expression, or the lines of the output"),
    (
        ("undo", "when", "capture", "idempotent"),
        "compensating step; condition; keep the output as a value; may be sent again",
    ),
    (
        ("wait",),
        "`true` on a diagnosis: the fix waits for its end, up to its `timeout`; without it for 1.5 s, and goes on beside it",
    ),
    (
        ("interactive", "background", "excludeFromRunAll", "ignore", "transform"),
        "as in Runme; `transform` is the inverse of `ignore`",
    ),
    (("interpreter",), "a shell: the text is shell text; any other program: a manual step"),
    (
        ("promptEnv",),
        '`export X="default"` and `export X=Ask text` become parameters; `no`, `never`, `false`, `0`: they do not',
    ),
    (("skipPrompts",), "such prompts are taken as they stand, in steps that only read"),
    (("mimetype", "mimeType", "closeTerminalOnSuccess", "terminalRows"), "for editors: kept"),
)
"""Every attribute that is understood, and what it means. Others are kept as they are."""
ATTRIBUTES_HEAD: Final = """## Attributes

In the info string of a fence, as JSON (`bash {"name":"depth","timeout":"10s"}`) or as `{ name=depth timeout=10s }`; for a table
or list as a comment on the line before: `<!-- watchkeeper {"host":"db1"} -->`. JSON is tried first. The second form knows no
quotes, so a value with a space needs JSON. Runme stops at the first `}`; where that changes what it reads, lint says so.

| attribute | meaning |
|---|---|
"""
TAIL: Final = """What each of them does in a run: [how runs behave](runs.md).

## Writing back

An edit changes its lines only. Line endings (also mixed), a byte order mark, trailing spaces, a missing last newline, unknown
attributes and their order stay, byte for byte. UTF-8 text that was once read as Mac Roman or Windows-1252 (`â€™` for a
quotation mark) is found by `wk lint`, which offers the repair; nothing repairs it unasked.

Limits: 4 MB per document, 5,000 fences, 32 KB per fence. What is beyond is listed and not run.

A comment `<!-- watchkeeper lint-off CODE: reason -->` turns off one kind of [finding](lint.md) for its document.
"""
ROLES: Final[tuple[tuple[Role, str], ...]] = (
    ("diagnose", "phase `diagnose`"),
    ("fix", "phase `fix`"),
    ("verify", "phase `verify`; also every word that begins with verif, valid or confirm"),
    ("rollback", "phase `rollback`"),
    ("symptom", "text: how the problem shows itself"),
    ("text", "text"),
    ("escalation", "rules: who is told when"),
    ("checklist", "sign-offs of a run"),
    ("followup", "tasks that outlive the run"),
)


def runbooks_page() -> str:
    """The whole page."""
    listed = "\n".join(f"| {meaning} | {', '.join(phrases(role))} |" for role, meaning in ROLES)
    rows = "\n".join(f"| {', '.join(f'`{name}`' for name in names)} | {meaning} |" for names, meaning in ATTRIBUTES)
    return "\n".join(
        (
            HEAD,
            f"{WORDS}{listed}\n",
            _fences(),
            RISK,
            f"{ATTRIBUTES_HEAD}{rows}\n| anything else | kept |\n",
            TAIL,
        )
    )


def _fences() -> str:
    def named(languages: frozenset[str]) -> str:
        return ", ".join(f"`{language}`" for language in sorted(languages))

    return FENCES.format(
        shell=named(SHELL_LANGUAGES),
        console=named(CONSOLE_LANGUAGES),
        configuration=named(CONFIGURATION),
        output=named(OUTPUT),
        prose=named(PROSE),
        source=named(SOURCE),
    )
