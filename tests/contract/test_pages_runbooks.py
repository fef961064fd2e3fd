"""From a runbook to its run on the pages: plan first, exactly that is started, and what has changed is shown instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.fixtures.pages import Markup, Pages

from watchkeeper.core.actors import LOCAL, Actor, Role, RoleOn
from watchkeeper.core.runs.values import RunState

SERVICE = """\
service: shop
hosts: [app1]
availability: {target: 99.9%}
checks:
  - name: flag
    command: test -e ROOT/flag
    from: host
    every: 1s
    crit: exit_code != 0
respond:
  - to: [flag]
    runbook: runbooks/shop.md
    mode: auto
  - runbook: runbooks/purge.md
"""
RUNBOOK = """\
# The flag is gone

**Symptoms:** the flag is gone.

**Diagnosis**

```bash {"name":"look"}
ls ROOT
```

**Solution:**

```bash {"name":"put"}
touch ROOT/<name>
```
"""
PURGE = "# Purge\n\n**Solution:**\n\n```bash\nrm -rf ROOT/old\n```\n"
PLAIN = "# Look around\n\n**Diagnosis**\n\n```bash\necho hello from here\n```\n"
WHERE = "/runbooks/runbooks/shop.md"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    files = {
        "services/shop.yaml": SERVICE,
        "runbooks/shop.md": RUNBOOK,
        "runbooks/purge.md": PURGE,
        "runbooks/look.md": PLAIN,
    }
    (tmp_path / "old").mkdir()
    pages = Pages(tmp_path, {name: text.replace("ROOT", str(tmp_path)) for name, text in files.items()})
    yield pages
    pages.close()


def test_a_plan_runs_nothing_and_asks_for_what_is_missing(pages: Pages) -> None:
    page = pages.get(f"{WHERE}/plan?service=shop")
    text = Markup(page).text
    assert "Not filled in: name" in text and "1 of them changes something" in text and "on app1" in text
    assert f'action="{WHERE}/run"' not in page, "no button for what cannot run"
    assert pages.app.runs.newest() == []
    filled = Markup(pages.get(f"{WHERE}/plan?service=shop&param.name=flag")).text
    assert "Not filled in" not in filled and "name = flag" in filled


def test_a_plan_is_started_as_it_was_shown_and_proves_itself_live(pages: Pages) -> None:
    pages.app.engine.start()
    answer = pages.press(f"{WHERE}/plan?service=shop&param.name=flag", f"{WHERE}/run")
    (run,) = pages.settle_runs()
    assert pages.place(answer) == f"/runs/{run.id}"
    assert (pages.root / "flag").exists()
    page = Markup(pages.get(f"/runs/{run.id}")).text
    assert "Step 2 ended: done, exit 0" in page and "The plan was frozen" in page
    assert f'href="{WHERE}/plan?service=shop&amp;param.name=flag"' in pages.get(f"/runs/{run.id}"), "the same once more"
    assert run.actor == "local"


@pytest.mark.parametrize("what", ["runbook", "host"])
def test_a_changed_plan_is_answered_with_both_texts(pages: Pages, what: str) -> None:
    place = f"{WHERE}/plan?service=shop&param.name=flag"
    before = pages.get(place)
    if what == "runbook":
        path = pages.ops / "runbooks/shop.md"
        path.write_text(path.read_text().replace("touch ", "touch -c "))
    else:
        (pages.ops / "hosts.yaml").write_text("hosts: {app1: {ssh: root@other.example.org}}\n")
    pages.app.holder.reload()
    bound = before.partition('name="bound" value="')[2].partition('"')[0]
    token = before.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form = {"service": "shop", "param.name": "flag", "bound": bound, "csrfmiddlewaretoken": token}
    answer = pages.client.post(f"{WHERE}/run", form)
    assert answer.status_code == 409
    text = Markup(answer.content.decode()).text
    assert "Nothing was started" in text and "What you saw" in text and "What it is now" in text
    assert ("touch -c " if what == "runbook" else "other.example.org") in text.partition("What it is now")[2]
    assert pages.app.runs.newest() == []


def test_a_form_without_its_plan_starts_nothing(pages: Pages) -> None:
    page = "/runbooks/runbooks/look.md/plan?service=shop"
    assert pages.press(page, "/runbooks/runbooks/look.md/run", 400, bound="").status_code == 400
    assert pages.press(page, "/runbooks/runbooks/look.md/run", 409, bound="0" * 64 + ".").status_code == 409
    assert pages.client.post("/runbooks/runbooks/look.md/run", {"service": "shop"}).status_code == 403, "no token"
    assert pages.app.runs.newest() == []


def test_what_destroys_asks_for_the_typed_host(pages: Pages) -> None:
    pages.app.engine.start()
    place, action = "/runbooks/runbooks/purge.md/plan?service=shop", "/runbooks/runbooks/purge.md/run"
    assert "Type app1" in Markup(pages.get(place)).text
    for typed in ("", "app2", "app1 app2"):
        assert pages.press(place, action, 400, host=typed).status_code == 400
    assert (pages.root / "old").exists() and pages.app.runs.newest() == []
    pages.press(place, action, host="app1")
    pages.settle_runs()
    assert not (pages.root / "old").exists()


def test_one_step_alone_can_be_planned(pages: Pages) -> None:
    page = pages.get(WHERE)
    assert "?only=look" in page
    text = Markup(pages.get(f"{WHERE}/plan?only=look&service=shop")).text
    assert "1 step on app1" in text and "touch" not in text.partition("On the command line")[0]
    assert "--step look" in text
    assert pages.client.get(f"{WHERE}/plan?only=nothing&service=shop").status_code == 400


def test_a_grant_says_what_where_and_until_when_and_is_taken_back(pages: Pages) -> None:
    pages.app.runbooks.get("runbooks/shop.md")
    path = pages.ops / "runbooks/shop.md"
    path.write_text(path.read_text().replace("<name>", "flag"))
    pages.app.holder.reload()
    place = f"{WHERE}/grant?response=shop/runbooks/shop.md"
    text = Markup(pages.get(place)).text
    assert "would act by itself on app1, whenever flag of shop is critical" in text
    assert pages.press(place, f"{WHERE}/grant", 400, days="forever").status_code == 400
    answer = pages.press(place, f"{WHERE}/grant", days="7")
    assert pages.place(answer) == WHERE
    (given,) = pages.app.grants.newest()
    assert given.hosts == ("app1",) and given.granted_by == "local" and not given.destroy
    assert "in force until" in Markup(pages.get(WHERE)).text
    assert "in force until" in Markup(pages.get("/automation")).text
    path.write_text(path.read_text() + "\nmore\n")
    pages.app.holder.reload()
    assert "void: the runbook has changed since" in Markup(pages.get(WHERE)).text
    pages.press(WHERE, f"/grants/{given.id}/revoke")
    assert "revoked by local" in Markup(pages.get(WHERE)).text
    assert pages.client.get(f"{WHERE}/grant?response=shop/other.md").status_code == 404


def test_a_grant_is_bound_to_what_was_shown(pages: Pages) -> None:
    place = "/runbooks/runbooks/purge.md/grant?response=shop/runbooks/purge.md"
    before = pages.get(place)
    path = pages.ops / "runbooks/purge.md"
    path.write_text(path.read_text().replace("/old", "/everything"))
    pages.app.holder.reload()
    hidden = {
        name: before.partition(f'name="{name}" value="')[2].partition('"')[0]
        for name in ("bound", "csrfmiddlewaretoken")
    }
    form = {"response": "shop/runbooks/purge.md", "days": "7", **hidden}
    answer = pages.client.post("/runbooks/runbooks/purge.md/grant", form)
    assert answer.status_code == 409 and "/everything" in answer.content.decode()
    assert pages.app.grants.newest() == []


def test_the_lists_filter_and_sort_by_their_address(pages: Pages) -> None:
    def shown(place: str) -> list[str]:
        page = pages.get(place)
        return [
            path
            for path in ("runbooks/look.md", "runbooks/purge.md", "runbooks/shop.md")
            if f'href="/runbooks/{path}"' in page
        ]

    assert len(shown("/runbooks")) == 3
    assert shown("/runbooks?q=PURGE") == ["runbooks/purge.md"]
    assert shown("/runbooks?service=shop") == ["runbooks/purge.md", "runbooks/shop.md"]
    assert "None is like that" in Markup(pages.get("/runbooks?q=nothing+like+it")).text
    pages.app.engine.start()
    for _ in range(2):
        pages.press("/runbooks/runbooks/look.md/plan?service=shop", "/runbooks/runbooks/look.md/run")
        pages.settle_runs()
    done = {RunState.DONE.value, RunState.PROVEN.value}
    assert {run.state.value for run in pages.app.runs.newest()} <= done
    assert 'href="/runs/2"' in pages.get("/runs?state=ended") and 'href="/runs/2"' not in pages.get("/runs?state=open")
    assert 'href="/runs/2"' in pages.get("/runs?q=look+local&service=shop")
    assert "None is like that" in Markup(pages.get("/runs?q=purge")).text
    assert 'href="/runs/2"' not in pages.get("/runs?before=2") and 'href="/runs/1"' in pages.get("/runs?before=2")


def test_a_run_is_cancelled_only_after_it_was_said_what_that_does(pages: Pages) -> None:
    pages.app.engine.start()
    (pages.ops / "runbooks/look.md").write_text(PLAIN.replace("echo hello from here", "echo begun; sleep 30"))
    pages.app.holder.reload()
    pages.press("/runbooks/runbooks/look.md/plan?service=shop", "/runbooks/runbooks/look.md/run")
    text = Markup(pages.get("/runs/1")).text
    assert "A command at work is ended with its whole process group" in text
    pages.press("/runs/1", "/runs/1/cancel")
    (run,) = pages.settle_runs()
    assert run.state is RunState.CANCELLED
    assert 'action="/runs/1/cancel"' not in pages.get("/runs/1")


def entered(pages: Pages, name: str, role: Role) -> Any:
    """A browser of an account of its own."""
    from django.test import Client

    client = Client(HTTP_HOST="127.0.0.1")
    assert client.get(f"/enter?key={pages.app.door.make_link(Actor('person', name, role))}").status_code == 303
    return client


def test_who_may_not_sees_why_and_who_lacks_a_factor_comes_back_to_the_form(pages: Pages) -> None:
    pages.app.accounts.add("ana", LOCAL, [RoleOn("admin")], invite=False)
    pages.app.accounts.add("vera", LOCAL, [RoleOn("viewer")], invite=False)
    plan, grant = (
        "/runbooks/runbooks/look.md/plan?service=shop",
        "/runbooks/runbooks/purge.md/grant?response=shop/runbooks/purge.md",
    )
    vera = entered(pages, "vera", "viewer")
    for place, words in ((plan, "You cannot run it"), (grant, "You cannot grant it")):
        page = vera.get(place).content.decode()
        assert words in Markup(page).text and "viewer" in Markup(page).text and 'name="bound"' not in page
    assert vera.post("/runbooks/runbooks/look.md/run", {"service": "shop", "bound": "x"}).status_code in (403, 409)
    ana = entered(pages, "ana", "admin")
    page = ana.get(grant).content.decode()
    assert "Your second factor is asked next" in Markup(page).text
    form = {
        "response": "shop/runbooks/purge.md",
        "days": "7",
        "bound": page.partition('name="bound" value="')[2].partition('"')[0],
    }
    answer = ana.post("/runbooks/runbooks/purge.md/grant", form, headers={"referer": f"http://127.0.0.1{grant}"})
    assert answer.status_code == 303
    asked = urlsplit(answer["Location"])
    assert asked.path == "/account/again" and parse_qs(asked.query)["next"] == [grant]
    assert pages.app.grants.newest() == []
