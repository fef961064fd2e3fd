"""The page of an incident: truth, act, chart, steps, suspects, timeline, in this order; and what each act does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.pages import Markup, Pages

from watchkeeper.core.changes.values import Change
from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Ending, Status
from watchkeeper.core.runs.values import RunState

SERVICE = """\
service: shop
hosts: [app1]
checks:
  - name: queue
    command: echo 1
    from: host
    every: 5s
    warn: value > 50
    crit: value > 100 for 2 of 3
  - name: other
    command: 'true'
    from: host
    every: 5s
    crit: exit_code != 0
respond:
  - to: [queue]
    runbook: runbooks/queue.md
    mode: propose
"""
RUNBOOK = """\
# The queue grows

**Diagnosis**

```bash
echo seen: 137 jobs
```

**Solution:**

```bash
touch ROOT/fixed
```
"""
NEW = "# Something else\n\n**Diagnosis**\n\n```bash\necho look\n```\n"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    files = {
        "services/shop.yaml": SERVICE,
        "runbooks/queue.md": RUNBOOK.replace("ROOT", str(tmp_path)),
        "runbooks/new.md": NEW,
    }
    pages = Pages(tmp_path, files)
    yield pages
    pages.close()


def broken(pages: Pages) -> int:
    """An incident with a rising queue, a change before it, and a run that waits for a person."""
    pages.app.engine.start()
    now = time.time()
    change = Change(0, now - 200, "deployment", "shop 2.14 deployed", "ana", "shop", "app1")
    pages.app.store.write(lambda session: session.add_change(change))
    for number in range(60):
        value = 10 + number * 2.2
        state = State.CRIT if value > 100 else State.WARN if value > 50 else State.OK
        pages.read("shop/queue", state, now - 300 + 5 * number, {"value": value}, f"value {value:.0f}, limit 100")
    with pages.app.store.read() as session:
        (incident,) = session.incidents(Status.OPEN, 5)
    pages.settle_runs()
    return incident.id


def test_the_order_is_that_of_need(pages: Pages) -> None:
    page = pages.get(f"/incidents/{broken(pages)}")
    order = [page.index(f'id="{name}"') for name in ("top", "needs", "readings", "run", "before", "timeline", "note")]
    assert order == sorted(order)
    text = Markup(page).text
    assert "Approve these" in text and "bytes on app1" in text and "seen: 137 jobs" in text
    assert "You act as local" in text and "Neither runs anything" in text


def test_the_chart_shows_limits_flips_and_what_changed(pages: Pages) -> None:
    page = pages.get(f"/incidents/{broken(pages)}/fragment/readings")
    drawn = re.findall(r'<svg class="(?:wide|narrow)".*?</svg>', page, re.S)
    assert len(drawn) == 2 and all(len(each.encode()) <= 4096 for each in drawn), [len(each) for each in drawn]
    for each in drawn:
        assert 'class="lim-crit"' in each and 'class="lim-warn"' in each and 'class="chgline"' in each
        assert 'class="k-crit"' in each and "changed, shop 2.14 deployed" in each


def test_a_step_is_approved_with_the_bytes_that_were_shown(pages: Pages) -> None:
    number = broken(pages)
    page = f"/incidents/{number}"
    answer = pages.press(page, "/runs/1/approve", 409, binds="0" * 64)
    assert "is not what the button was bound to" in Markup(answer.content.decode()).text
    assert not (pages.root / "fixed").exists()
    pages.press(page, "/runs/1/approve")
    deadline = time.monotonic() + 15
    while pages.app.runs.get(1).state not in (RunState.VERIFYING, RunState.PROVEN) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (pages.root / "fixed").exists()
    wide = re.findall(r'<svg class="wide".*?</svg>', pages.get(page), re.S)[0]
    assert 'class="fixline"' in wide and "fix" in wide
    text = Markup(pages.get("/runs/1")).text
    assert "approved by local" in text and "evidence" in text


def test_acts_are_forms_and_say_what_they_do(pages: Pages) -> None:
    number = broken(pages)
    page = f"/incidents/{number}"
    pages.press(page, f"{page}/note", text="I look at it")
    pages.press(page, f"{page}/acknowledge")
    pages.press(page, f"{page}/escalate", reason="I need a second pair of eyes")
    text = Markup(pages.get(page)).text
    assert "I look at it" in text and "Acknowledged by local" in text and "second pair of eyes" in text
    assert "Why watchkeeper did not act" in text
    assert pages.press(page, f"{page}/close", 400, reason=" ").status_code == 400
    pages.press(page, f"{page}/close", reason="it was a test")
    closed = pages.app.incidents.get(number)
    assert closed.ending is Ending.UNPROVEN
    assert (
        f"{page}/postmortem.md" in pages.get(page)
        and "Closed by a person without proof" in Markup(pages.get(page)).text
    )


def test_without_a_run_the_page_leads_to_a_plan(pages: Pages) -> None:
    incident = pages.incident("shop/other")
    page = pages.get(f"/incidents/{incident.id}")
    assert "No runbook has been started" in Markup(page).text and 'href="/runbooks"' in page
    number = broken(pages)
    assert number != incident.id or 'href="/runbooks/runbooks/queue.md/plan?service=shop"' in pages.get(
        f"/incidents/{number}"
    )


def test_the_list_filters_and_goes_on(pages: Pages) -> None:
    number = broken(pages)
    assert f'href="/incidents/{number}"' in pages.get("/incidents?q=queue")
    assert "None that is open is like that" in Markup(pages.get("/incidents?q=nothing")).text
    pages.press(f"/incidents/{number}", f"/incidents/{number}/close", reason="over")
    body = pages.get("/incidents?q=shop+queue").partition("Closed")[2]
    assert f'href="/incidents/{number}"' in body
    assert f'href="/incidents/{number}"' not in pages.get(f"/incidents?before={number}").partition("Closed")[2]
