"""Reading a document as a runbook, beside markdown-it-py alone on the same text.

    python bench/read_runbooks.py [--rounds N] [FILE ...]

Interleaved rounds; printed is the median of milliseconds (of the processor) per 100 KB, and of the ratio within each
round (lowest..highest). Without files it reads documents made here: an ordinary one, and ones that are meant to be slow.
Goals: an ordinary document costs at most 8x of markdown-it-py, and no document of 1 MB more than 10 s.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from markdown_it import MarkdownIt

from watchkeeper.core.runbooks import read_runbook
from watchkeeper.core.runbooks.mojibake import detect

ORDINARY = """### Issue: Press {n} stands

**Symptoms:** sheets lie in tray {n}, and the page of the press is red. It began after the change of the ink.

**Diagnosis:**

1. Look at the press
   ```bash
   systemctl status press-{n}
   journalctl -u press-{n} -n 50 --no-pager | grep -i error
   ```
2. Count the sheets of <tray>

| Metric | Command | Healthy Range |
|---|---|---|
| Sheets | `ls /srv/press/{n} \\| wc -l` | < 100 |

**Solution:**

Start it anew:

```bash
# Stop it first
sudo systemctl stop press-{n}
# Or only tell it to read its settings
sudo systemctl reload press-{n}
```

```
NAME      READY   STATUS
press-{n}   1/1     Running
```

**Escalation:**
- P2 if it stands for 30 minutes: call the foreman
- [ ] Write down who was told

"""


def documents() -> dict[str, str]:
    """Name -> text of the documents made here."""
    commands = "cp /srv/a/{n} /srv/b/{n} && chmod 640 /srv/b/{n}\n"
    return {
        "ordinary, 200 problems": "# Presses\n\n" + "".join(ORDINARY.format(n=n) for n in range(200)),
        "one fence of 32 KB": "## Steps\n\n```bash\n" + "".join(commands.format(n=n) for n in range(600)) + "```\n",
        "5000 fences": "## Steps\n\n" + "".join(f"```bash\ncp a{n} b{n}\n```\n\n" for n in range(5000)),
        "one paragraph of 1 MB": "## Escalation\n\n" + "if it stands, call P1; " * 45_000,
        "50,000 list items": "## Escalation\n\n" + "- call Mara if it stands\n" * 50_000,
        "20,000 table rows": "## Escalation\n\n| Level | Who | When |\n|---|---|---|\n" + "| P1 | Mara | - |\n" * 20_000,
        "nested lists and quotes": "".join("  " * (n % 60) + "- > x\n" for n in range(10_000)),
        "a heading of 500 KB": "# " + "1. " * 170_000 + "\n\n## Escalation\n\n" + "- x\n" * 200,
        "brackets and stars": "[" * 20_000 + "**" * 20_000 + "\n",
    }  # fmt: skip


def parsed(text: str) -> float:
    started = time.process_time()
    MarkdownIt("commonmark", {"maxNesting": 60}).enable("table").parse(text)
    return time.process_time() - started


def read(text: str) -> float:
    started = time.process_time()
    read_runbook(text, "bench.md")
    return time.process_time() - started


def measure(name: str, text: str, rounds: int) -> None:
    """Print one line for a document."""
    kilobytes = max(len(text.encode()) / 1024, 0.01)
    pairs = [(read(text), parsed(text)) for _ in range(rounds)]
    ratios = sorted(ours / max(alone, 1e-6) for ours, alone in pairs)
    cost = statistics.median(ours for ours, _ in pairs) * 1000
    print(
        f"{name:<28} {kilobytes:8.0f} KB {cost:9.1f} ms {cost * 100 / kilobytes:9.1f} ms per 100 KB "
        f"{statistics.median(ratios):6.1f}x of markdown-it-py ({ratios[0]:.1f}..{ratios[-1]:.1f})",
        flush=True,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("files", nargs="*", type=Path)
    given = options.parse_args()
    chosen = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in given.files} or documents()
    for name, text in chosen.items():
        measure(name, text, given.rounds)
    text = ("Größe, 手順 ✅ → " * 40_000).encode()
    started = time.process_time()
    detect(text)
    print(f"mojibake.detect on {len(text) / 1024:.0f} KB: {(time.process_time() - started) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
