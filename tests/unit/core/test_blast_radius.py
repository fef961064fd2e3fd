"""What a plan touches, read from the exact text: nothing is left out in silence, nothing of it is ever run."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from watchkeeper.core.runs.blast_radius import foresee, line
from watchkeeper.core.runs.measuring import measurable, text_of, with_answer
from watchkeeper.core.runs.values import PlanStep


def a_step(text: str, **changes: object) -> PlanStep:
    step = PlanStep(0, "fix", "fix", "Fix", text, "bash", "change", "app1")
    return replace(step, **changes)  # type: ignore[arg-type]


SAID = [
    ("systemctl restart worker.service", "restarts unit worker."),
    ("sudo -n systemctl restart nginx php-fpm", "restarts unit nginx, php-fpm."),
    ("service shop restart", "restarts unit shop."),
    ("/etc/init.d/shop stop", "stops unit shop."),
    ("supervisorctl restart worker", "restarts program worker."),
    ("/srv/bin/supervisorctl restart all", "restarts program every program of supervisor."),
    ("docker restart web", "restarts container web."),
    ("docker compose -f /srv/c.yml up -d", "starts every container of the compose file."),
    ("docker exec -it web supervisorctl restart worker", "restarts program worker in container web."),
    ("sudo docker exec web bash -c 'rm /x'", "deletes /x in container web."),
    ("kubectl rollout restart deployment/web", "restarts resource deployment/web."),
    ("kill -9 4711", "signals process 4711."),
    ("pkill -f shop-worker", "signals process every process that matches shop-worker."),
    ("rm -f /srv/a /srv/b", "deletes /srv/a, /srv/b."),
    ("cd /srv/shop && rm -f old.log", "deletes /srv/shop/old.log."),
    ("mv /srv/a /srv/b", "moves /srv/a; writes /srv/b."),
    ("echo x > /etc/shop.conf", "writes /etc/shop.conf."),
    ("echo x | sudo tee -a /etc/shop.conf", "writes /etc/shop.conf."),
    ("truncate -s 0 /var/log/shop.log", "empties /var/log/shop.log."),
    ("find /srv/log -name '*.gz' -mtime +7 -delete", "deletes /srv/log (only -name *.gz -mtime +7)."),
    ("find /srv/log -type f -exec truncate -s 0 {} +", "empties /srv/log (only -type f)."),
    ("find /srv -not -name x -delete", "deletes /srv (only what find picks)."),
    ("find /srv -name x | xargs rm -f", "deletes /srv (only -name x)."),
    ("sed -i s/a/b/ /etc/shop.conf", "edits /etc/shop.conf."),
    ("reboot", "restarts host app1."),
    ("apt-get clean", "empties the package cache."),
    ("apt-get install -y nginx", "installs package nginx."),
    ("curl -X POST http://127.0.0.1:1/reset", "sends to http://127.0.0.1:1/reset."),
    ('sqlite3 /srv/shop.db "delete from job"', "deletes from table job (every row)."),
    ("psql -c 'update job set state=1 where id=4' shop", "updates table job (rows where id=4)."),
    ("psql <<E\ndelete from job where old limit 50;\nE", "deletes from table job (at most 50 rows)."),
    ("psql -c 'truncate job' shop", "empties table job."),
    ("bash ./fix.sh", "what bash ./fix.sh touches is not known."),
    ("./fix.sh --all", "what fix.sh touches is not known."),
    ("python3 manage.py migrate", "what python3 manage.py touches is not known."),
    ("$CMD now", "what $CMD touches is not known."),
    ("source /srv/env.sh", "its commands only read, as far as is known."),
    ("systemctl restart a; ./fix.sh", "restarts unit a; what fix.sh touches is not known."),
    ("echo 'unclosed", "what step fix touches is not known."),
    ("if [ -e /x ]; then rm /x; fi", "deletes /x."),
]


@pytest.mark.parametrize(("text", "said"), SAID)
def test_what_each_command_touches_is_said(text: str, said: str) -> None:
    assert line(foresee([a_step(text)])) == f"Touches 1 host (app1): {said}"


def test_what_runs_behind_ssh_is_on_that_host() -> None:
    radius = foresee([a_step("ssh ops@db1 'systemctl restart postgresql; rm /var/x'")])
    assert radius.hosts == ("app1", "db1")
    assert line(radius).endswith("restarts unit postgresql on db1; deletes /var/x on db1.")
    assert all(not touch.path for touch in radius.touches), "a path of another host is not measured here"


def test_the_same_act_on_several_hosts_is_said_once() -> None:
    steps = [a_step("systemctl restart shop", index=n, host=f"app{n}") for n in (1, 2)]
    assert line(foresee(steps)) == "Touches 2 hosts (app1, app2): restarts unit shop."


def test_reading_steps_touch_nothing() -> None:
    assert line(foresee([a_step("rm -rf /srv", risk="read")])) == "Touches nothing: every step only reads."
    assert line(None) == ""


def test_a_placeholder_without_a_value_stays_visible_and_is_not_measured() -> None:
    radius = foresee([a_step("rm /srv/<queue>/x", missing=("queue",))])
    assert line(radius) == "Touches 1 host (app1): deletes /srv/<queue>/x."
    assert radius.touches[0].path == ""


def test_one_step_of_a_plan() -> None:
    radius = foresee([a_step("rm /a/b"), a_step("reboot", index=1, host="app2")])
    assert line(radius, 1) == "Touches 1 host (app2): restarts host app2."


def test_a_step_of_a_person() -> None:
    assert line(foresee([a_step("Ask Ana", language="", title="Ask Ana")])).endswith("Ask Ana is done by a person.")


def test_a_long_list_is_cut_and_control_characters_are_no_markup() -> None:
    said = line(foresee([a_step("rm " + " ".join(f"/srv/{n}" for n in range(20)))]))
    assert "and 12 more" in said
    assert "\x1b" not in line(foresee([a_step("rm $'/srv/\\x1b[31m' /srv/\x07b")]))


# ---- measuring ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/srv/x", "/srv/*.tmp", "/srv/[0-9]/a?b", "/srv/a:b@c,d=e+f%g"])
def test_plain_paths_are_measured(path: str) -> None:
    assert measurable(path) == path


@pytest.mark.parametrize(
    "path",
    ["srv/x", "/", "//", "/*", "/*/x", "/srv/../etc", "/srv/$X", "/srv/`id`", "/srv/a b", "/srv/'x", '/srv/"x', "/srv/x;id",
     "/srv/$(id)", "/srv/x\n/y", "/srv/{a,b}", "~/x", "/srv/x|y", "/srv/\\x", ""],
)  # fmt: skip
def test_anything_else_is_not(path: str) -> None:
    assert measurable(path) == ""


HOSTILE = [
    "rm -rf '/srv/$(touch /tmp/owned)/x'", "rm '/srv/x; reboot'", "find /srv -name '$(reboot)' -delete",
    "find /srv -name \"x' -o -name 'y\" -delete", "find /srv -exec rm {} \\; -fprintf /etc/x y", "rm /srv/`id`",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_runbook_reaches_the_shell(text: str) -> None:
    """Every word outside our own programs stands in single quotes and holds no quote."""
    asked = text_of(list(enumerate(foresee([a_step(text)]).touches)))
    assert not re.search(r"\$\(|`|reboot|owned|fprintf|-o ", asked)
    assert "rm " not in asked


def test_answers_that_are_not_ours_are_left_aside() -> None:
    touches = foresee([a_step("rm /srv/a /srv/b")]).touches
    measured = with_answer(touches, "0 3 2048 0\nnoise 1 2 3\n1 x 2 0\n99 1 1 0\n")
    assert [(touch.files, touch.size) for touch in measured] == [(3, 2048), (None, None)]


def test_a_measure_is_shown_beside_its_path() -> None:
    radius = foresee([a_step("rm /srv/*.tmp")])
    full = replace(radius, touches=with_answer(radius.touches, "0 12 3400000 0"))
    assert line(full) == "Touches 1 host (app1): deletes /srv/*.tmp (12 files, 3.4 MB)."
    none = replace(radius, touches=with_answer(radius.touches, "0 0 0 0"))
    assert "(no file there now)" in line(none)
    cut = replace(radius, touches=with_answer(radius.touches, "0 100000 5 1"))
    assert "(more than 100000 files)" in line(cut)
    most = foresee([a_step("find /srv -not -name x -delete")])
    assert "(at most 4 files, 10 B)" in line(replace(most, touches=with_answer(most.touches, "0 4 10 0")))
