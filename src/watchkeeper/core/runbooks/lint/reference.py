"""docs/reference/lint.md, made from the table of findings. ``python tools/reference.py`` writes it."""

from __future__ import annotations

from watchkeeper.core.runbooks.lint.codes import CODES, Code

HEAD = """# Findings of lint

Made by `python tools/reference.py` from the table of findings. Do not edit it by hand.

`wk lint` reads the whole ops repo: its YAML files, every runbook, and the links of `docs/` and `routines/`. `wk lint FILE`
reads single documents, in an ops repo or outside. It needs neither a running watch nor a network, and it runs nothing:
commands are shown to `bash -n` only. Each line is `file:line:column: level: sentence [code]`.

The exit code is 1 when there is an error, with `--strict` also for a warning. Notes are always fine. `--json` gives the same as
`{"mistakes": [...]}`, with the code in `code`; mistakes in YAML files have the code `definition`.
"""
LEVELS = {
    "error": "## Errors\n\nThe document says something that cannot be.\n",
    "warning": "## Warnings\n\nIt works, and somebody will miss something at night.\n",
    "note": "## Notes\n\nGood to know.\n",
}
TAIL = """## To silence one

A comment on a line of its own, anywhere in the document, with the code and a reason. It holds for that file; without a
reason it is not used.

```markdown
<!-- watchkeeper lint-off no-rollback: it has no state, so there is nothing to take back -->
```

The same in the front matter:

```yaml
watchkeeper:
  lint_off: {no-rollback: it has no state}
```
"""


def lint_page() -> str:
    """The whole page."""
    parts = [HEAD]
    for level, head in LEVELS.items():
        rows = [_row(code) for code in CODES.values() if code.level == level]
        parts.append(f"{head}\n| code | what is found | what to do |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join([*parts, TAIL])


def _row(code: Code) -> str:
    return f"| `{code.code}` | {code.meaning} | {code.advice} |"
