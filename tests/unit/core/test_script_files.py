"""Which script files a text starts, and what a host answers about them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from watchkeeper.core.runs import scripts
from watchkeeper.core.runs.scripts import ELSEWHERE, UNKNOWN_PATH, named_scripts

CASES: list[tuple[str, list[tuple[str, ...]]]] = [
    ("./rescue_jobs.sh --older-than 24h", [("rescue_jobs.sh",)]),
    ("/srv/x/fix.sh && systemctl restart shop", [("/srv/x/fix.sh",)]),
    ("cd /srv/shop || exit 1\n./a.sh", [("/srv/shop/a.sh", "a.sh")]),
    ("cd /srv\ncd shop\nbash b.sh", [("/srv/shop/b.sh", "/srv/b.sh", "b.sh")]),
    ("bash -c 'cd /srv && ./b.sh'", [("/srv/b.sh", "b.sh")]),
    ("bash -x b.sh", [("b.sh",)]),
    ("bash -o pipefail b.sh", [("b.sh",)]),
    ("sh -c './c.sh'", [("c.sh",)]),
    ("python3 -u y.py x", [("y.py",)]),
    ("python3.11 /srv/y.py", [("/srv/y.py",)]),
    ("python3 -m http.server", []),
    ("python3 -c 'print(1)'", []),
    ("perl -pi -e 's/a/b/' file", []),
    ("source z", [("z",)]),
    (". ./env", [("env",)]),
    ("sudo -n -u app ./s.sh", [("s.sh",)]),
    ("env A=1 nohup timeout 5 ./t.sh &", [("t.sh",)]),
    ("find /srv -name x -exec ./k.sh {} \\;", [("k.sh",)]),
    ("ls | xargs ./x.sh", [("x.sh",)]),
    ("x=$(./sub.sh)", [("sub.sh",)]),
    ("for f in 1 2; do ./loop.sh $f; done", [("loop.sh",)]),
    ("if true; then ./then.sh; fi", [("then.sh",)]),
    ("bash < fed.sh", [("fed.sh",)]),
    ("cat fed.sql | psql shop", [("fed.sql",)]),
    ("psql -f up.sql shop", [("up.sql",)]),
    ("make -f Ops.mk all", [("Ops.mk",)]),
    ("awk -f p.awk data", [("p.awk",)]),
    ("java -jar tool.jar", [("tool.jar",)]),
    ('"$HOME"/bin/x', [("~/bin/x",)]),
    ("~/bin/x", [("~/bin/x",)]),
    ("${DIR}/run.sh", [("/srv/a b/run.sh",)]),
    ("systemctl restart shop", []),
    ("/usr/bin/systemctl restart shop", []),
    ("grep -r ./x.sh .", []),
    ("echo ./x.sh", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[case[0].replace("\n", " ; ") for case in CASES])
def test_script_files_are_found(text: str, expected: list[tuple[str, ...]]) -> None:
    assert [each.paths for each in named_scripts(text, {"DIR": "/srv/a b"})] == expected


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("$DIR/run.sh", UNKNOWN_PATH), ("$(pwd)/run.sh", UNKNOWN_PATH), ("cd $X\n./y.sh", UNKNOWN_PATH),
        ("cd /1; cd /2; cd /3; cd /4; cd /5; ./y.sh", UNKNOWN_PATH),
        ("./jobs/*.sh", UNKNOWN_PATH), ("~deploy/x.sh", UNKNOWN_PATH),
        ("ssh app2 ./x.sh", ELSEWHERE), ("docker exec c /app/x.sh", ELSEWHERE),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_said_and_not_left_out(text: str, note: str) -> None:
    [found] = named_scripts(text)
    assert (found.paths, found.note) == ((), note)
    [told] = scripts.script_files("app1", [found], {}, "x")
    assert (told.digest, told.note) == ("", note)


def test_a_text_without_sense_or_with_too_many_files_says_so() -> None:
    assert named_scripts("if then ./x.sh; fi (((")[-1].note == scripts.UNREADABLE_TEXT
    many = named_scripts("\n".join(f"./s{number}.sh" for number in range(60)))
    assert len(many) == scripts.MAX_SCRIPTS + 1 and many[-1].note == scripts.TOO_MANY


def test_a_host_hashes_the_bytes_and_says_what_it_cannot(tmp_path: Path) -> None:
    odd = tmp_path / "a b'c$(touch pwned).sh"
    odd.write_bytes(b"\x00\xffbytes")
    (tmp_path / "-x").write_text("dash")
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(scripts.MAX_FILE + 1)
    paths = [str(odd), "-x", "none.sh", str(tmp_path), str(big)]
    answer = subprocess.run(
        ["sh", "-c", scripts.question(paths)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = scripts.answered(answer.stdout)
    assert told[0] == (hashlib.sha256(b"\x00\xffbytes").hexdigest(), "")
    assert told[1] == (hashlib.sha256(b"dash").hexdigest(), "")
    assert [told[index][1] for index in (2, 3, 4)] == [
        "there is no such file",
        "it is not a file",
        "it is bigger than 16 MB",
    ]
    assert not (tmp_path / "pwned").exists()


def test_what_a_host_prints_besides_is_no_answer() -> None:
    good = "a" * 64
    told = scripts.answered(f"Welcome\n0 ok {good}\n1 ok {good[:-1]}\n2 fine\n3 ok {good} x\n99999 missing\n")
    assert told == {0: (good, "")}
