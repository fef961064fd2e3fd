"""UTF-8 that was read in a wrong encoding is found; what people write is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.runbooks.mojibake import ENCODINGS, detect

_MEANT = [
    "Prüfung läuft — “gut”",
    "être, ça, voilà",
    "印刷機を再起動する手順",
    "排查打印机",
    "Печать стоит",
    "żółw je gęś",
    "✅ done → next",
    "naïve café",
    "⚠️ 100 × 2",
]


def damaged(text: str, encoding: str) -> str:
    """A text as a program shows it that reads its UTF-8 bytes in another encoding."""
    made = []
    for byte in text.encode():
        try:
            made.append(bytes([byte]).decode(encoding))
        except UnicodeDecodeError:
            made.append(chr(byte))
    return "".join(made)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", _MEANT)
def test_the_repair_is_exact(text: str, encoding: str) -> None:
    found = detect(damaged(text, encoding).encode())
    assert found is not None and found.encoding == encoding
    assert found.repaired.decode() == text
    assert detect(found.repaired) is None


@pytest.mark.parametrize(
    "text",
    [
        *_MEANT,
        "plain ASCII",
        "« voilà\u00a0», « validé\u00a0»",
        "√π ≈ 1.77, 2√∞, ¬a",
        "GRÖ“ „TÖ“ “IRMÃ”",
        "Tiếng Việt, ελληνικά, עברית, العربية",
        "‘a’ – “b” … 5 € ™ ©, ½ ± 2 µs",
        "Â e Ã são letras",
        "â€ alone",
    ],
)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert detect(text.encode()) is None


def test_only_damaged_lines_change_and_examples_name_them() -> None:
    text = "# Größe é\r\n\n" + damaged("✅ fertig", "cp1252") + "  \r\nünverändert"
    found = detect(b"\xef\xbb\xbf" + text.encode())
    assert found is not None and found.name == "Windows-1252"
    assert found.repaired.decode() == "\ufeff# Größe é\r\n\n✅ fertig  \r\nünverändert"
    assert [(one.line, one.meant) for one in found.examples] == [(3, "✅")] and found.places == 1


def test_other_bytes_are_no_utf8_and_not_judged() -> None:
    assert detect("é".encode("latin-1")) is None and detect(b"") is None


@given(st.text(alphabet=st.characters(codec="utf-8")))
@settings(deadline=None)
def test_any_text_can_be_asked_and_a_repair_round_trips(text: str) -> None:
    found = detect(text.encode())
    if found is not None:
        assert found.places > 0 and found.repaired != text.encode()
        found.repaired.decode()
