"""What every route of the API has in common: refusals, pages, ETags, idempotency keys, and what it does not take."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fixtures.api_app import ApiApp, api_app

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Locked
from watchkeeper.core.idempotency import KEPT_S, Request, judge
from watchkeeper.services.idempotency import Idempotency


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiApp]:
    with api_app(tmp_path_factory.mktemp("api")) as running:
        for number in range(7):
            running.post("/log", title=f"Change {number}", body="done")
        yield running


def refusal(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    status, headers, body = answer
    from watchkeeper.faces.api import problems  # Django is set up by then

    assert headers["content-type"] == "application/problem+json", body
    told = json.loads(body)
    assert {"type", "title", "status", "kind", "detail", "hint"} <= set(told)
    assert told["status"] == status and told["type"] == f"urn:watchkeeper:problem:{told['kind']}"
    assert told["kind"] in problems.STATUS_OF_KIND and told["detail"].endswith(".")
    return dict(told)


# refusals


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/nowhere", None, 404, "not_found"),
        ("GET", "/incidents/99", None, 404, "not_found"),
        ("PUT", "/status", None, 405, "usage"),
        ("PATCH", "/log", b"{}", 405, "usage"),
        ("POST", "/log", b"{", 400, "usage"),
        ("POST", "/log", b"\xff\xfe", 400, "usage"),
        ("POST", "/log", b"[" * 5000, 400, "usage"),
        ("POST", "/log", b'{"title": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "usage"),
        ("POST", "/log", b'{"title": "\\u0000"}', 400, "usage"),
        ("POST", "/log", b'{"title": "\\ud800"}', 400, "usage"),
        ("POST", "/log", b'{"corrects": 1' + b"0" * 40 + b"}", 400, "usage"),
        ("POST", "/log", b'{"corrects": 1' + b"0" * 5000 + b"}", 400, "usage"),
        ("POST", "/locks", b'{"name": "a", "lasts_s": NaN, "why": "x"}', 400, "usage"),
        ("POST", "/locks", b'{"name": "a", "lasts_s": 1e999, "why": "x"}', 400, "usage"),
        ("POST", "/log", {"title": 7}, 422, "invalid"),
        ("GET", "/incidents/99999999999999999999", None, 422, "invalid"),
        ("GET", "/expiries?days=nan", None, 422, "invalid"),
        ("GET", "/search?q=%00", None, 422, "invalid"),
        ("GET", "/incidents?limit=0", None, 400, "usage"),
        ("GET", "/incidents?limit=x", None, 422, "invalid"),
        ("GET", "/checks?limit=x", None, 400, "usage"),
        ("GET", "/incidents?since=yesterday", None, 400, "usage"),
        ("GET", "/runbooks/%00", None, 404, "not_found"),
    ],
)
def test_every_refusal_is_a_problem(app: ApiApp, method: str, path: str, body: Any, status: int, kind: str) -> None:
    answer = app.ask(method, path, body)
    told = refusal(answer)
    assert (answer[0], told["kind"]) == (status, kind), told


def test_fields_that_do_not_hold_are_named(app: ApiApp) -> None:
    told = refusal(app.ask("POST", "/log", {"title": 7, "fields": [{"label": 1}]}))
    assert [each["field"] for each in told["errors"]] == ["body.title", "body.fields.0.label"]


def test_what_does_not_come_as_it_should(app: ApiApp) -> None:
    assert app.ask("POST", "/log", b"x" * (2 << 20))[0] == 400  # an attachment may be large
    assert refusal(app.ask("POST", "/checks/ask", b"x" * (2 << 20)))["status"] == 413
    packed = gzip.compress(b'{"title": "x"}')
    assert refusal(app.ask("POST", "/log", packed, content_encoding="gzip"))["status"] == 415
    allowed = app.ask("PUT", "/status")
    assert refusal(allowed)["status"] == 405 and allowed[1]["allow"] == "GET"


# pages


def test_a_list_is_read_in_pages_to_its_end(app: ApiApp) -> None:
    seen, path, pages = [], "/log?limit=3", 0
    while path:
        status, headers, body = app.ask("GET", path)
        told = json.loads(body)
        assert status == 200 and len(told["entries"]) <= 3
        seen += [each["number"] for each in told["entries"]]
        assert ("next" in told) == ("link" in headers)
        path = headers["link"].partition("<")[2].partition(">")[0] if "link" in headers else ""
        pages += 1
        if pages == 1:
            app.post("/log", title="Written meanwhile", body="x")  # neither shifts nor repeats what follows
    assert seen == sorted(seen, reverse=True) and len(set(seen)) == len(seen) == 7 and pages == 3


def test_a_list_of_the_inventory_goes_on_behind_the_last_row(app: ApiApp) -> None:
    first = app.get("/checks?limit=2")
    rest = app.get(f"/checks?limit=2&cursor={first['next']}")
    assert "next" not in rest
    assert [each["check"] for each in first["checks"] + rest["checks"]] == [
        each["check"] for each in app.get("/checks")["checks"]
    ]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é", "A" * 3000])
def test_a_cursor_of_nobody_is_refused(app: ApiApp, cursor: str) -> None:
    assert refusal(app.ask("GET", f"/log?cursor={cursor}"))["kind"] in ("usage", "invalid")


def test_a_cursor_is_good_for_its_list_and_filters_only(app: ApiApp) -> None:
    following = app.get("/checks?limit=1&state=UNKNOWN")["next"]
    assert app.get(f"/checks?limit=1&state=UNKNOWN&cursor={following}")["checks"]
    for other in ("/checks?limit=1", "/checks?limit=1&state=OK", "/log?limit=1"):
        assert refusal(app.ask("GET", f"{other}&cursor={following}"))["kind"] == "usage"


def test_filters_choose_rows(app: ApiApp) -> None:
    assert {each["check"] for each in app.get("/checks?service=fixed")["checks"]} == {"fixed/flag"}
    assert app.get("/checks?state=CRIT")["checks"] == []
    made = app.post("/changes", title="fixed 2.0", service="fixed")["change"]
    assert app.get(f"/changes?since={made['at']}&actor=local")["changes"]
    before = app.get(f"/changes?until={made['at']}")["changes"]
    assert before and made["id"] not in {each["id"] for each in before}
    assert not app.get("/changes?actor=nobody")["changes"]


def test_filters_over_many_rows_look_at_no_more_than_they_may() -> None:
    from watchkeeper.faces.api import paging

    rule = paging.Listed("rows", "id", {"kind": "kind"}, by_number=True, most=500)
    asked = paging.Asked(10, None, "", {"kind": "rare"})
    looked = []

    def view(limit: int, before: int | None) -> dict[str, Any]:
        top = 20_000 if before is None else before - 1
        looked.append(limit)
        return {"rows": [{"id": top - each, "kind": "usual"} for each in range(limit)]}

    told, following = paging._by_number(view, {"limit": 50}, rule, asked)
    assert told["rows"] == [] and following is not None and sum(looked) == paging.MOST_LOOKED_AT
    assert following[0] == 20_000 - paging.MOST_LOOKED_AT + 1


# ETags


def test_what_did_not_change_is_not_sent_again(app: ApiApp) -> None:
    status, headers, body = app.ask("GET", "/runbooks")
    assert status == 200 and body and headers["etag"].startswith('W/"')
    for known in (headers["etag"], f'"x", {headers["etag"]}', headers["etag"].removeprefix("W/"), "*"):
        again = app.ask("GET", "/runbooks", if_none_match=known)
        assert (again[0], again[2]) == (304, b"") and again[1]["etag"] == headers["etag"]
    assert app.ask("GET", "/runbooks", if_none_match='"other"')[0] == 200


def test_keys_are_kept_by_nobody(app: ApiApp) -> None:
    _, headers, _ = app.ask("GET", "/keys/metrics")
    assert "etag" not in headers and headers["cache-control"] == "no-store"


# idempotency keys


def count(app: ApiApp, title: str) -> int:
    return sum(each["title"] == title for each in app.get("/log?limit=200")["entries"])


def test_the_same_request_twice_is_done_once(app: ApiApp) -> None:
    body = {"title": "Once only", "body": "x"}
    first = app.ask("POST", "/log", body, idempotency_key="k-1")
    again = app.ask("POST", "/log", body, idempotency_key="k-1")
    assert first[0] == again[0] == 200 and first[2] == again[2]
    assert again[1]["idempotency-replayed"] == "true" and "idempotency-replayed" not in first[1]
    assert count(app, "Once only") == 1
    other = refusal(app.ask("POST", "/log", {"title": "Another", "body": "x"}, idempotency_key="k-1"))
    assert other["kind"] == "invalid" and count(app, "Another") == 0
    assert refusal(app.ask("POST", "/locks", body, idempotency_key="k-1"))["kind"] == "invalid"


def test_a_refusal_gives_the_key_back(app: ApiApp) -> None:
    assert app.ask("POST", "/incidents/99/ack", None, idempotency_key="k-2")[0] == 404
    assert app.ask("POST", "/log", {"title": "After a refusal", "body": "x"}, idempotency_key="k-2")[0] == 200


def test_what_is_shown_once_is_not_kept(app: ApiApp) -> None:
    assert app.ask("POST", "/links", None, idempotency_key="k-3")[0] == 200
    again = refusal(app.ask("POST", "/links", None, idempotency_key="k-3"))
    assert again["kind"] == "locked" and "done already" in again["detail"]
    with application().store.read() as session:
        kept = session.keyed_request("person local", "k-3")
    assert kept is not None and kept.answer is None and kept.done_at is not None


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_what_is_no_key(app: ApiApp, key: str) -> None:
    assert refusal(app.ask("POST", "/log", {"title": "x"}, idempotency_key=key))["kind"] == "usage"


def test_a_key_whose_request_died_says_that_its_outcome_is_not_known(app: ApiApp) -> None:
    """As after kill -9: the key was kept before the act, and another process finds it."""
    store, now = application().store, application().clock
    Idempotency(store, now).take("person local", "k-4", "POST", "/api/v1/log", b'{"title": "Perhaps"}')
    told = refusal(app.ask("POST", "/log", b'{"title": "Perhaps"}', idempotency_key="k-4"))
    assert told["kind"] == "locked" and "outcome is not known" in told["detail"]
    assert count(app, "Perhaps") == 0


def test_twins_at_one_moment_are_done_once(app: ApiApp) -> None:
    service = application().idempotency
    taken: list[object] = []
    gate = threading.Barrier(6)

    def ask() -> None:
        gate.wait()
        try:
            taken.append(service.take("person two", "k-5", "POST", "/x", b""))
        except Locked as refused:
            taken.append(refused)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert taken.count(None) == 1 and sum(isinstance(each, Locked) for each in taken) == 5


def test_a_key_is_forgotten_after_a_day() -> None:
    kept = Request("person ana", "k", "digest", 1000.0, 1001.0, 200, "application/json", "{}")
    assert judge(kept, "digest", 1000.0 + KEPT_S - 1) == "answered"
    assert judge(kept, "other", 1000.0 + KEPT_S - 1) == "other"
    assert judge(kept, "other", 1000.0 + KEPT_S) == "new"


# the API describes itself


def test_the_documentation_is_whole_and_from_here_only(app: ApiApp) -> None:
    status, headers, page = app.ask("GET", "/api/docs")
    assert status == 200 and b"<script" not in page and page.count(b"<details") > 150
    assert "script-src 'self'" in headers["content-security-policy"]
    status, headers, page = app.ask("GET", "/api/docs/try")
    assert status == 200 and b"http://" not in page and b"https://" not in page
    assert "unsafe" not in headers["content-security-policy"]
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "try.js", "try.css"):
        status, headers, data = app.ask("GET", f"/api/docs/assets/{name}", accept_encoding="gzip")
        assert status == 200 and len(gzip.decompress(data)) > 200, name
    assert app.ask("GET", "/api/docs/assets/..%2Ftry.js")[0] == 404
    assert app.ask("POST", "/api/docs")[0] in (403, 405)


def test_the_document_tells_nothing_of_the_team(app: ApiApp) -> None:
    status, headers, body = app.ask("GET", "/openapi.json")
    assert status == 200 and json.loads(body)["openapi"].startswith("3.")
    assert app.ask("GET", "/openapi.json", if_none_match=headers["etag"])[0] == 304
    for secret in (str(app.house.root), "/tmp/", "/root/"):
        assert secret not in body.decode()
