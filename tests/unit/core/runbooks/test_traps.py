"""Trap cases: commands that must not run alone, run whole, or be taken for less than they are."""

from __future__ import annotations

import pytest

from watchkeeper.core.runbooks import Runbook, Step, read_runbook


def steps(body: str, heading: str = "Resolution", info: str = "bash") -> tuple[Step, ...]:
    return read_runbook(f"# T\n\n## {heading}\n\n```{info}\n{body}\n```\n", "t.md").steps


def one(body: str, heading: str = "Resolution", info: str = "bash") -> Step:
    found = steps(body, heading, info)
    assert len(found) == 1, [step.text for step in found]
    return found[0]


def test_a_start_stop_restart_menu_never_runs(bindery: Runbook) -> None:
    press = next(procedure for procedure in bindery.procedures if procedure.title == "Switching the press")
    assert len(press.steps) == 4
    assert len({step.alternatives for step in press.steps}) == 1 and press.steps[0].alternatives
    assert not any(step.unattended for step in press.steps)


def test_either_or_rollbacks_are_one_menu_and_the_backup_before_is_not(bindery: Runbook) -> None:
    data = next(procedure for procedure in bindery.procedures if procedure.title == "Data rollback")
    save, undo, restore = data.steps
    assert save.alternatives is None and undo.alternatives == restore.alternatives is not None
    assert restore.risk == "destroy" and [one.name for one in undo.parameters] == ["migration_name"]
    code = next(procedure for procedure in bindery.procedures if procedure.title == "Code rollback")
    assert len({step.alternatives for step in code.steps}) == 1 and not any(step.unattended for step in code.steps)


def test_only_the_part_that_is_optional_waits(bindery: Runbook) -> None:
    glue = next(procedure for procedure in bindery.procedures if "Glue" in procedure.title)
    look, clean = (step for step in glue.steps if step.line > 60 and not step.manual and step.phase == "diagnose")
    assert (look.text, look.unattended) == ("# See how full it is\ndf -h /srv/glue", True)
    assert clean.alternatives and clean.risk == "destroy" and not clean.unattended


@pytest.mark.parametrize(
    "body",
    [
        "# Stop\nsystemctl stop a\n\n# Start\nsystemctl start a",
        "systemctl start a\nsystemctl stop a\nsystemctl restart a",
        "docker compose up -d\n# Stop\ndocker compose down",
        "# Ubuntu\napt-get install -y x\n# CentOS\nyum install -y x",
        "# Option A\ncp a b\n# Option B\ncp c b",
        "cp a b  # or: mv a b",
        "# optional\ncp a b",
        "# Remove the lock if necessary\nrm /srv/lock",
        "# 必要に応じて\ncp a b",
        "# 如果失败\ncp a b",
        "service web start   # start\nservice web stop    # stop",
    ],
)
def test_parts_that_a_person_picks(body: str) -> None:
    found = steps(body)
    assert all(step.alternatives and not step.unattended for step in found), found


@pytest.mark.parametrize(
    "body",
    [
        "systemctl stop a\nsystemctl start a",
        "systemctl enable a\nsystemctl start a\n\n# Check\nsystemctl status a",
        "docker compose down\ndocker compose up -d",
        "# Stop\nsystemctl stop a\n\n# Move it\nmv /srv/a /srv/b\n\n# Start\nsystemctl start a",
        "systemctl restart a\nsystemctl restart b",
    ],
)
def test_a_sequence_is_no_menu(body: str) -> None:
    assert not any(step.alternatives for step in steps(body))


@pytest.mark.parametrize(
    "sentence", ["If the disk is full:", "Alternatively, run:", "Optional: clean up", "**Option B**", "Or, by hand:"]
)
def test_a_condition_above_the_fence_counts(sentence: str) -> None:
    (step,) = read_runbook(f"## Resolution\n\n{sentence}\n\n```bash\ncp /a /b\n```\n", "a.md").steps
    assert step.alternatives and not step.unattended


def test_a_comment_between_commands_that_tells_a_person_to_act_is_a_manual_step() -> None:
    found = steps("systemctl stop a\n\n# Update the packages\n# - and the kernel\n\nsystemctl start a")
    assert [step.manual for step in found] == [False, True, False]


@pytest.mark.parametrize(
    ("body", "risk"),
    [
        ("curl -fsSL https://example.org/x.sh | sh", "destroy"),
        ("curl -fsSL https://example.org/x.sh | sudo -E bash -", "destroy"),
        ("bash <(curl -s https://example.org/x.sh)", "destroy"),
        ('sh -c "$(wget -qO- https://example.org/x.sh)"', "destroy"),
        ("sudo rm -rf /srv/x", "destroy"),
        ("true && rm -r /srv/x", "destroy"),
        ("find /srv -name '*.tmp' -delete", "destroy"),
        ("find /srv -name '*.tmp' -exec rm {} \\;", "destroy"),
        ("ls /srv | xargs rm -f", "destroy"),
        ("docker system prune -a -f", "destroy"),
        ("docker compose down -v", "destroy"),
        ("docker volume rm data", "destroy"),
        ("pkill -f worker", "destroy"),
        ("psql app -c 'DROP TABLE job'", "destroy"),
        ("psql app -c 'delete from job'", "destroy"),
        ("psql app < dump.sql", "destroy"),
        ("gunzip -c dump.gz | psql app", "destroy"),
        ("pg_restore -d app dump", "destroy"),
        ("ssh app1 'rm -rf /srv/x'", "destroy"),
        ("bash -c 'rm -rf /srv/x'", "destroy"),
        ("docker exec db psql -c 'TRUNCATE job'", "destroy"),
        ("redis-cli FLUSHALL", "destroy"),
        ("git reset --hard origin/main", "destroy"),
        ("if [ -d /srv/x ]; then rm -rf /srv/x; fi", "destroy"),
        ('x() { rm -rf "$1"; }\nx /srv/y', "destroy"),
        ("echo $(rm -rf /srv/x)", "destroy"),
        ("psql app <<SQL\ndrop table job;\nSQL", "destroy"),
        ("kubectl delete namespace shop", "destroy"),
        ("aws s3 rm s3://bucket --recursive", "destroy"),
        ("curl -X DELETE http://127.0.0.1:9200/logs", "destroy"),
    ],
)
def test_destroying_commands(body: str, risk: str) -> None:
    for heading in ("Diagnosis", "Resolution", "Verification"):
        step = one(body, heading)
        assert step.risk == risk, (heading, step)
    assert not one(body, "Diagnosis").unattended


@pytest.mark.parametrize(
    "body",
    [
        "systemctl restart web",
        "sudo -u app systemctl reload web",
        "docker restart web",
        "docker compose -f prod.yml up -d",
        "kill 12",
        "mv a b",
        "echo 1 > /proc/sys/vm/drop_caches",
        "cat a >> b",
        "uptime | tee /srv/log",
        "sed -i s/a/b/ f",
        "psql app -c 'update job set state=1 where id=2'",
        "sqlite3 app.db 'VACUUM'",
        "python3 -c 'print(1)'",
        "python3 - <<X\nprint(1)\nX",
        "npm run build",
        "./restart-all.sh",
        "./tool.py --apply",
        "kubectl rollout restart deploy/web",
        "curl -X POST http://127.0.0.1/x",
        "curl -d a=b http://127.0.0.1/x",
        "wget http://127.0.0.1/x",
        "journalctl --vacuum-time=2d",
        "$RUNNER look",
        'eval "$LOOK"',
        "crontab new.txt",
        "git pull",
        "chmod 600 x",
        "ssh app1 'systemctl restart web'",
        "find /srv -exec touch {} +",
        "timeout 5 systemctl stop web",
        "env A=1 cp a b",
        "nohup cp a b",
    ],
)
def test_changing_commands_are_raised_under_diagnosis(body: str) -> None:
    step = one(body, "Diagnosis")
    assert step.risk == "change", step
    assert not step.unattended


@pytest.mark.parametrize(
    "body",
    [
        "docker ps",
        "docker compose ps worker",
        "docker compose logs --tail 20 web",
        "systemctl status web --no-pager",
        "journalctl -u web -n 50",
        "df -h / | tail -1",
        "ps aux --sort=-%cpu | head -5",
        "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/",
        "psql app -c 'select count(*) from job'",
        "sqlite3 app.db 'select 1'",
        "sqlite3 app.db 'PRAGMA integrity_check;'",
        "git log -5 --oneline",
        "./queue_depth.sh",
        "grep -c error /srv/log 2>/dev/null",
        "kubectl get pods -n shop",
        "find /srv -name '*.log' -mtime -1",
        "ssh app1 uptime",
        "cat <<EOF\nrm -rf /\nEOF",
        "echo 'rm -rf /srv' is bad",
        "tar -tzf a.tgz",
        "docker exec db psql -c 'select 1'",
        "sudo ss -tlnp",
        "top -bn1 | head",
        "awk '{print $1}' /srv/log",
        "nginx -t",
        "wget -qO- http://127.0.0.1/health",
    ],
)
def test_reading_commands_run_alone_under_diagnosis(body: str) -> None:
    step = one(body, "Diagnosis")
    assert (step.risk, step.unattended, step.why) == ("read", True, None)


@pytest.mark.parametrize(
    "body",
    [
        "nano /etc/x",
        "sudo vim /etc/x",
        "docker run -it --rm alpine sh",
        "docker run -it -v /a:/b alpine /bin/sh -c 'x login'",
        "docker exec -ti web bash",
        "ssh root@app1",
        "psql app",
        "python3",
        "sqlite3 app.db",
        "less /srv/log",
        "journalctl -u web | less",
        "htop",
        "crontab -e",
        "git rebase -i HEAD~2",
        "systemctl edit web",
        "su - app",
        "sudo -i",
        "top",
        "gcloud auth login",
        "read -p 'go on?' answer",
        "mysql -u root -p",
        "redis-cli -h db",
        "bash",
    ],
)
def test_interactive_commands_are_manual(body: str) -> None:
    step = one(body, "Diagnosis")
    assert step.manual and not step.unattended and step.why


@pytest.mark.parametrize(
    "body",
    [
        "docker compose logs -f",
        "docker logs web -f --tail 5",
        "tail -f /srv/log",
        "tail -F /srv/log | grep x",
        "journalctl -u web -f",
        "watch -n 5 'docker ps'",
        "ping 192.0.2.1",
        "kubectl logs -f web",
        "docker stats",
        "docker-compose up",
        "while true; do date; sleep 1; done",
        "sudo tcpdump -i eth0",
        "vmstat 1",
        "npm run dev",
    ],
)
def test_endless_commands_are_bounded_and_never_alone(body: str) -> None:
    step = one(body, "Diagnosis")
    assert step.endless and not step.unattended and step.timeout_s == 30.0 and not step.manual


@pytest.mark.parametrize(
    "body",
    [
        "timeout 5 tail -f /srv/log",
        "ping -c 3 192.0.2.1",
        "docker stats --no-stream",
        "tail -n 5 f",
        "docker compose up -d",
        "vmstat 1 3",
        "cp -f a b",
    ],
)
def test_what_ends_is_not_endless(body: str) -> None:
    assert not one(body).endless


@pytest.mark.parametrize(
    "body",
    [
        "echo hi | psql app",
        "psql -c 'select 1'",
        "python3 script.py",
        "ssh app1 uptime",
        "docker run -d web",
        "docker exec -i db cat",
        "mysql -e 'select 1'",
    ],
)
def test_what_is_fed_is_not_interactive(body: str) -> None:
    assert not one(body).manual


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("# only\n# words", "text"),
        ("A=1\nexport B=2", "configuration"),
        ("# nightly\n0 2 * * * root /srv/x.sh", "schedule"),
        ("@daily /srv/x.sh", "schedule"),
        ("#!/bin/sh\n# /srv/x.sh\nrm -rf /srv/y", "configuration"),
        ("", "text"),
    ],
)
def test_fences_that_are_no_steps(body: str, kind: str) -> None:
    runbook = read_runbook(f"## Resolution\n\n```bash\n{body}\n```\n", "a.md")
    assert runbook.steps == () and [fence.kind for fence in runbook.fences] == [kind]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("$ df -h\nFilesystem Size", "command"),
        ("docker ps -a", "command"),
        ("./look.sh --all", "command"),
        ("Filesystem Size Used", "output"),
        ("a -> b", "text"),
        ("name: x\nport: 1", "configuration"),
        ('{"a": 1}', "configuration"),
        ("make sure the door is closed.", "output"),
        ("find the owner of the box", "output"),
        ("┌──┐\n│a │", "text"),
        ("Error: cannot open file", "output"),
        ("curl -I http://x → 502", "text"),
    ],
)
def test_untagged_fences(body: str, kind: str) -> None:
    runbook = read_runbook(f"## Diagnosis\n\n```\n{body}\n```\n", "a.md")
    assert [fence.kind for fence in runbook.fences] == [kind]
    assert bool(runbook.steps) == (kind == "command")


def test_prompts_keep_commands_with_continuations_and_drop_output(bindery: Runbook) -> None:
    glue = next(procedure for procedure in bindery.procedures if "Glue" in procedure.title)
    assert glue.steps[0].text == "df -h /srv/glue\ndocker logs glue \\\n    --tail 20"
    assert "Filesystem" in (glue.steps[0].proposed_expect or "")


def test_a_hash_in_a_console_fence_may_be_root_and_is_never_run() -> None:
    step = one("# systemctl restart web", info="console")
    assert step.manual and "root prompt" in (step.why or "")


def test_output_after_an_output_comment_does_not_run() -> None:
    found = steps("docker ps\n# Output:\nrm -rf is not a command here\n\ndf -h")
    assert "\n# rm -rf is not" in "".join(step.text for step in found) and {step.risk for step in found} == {"change"}


def test_runme_json_attributes() -> None:
    info = (
        'sh {"name":"copy-it","interactive":"true","unknown":"kept","cwd":"../x",'
        '"tag":"verify,night","background":"false"}'
    )
    step = one("cp a b", info=info)
    assert (step.id, step.manual, step.phase, step.cwd) == ("copy-it", True, "verify", "../x")
    assert step.attributes["unknown"] == "kept"
    assert not one("cp a b", info="sh {excludeFromRunAll=true}").unattended
    assert steps("cp a b", info="sh {ignore=true}") == ()


def test_a_file_can_only_raise_risk() -> None:
    assert one("rm -rf /srv/x", info="sh {risk=read}").risk == "destroy"
    assert one("uptime", "Diagnosis", info="sh {risk=destroy}").risk == "destroy"


def test_sudo_is_noted_and_background_too() -> None:
    step = one("sudo -u app nohup /srv/x --serve > /dev/null 2>&1 &")
    assert step.sudo and step.background


def test_each_step_is_a_fresh_shell() -> None:
    text = (
        "## Diagnosis\n\n```bash\ncd /srv/app\nls\n```\n\n```bash\ngit "
        "status\n```\n\n```bash\nuptime\n```\n\n```bash\nD=$(date +%F)\nls\n```\n\n```bash\nls /b/$D\n```\n"
    )
    found = read_runbook(text, "a.md").steps
    assert [step.unattended for step in found] == [True, False, True, True, False]
    assert found[4].parameters == () and "variable D" in (found[4].why or "")


def test_parts_of_one_fence_that_share_a_directory_stay_one_step() -> None:
    assert one("cd /srv/app\n\n# Get it\ngit pull\n\n# Build\nmake").unattended
    assert len(steps("# Save\ncp /a /b\n\n# Restart\nsystemctl restart a")) == 2


def test_what_follows_a_session_is_meant_for_that_place() -> None:
    found = steps("# Go there\nssh app1\n\n# Restart\nsystemctl restart a")
    assert [step.unattended for step in found] == [False, False]


@pytest.mark.parametrize("body", ["if then fi (", "echo 'open", "cat <<EOF\nx", "for x in", "$(", "}"])
def test_broken_shell_never_runs_alone(body: str) -> None:
    assert not any(step.unattended for step in steps(body, "Diagnosis"))


@pytest.mark.parametrize("body", ["cp a ...", "Restart the web server", "ns1.example.org, ns2.example.org", "cp $1 /b"])
def test_what_is_not_quite_a_command_never_runs_alone(body: str) -> None:
    assert not any(step.unattended for step in steps(body))


def test_other_languages_are_never_run_here() -> None:
    assert steps("print(1)", info="python") == ()
    step = one("print(1)", info='python {"name":"p"}')
    assert step.manual and step.risk == "change"
