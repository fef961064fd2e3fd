"""What users, hosts, documents and messages supply stays text on every page: no script, no handler, no address elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fixtures.pages import HOSTS, Markup, Pages

from watchkeeper.core.actors import LOCAL
from watchkeeper.core.changes.values import Change
from watchkeeper.core.checks.values import State
from watchkeeper.core.log.values import Draft
from watchkeeper.core.runs.values import RunState

ATTACK = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>\"' onmouseover=alert(1) x='"
LINKS = "[click](javascript:alert(1)) [away](https://evil.example/) ![i](https://evil.example/i.png) <https://evil.example/x>"
QUOTED = ATTACK.replace("'", "''")
SERVICE = f"""\
service: shop
description: '{QUOTED}'
owner: '<b onclick=alert(1)>ops</b>'
hosts: [app1]
depends_on: [db]
labels: {{env: '<svg onload=alert(1)>'}}
checks:
  - name: flag
    command: 'test -e /nonexistent/{QUOTED[:20]}'
    from: host
    every: 10s
    crit: exit_code != 0
  - name: web
    http: http://127.0.0.1:1/
    from: host
    every: 10s
    ok: status == 200 and latency < 800ms
respond:
  - to: [flag]
    runbook: runbooks/shop.md
    mode: auto
"""
OTHER = (
    "service: db\nhosts: [app1]\nchecks:\n  - name: up\n    command: 'true'\n    every: 10s\n    crit: exit_code != 0\n"
)
RUNBOOK = f"""\
# Shop {ATTACK}

{LINKS}

<iframe src="https://evil.example/"></iframe>

| a | b |
|---|---|
| {LINKS} | <script>alert(2)</script> |

**Symptoms:** {ATTACK}

**Diagnosis**

```bash
printf '\\033[31m<script>alert(3)</script>\\033[0m<img src=x onerror=alert(1)>\\033]0;owned\\007\\n'
```

**Solution:**

```bash
echo "<script>alert(4)</script>" <name>
```
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    files = {"services/shop.yaml": SERVICE, "services/db.yaml": OTHER, "runbooks/shop.md": RUNBOOK}
    pages = Pages(
        tmp_path_factory.mktemp("pages"), files, hosts=HOSTS.replace("true}", "true, labels: {rack: '<i onclick=1>'}}")
    )
    fill(pages)
    yield pages
    pages.close()


def fill(pages: Pages) -> None:
    """An incident with a run that printed an attack, notes, tasks, log entries, a change, a window, a message of a check."""
    app = pages.app
    app.engine.start()
    pages.read("shop/web", State.WARN, values={"status": 200}, reason=ATTACK, error=None)
    pages.read("shop/web", State.UNKNOWN, reason=ATTACK, error=ATTACK)
    for _ in range(3):
        pages.read("shop/flag", State.CRIT, reason=ATTACK, values={"exit_code": 1, "output": ATTACK})
    number = pages.incident("shop/flag").id
    app.incidents.note(number, LOCAL, ATTACK)
    app.incidents.assign(number, LOCAL, ATTACK[:70])
    app.incidents.add_task(number, LOCAL, ATTACK, "<b>x</b>", None)
    app.incidents.add_link(number, LOCAL, "run 1", ATTACK)
    app.incidents.escalate(number, LOCAL, ATTACK)
    now = app.clock()
    change = Change(0, now - 5, "deployment", ATTACK, ATTACK, "shop", "app1", ATTACK)
    app.store.write(lambda session: session.add_change(change))
    sections = (("Change", f"{ATTACK}\n\n{LINKS}"),)
    facts = {"service": "shop", "host": "app1", "component": ATTACK}
    draft = Draft(now, "Deployment", ATTACK, ATTACK, "High", sections=sections, facts=facts, tags=("<b>x</b>",))
    app.store.write(lambda session: session.append_entry(draft))
    pages.settle_runs()
    pages.get("/")


PLACES = (
    "/services", "/services?q=%3Cscript%3E&state=%22%3E&sort=%27", "/services/shop", "/services/shop?range=%22%3E%3Cscript%3E",
    "/services/shop/fragment/charts?range=day", "/services/shop/checks/flag", "/services/shop/checks/web",
    "/services/shop/checks/flag/fragment/chart", "/hosts", "/hosts?q=%22%3E%3Cscript%3E", "/hosts/app1", "/incidents",
    "/incidents?q=%22%3E%3Cscript%3E&severity=%22%3E&before=%3C", "/incidents/1", "/runs", "/runs/1",
    "/runs?q=%22%3E%3Cscript%3E&state=%22%3E&service=%27%3E&before=%22", "/runbooks", "/runbooks?q=%22%3E%3Cscript%3E",
    "/runbooks/runbooks/shop.md", "/runbooks/runbooks/shop.md/plan?service=shop",
    "/runbooks/runbooks/shop.md/plan?service=shop&param.name=%3Cscript%3Ealert(1)",
    "/runbooks/runbooks/shop.md/grant?response=shop/runbooks/shop.md", "/automation", "/automation?month=%22%3E%3Cscript%3E",
    "/log", "/log/1", "/",
)  # fmt: skip
STATUS = {"/runbooks/runbooks/shop.md/plan?service=shop&param.name=%3Cscript%3Ealert(1)": 400}


@pytest.mark.parametrize("place", PLACES)
def test_an_attack_stays_text(pages: Pages, place: str) -> None:
    answer = pages.client.get(place)
    assert answer.status_code == STATUS.get(place, 200), Markup(answer.content.decode()).text[:500]
    markup = Markup(answer.content.decode())
    assert markup.faults == []
    assert len(markup.ids) == len(set(markup.ids)), "an id stands twice"


@pytest.mark.parametrize("part", ["top", "needs", "readings", "around", "run", "side", "records", "timeline", "told"])
def test_an_attack_stays_text_in_the_parts_that_renew_themselves(pages: Pages, part: str) -> None:
    assert Markup(pages.get(f"/incidents/1/fragment/{part}")).faults == []


def test_the_attacks_are_shown_as_they_were_written(pages: Pages) -> None:
    assert ATTACK in Markup(pages.get("/services/shop")).text
    assert "<b onclick=alert(1)>ops</b>" in Markup(pages.get("/services/shop")).text
    assert "javascript:alert(1)" in Markup(pages.get("/runbooks/runbooks/shop.md")).text
    assert "https://evil.example/" in Markup(pages.get("/runbooks/runbooks/shop.md")).text
    assert Markup(pages.get("/incidents/1")).text.count("<script>alert(1)</script>") > 5


def test_what_a_host_printed_has_no_control_characters_left(pages: Pages) -> None:
    (run,) = pages.app.runs.newest()
    assert run.state is RunState.PARKED
    page = pages.get("/runs/1")
    assert "<script>alert(3)</script>" in Markup(page).text
    assert "\x1b" not in page and "\x07" not in page
    output = page.partition('aria-label="Output of step 1"')[2].partition("</pre>")[0]
    assert "&lt;img src=x" in output and "owned" not in output and "[31m" not in output
    answer = pages.client.get("/runs/1/steps/0/output?download=1")
    assert answer["Content-Type"] == "text/plain; charset=utf-8" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == 'attachment; filename="run-1-step-1.txt"'


def test_every_page_says_what_a_browser_may_load(pages: Pages) -> None:
    for place in ("/services/shop", "/runbooks/runbooks/shop.md", "/runs/1", "/incidents/1"):
        policy = pages.client.get(place)["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
