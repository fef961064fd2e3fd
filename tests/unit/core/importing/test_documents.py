"""Documents: what may be read, what they are, and that no secret leaves them."""

from __future__ import annotations

import pytest

from watchkeeper.core.errors import Invalid
from watchkeeper.core.importing.documents import read_document, stem_of
from watchkeeper.core.importing.elements import elements_of, headings
from watchkeeper.core.importing.forms import form_of
from watchkeeper.core.importing.secrets import is_open, without_secrets


@pytest.mark.parametrize(
    ("line", "kept", "name"),
    [
        ("DB_PASSWORD=hunter2secret\r\n", "DB_PASSWORD=[redacted]\r\n", "db-password"),
        (
            "psql postgres://ops:s3cr3tpw@db1.example.org/shop",
            "psql postgres://ops:[redacted]@db1.example.org/shop",
            "",
        ),
        ("mysql -uroot -pS3cretPw shop", "mysql -uroot -p[redacted] shop", ""),
        ("sshpass -p hunter22 ssh ops@app1", "sshpass -p [redacted] ssh ops@app1", ""),
        ("create user x identified by 'longpass';", "create user x identified by '[redacted]';", ""),
        (
            'curl -H "Authorization: Bearer 9f8e7d6c5b4a3f2e" -H "X: 1" \\',
            'curl -H "Authorization: [redacted]" -H "X: 1" \\',
            "",
        ),
        ("redis-cli -a s3cretpw ping", "redis-cli -a [redacted] ping", ""),
        ("curl -u admin:s3cretpw http://localhost/", "curl -u admin:[redacted] http://localhost/", ""),
        ("| API token: 9f8e7d6c5b4a |", "| API token: [redacted] |", "token"),
        ('password: "hunter2x"', 'password: "[redacted]"', "password"),
    ],
)
def test_a_secret_is_taken_out_and_nothing_else(line: str, kept: str, name: str) -> None:
    text, found = without_secrets(f"before\n{line}\nafter")
    assert text == f"before\n{kept}\nafter"
    assert [(each.line, each.name) for each in found] == [(2, name or "secret-of-line-2")]


@pytest.mark.parametrize(
    "line",
    ["API_KEY=your-api-key", "TOKEN=<token>", "token: $TOKEN", "KEY=abc-XYZ123...", "The password: ask Maria for it",
     "password = [CONFIGURE]", "mysql -u root -p shop", "mkdir -p /srv/x", "SECRET=changeme", "password: string;",
     'curl -H "Authorization: Bearer $TOKEN" -H "X: 1"', "this.token = response.access_token;", "KEY = os.getenv('KEY')",
     "DB_PASSWORD=你的密码", "jsonwebtoken: 9.0.2", "JWT_SECRET | use openssl rand"],
)  # fmt: skip
def test_a_place_for_a_secret_is_none(line: str) -> None:
    assert without_secrets(line) == (line, ())


def test_a_key_block_and_the_same_value_again() -> None:
    text, found = without_secrets(
        "A_TOKEN=9f8e7d6c5b4a3f2e\n-----BEGIN PRIVATE KEY-----\nMIIE\nabcd\n-----END PRIVATE KEY-----\nuse 9f8e7d6c5b4a3f2e\n"
    )
    assert "MIIE" not in text and "9f8e7d6c5b4a3f2e" not in text and text.endswith("use [redacted]\n")
    assert len(text.splitlines()) == 6 and len(found) == 2
    assert is_open("your_password_here") and not is_open("hunter2x")


def test_forms() -> None:
    def form(*titles: str) -> str:
        return form_of(headings(elements_of("\n\n".join(titles))))[0]

    assert form("# Operations Log", "## 2031-01-02", "### 07:00 UTC - Move", "## 2031-01-01") == "log"
    assert form("# Notes", "## December 19, 2031", "## 3 May 2031", "## 04.05.2031") == "log"
    assert form("# Shift handover", "## 2031-01-02 early") == "log"
    assert form("# Log rotation", "## Diagnosis", "## Resolution") == "instructions"
    assert (
        form("# Daily Operations Log Procedures", "## Morning 08:00", "## Evening", "## Escalation", "## Forms")
        == "instructions"
    )
    assert form("# Upgrade guide", "## Since 2031-01-02", "## Steps", "## Rollback", "## Verify") == "instructions"


def test_elements_know_their_lines_with_front_matter_and_crlf() -> None:
    text = "---\ntitle: x\n---\n# A\r\n\r\n- [ ] one\r\n\r\n| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\n\r\n```sh\r\nls\r\n```\r\n"
    found = [(each.kind, each.line) for each in elements_of("\ufeff" + text)]
    assert found == [("heading", 4), ("checkbox", 6), ("table", 8), ("fence", 12)]


def test_names_of_copies() -> None:
    assert [stem_of(name) for name in ("docs/OPERATIONS.md", "a b.txt", "C:\\x\\run.book.md", ".md", "日誌.md")] == [
        "OPERATIONS", "a-b", "run.book", "md", "日誌",
    ]  # fmt: skip


def test_what_is_no_document_is_refused_in_one_sentence() -> None:
    for data, said in (
        (b"", "is empty"),
        (b"a\0b", "zero byte"),
        (b"x" * 1_000_001, "1 MB"),
        (b"# a\n" * 4001, "4001 lines"),
        (b"T\xfcr", "0xfc"),
    ):
        with pytest.raises(Invalid) as refused:
            read_document("x.md", data)
        assert said in refused.value.sentence and "nothing was written" in refused.value.sentence
    assert read_document("x.md", "Tür".encode("cp1252"), repair=True).text == "Tür"
    assert read_document("x.md", "\ufeffTür".encode("utf-16"), repair=True).repaired
