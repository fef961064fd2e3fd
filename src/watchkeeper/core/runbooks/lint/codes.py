"""Every finding there is: its code, its level, what it means, and what to do. The reference page is made from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchkeeper.core.runbooks.values import Level


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. code: never changes. level: the gravest it has. advice: the next step."""

    code: str
    level: Level
    meaning: str
    advice: str


_ROWS: Final = (
    Code("no-verification", "warning", "A procedure that changes something has no verification.",
         'Add a section "Verification" with a command that proves it, or say there why there is none.'),
    Code("no-rollback", "warning", "A procedure that changes something has no rollback.",
         'Add a section "Rollback" with the way back, or say there why there is none.'),
    Code("destroy-without-undo", "warning", "A step can destroy something and nothing is said about a way back.",
         'Name the step that takes it back (`undo=STEP`), or write a section "Rollback".'),
    Code("unknown-undo", "error", "`undo=` names a step that the document does not have.",
         "Correct the name, or give the other fence that name."),
    Code("duplicate-name", "warning", "Two fences have the same name; the second one gets a number.",
         "Give each fence a name of its own."),
    Code("relies-on-earlier-step", "warning", "A step needs the directory, variable or session of an earlier one.",
         "Write the directory or value into the step, or join both fences."),
    Code("bash-refuses", "error", "`bash -n` does not take the commands of a step.",
         "Correct the line that bash names."),
    Code("unreadable-shell", "warning", "bash takes the commands, and watchkeeper cannot judge what they do.",
         "Write it simpler, or leave it to a person."),
    Code("alternatives", "note", "A fence is a menu: nothing of it runs until a person picks.",
         "Put what shall run by itself into a fence of its own."),
    Code("unknown-host", "error", "`host=`, in a fence or the front matter, names no host of `hosts.yaml`.",
         "Correct the name, or add the host."),
    Code("unknown-service", "error", "`service:` in the front matter names no service.",
         "Correct the name, or add `services/NAME.yaml`."),
    Code("unknown-check", "warning", "The text speaks of a check, as `shop/web`, that its service does not have.",
         "Correct the name; the check may have been renamed."),
    Code("unknown-value", "error", "`when=` asks for a value, or a step, that is not there before it.",
         "Declare it below `params:`, or capture it in an earlier step (`capture=NAME`)."),
    Code("bad-condition", "error", "`when=` cannot be read.", "Write for example `depth > 100 and restart.state == done`."),
    Code("bad-capture", "error", "`capture=` names a variable that programs obey, or no variable.", "Choose another name."),
    Code("bad-expect", "error", "`expect=` is a regular expression that cannot be checked within bounded time.",
         "Write a plainer one, a limit such as `< 100`, or the lines of the output."),
    Code("dead-link", "warning", "A link leads to a file, folder or heading that is not there.",
         "Correct the link, or take it out."),
    Code("value-missing", "warning", "A service asks for `mode: auto`, and a step of the runbook has a value open.",
         "Add the value below `params:` of that response, or give it a default in the document."),
    Code("never-by-itself", "warning", "A service answers with a runbook of which no step could ever start by itself.",
         "Look at `wk runbook show FILE`: it says for every step why."),
    Code("never-proven", "note", "No run of a runbook that answers something was ever proven, or none for `proven_within`.",
         "Run it once on a quiet day: `wk run FILE --service NAME`. Said only while the watch runs."),
    Code("damaged-encoding", "warning", "UTF-8 text was once read in another encoding and saved so (mojibake).",
         "`wk lint --repair-encoding FILE` shows what it would change and asks."),
    Code("unclosed-fence", "error", "A fence is never closed, so all that follows would be part of it.",
         "Add the closing line."),
    Code("hidden-fence", "warning", "A fence stands inside an HTML block, where Markdown reads it as text.",
         "Put an empty line before it."),
    Code("front-matter", "error", "The front matter cannot be read.", "Correct it; it is YAML between two `---` lines."),
    Code("attributes", "warning", "An attribute of a fence or a watchkeeper comment cannot be read.",
         "Write it as the sentence says."),
    Code("risk-lowered", "note", "The file says less risk than the commands have; a file can only raise it.",
         "Take `risk=` out."),
    Code("named-menu", "warning", "A fence with a name holds alternatives, so it is cut.",
         "One fence per alternative."),
    Code("output-lines", "note", "Lines after an output comment are taken as output and do not run.",
         "Nothing, when that is right."),
    Code("stray-lines", "note", "Lines between commands are taken as output and do not run.", "Nothing, when that is right."),
    Code("skip-prompts", "note", "`skipPrompts` is honoured for steps that only read.", "Give the values of the others."),
    Code("empty-contact", "note", "A contact of the escalation is not filled in.", "Write down who is to be told."),
    Code("runme-differs", "note", "Runme would change lines of this fence; watchkeeper keeps them.",
         "Nothing, unless you use Runme too."),
    Code("too-large", "error", "The document or a fence is larger than what is read.", "Split it."),
    Code("lint-off", "warning", "A `lint-off` comment has no reason, or names no finding.",
         "`<!-- watchkeeper lint-off no-rollback: why -->`"),
    Code("reading", "warning", "Something else in the document is not clear.", "Do what the sentence says."),
)  # fmt: skip
CODES: Final = {row.code: row for row in _ROWS}
"""By code, in the order of the reference page."""
