"""The parts of the key `log` that hold words: types, severities, statuses, and saved questions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.fields import mistake
from watchkeeper.core.log.vocabulary import SEVERITIES, STATUSES, TYPES, Vocabulary, Word, folded, with_usual_aliases

MOST = 60
LONGEST = 40
_MAPS = "a list of words, or a map of each word to its aliases"


def _word(value: Any, example: str) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST or "\n" in text:
        raise mistake(f"a word of at most {LONGEST} characters", example)
    return " ".join(text.split())


def _entry(name: str, value: Any, example: str) -> Word:
    """One word: its aliases, or a map with `means` and `aliases`."""
    means, aliases = "", value
    if isinstance(value, dict):
        unknown = next((key for key in value if key not in ("means", "aliases")), None)
        if unknown is not None:
            raise mistake(f"'means' and 'aliases' below {name}", example, found=f"'{str(unknown)[:40]}'")
        means, aliases = value.get("means") or "", value.get("aliases")
    if not isinstance(means, str):
        raise mistake(f"one line of text as 'means' of {name}", example)
    if aliases is None:
        aliases = []
    listed = aliases if isinstance(aliases, list) else [aliases]
    return Word(name, tuple(_word(each, example) for each in listed), " ".join(means.split()))


def _words(value: Any, example: str) -> tuple[Word, ...]:
    """Raises a mistake for what is no list of words, and for a word that stands for two."""
    if isinstance(value, list):
        found = [Word(_word(each, example)) for each in value]
    elif isinstance(value, dict):
        found = [_entry(_word(name, example), each, example) for name, each in value.items()]
    else:
        raise mistake(_MAPS, example)
    if not 1 <= len(found) <= MOST:
        raise mistake(f"1 to {MOST} words", example, found=f"{len(found)} words")
    seen: dict[str, str] = {}
    for word in found:
        for each in (word.name, *word.aliases):
            first = seen.setdefault(folded(each), word.name)
            if first != word.name or (each == word.name and sum(one.name == each for one in found) > 1):
                raise mistake(
                    "words that stand for one thing each", example, found=f"'{each}' below {first} and {word.name}"
                )
    return tuple(found)


def _schema(example: Any) -> Any:
    aliases = {"type": ["array", "null"], "items": {"type": "string"}}
    full = {
        "type": "object",
        "properties": {"means": {"type": "string"}, "aliases": aliases},
        "additionalProperties": False,
    }
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"anyOf": [aliases, {"type": "string"}, full]}},
            ],
            "examples": [example],
        }
    )


def _field(example: str, shown: Any) -> Any:
    def read(value: Any) -> tuple[Word, ...]:
        return _words(value, example)

    return Annotated[tuple[Word, ...], BeforeValidator(read), _schema(shown)]


def _queries(value: Any) -> dict[str, str]:
    """Names to questions; a question that cannot be asked is a mistake of the file."""
    from watchkeeper.core.log.query import NAME, parse

    example = 'deployments: "type:deployment since:30d"'
    if not isinstance(value, dict):
        raise mistake("a map of names to questions", example)
    for name, text in value.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise mistake("a name of letters, digits, '-' and '_'", example, found=f"'{str(name)[:40]}'")
        if not isinstance(text, str) or not text.strip():
            raise mistake(f"a question as text below {name}", example)
        try:
            parse(text)
        except WatchkeeperError as error:
            raise mistake(
                "a question that can be asked", example, found=f"{name}: {error.sentence.rstrip('.')}"
            ) from None
    return {name: " ".join(text.split()) for name, text in value.items()}


TypesField = _field("{Deployment: [Release, Rollout]}", {"Deployment": ["Release", "Rollout"], "Incident": []})
SeveritiesField = _field(
    "{High: [Major], Low: [Minor]}",
    {"Critical": {"means": "production is down", "aliases": ["Sev1"]}, "High": ["Major"], "Low": ["Minor"]},
)
StatusesField = _field("{Complete: [Done], Failed: []}", {"Complete": ["Done"], "In Progress": [], "Failed": []})
QueriesField = Annotated[
    dict[str, str],
    BeforeValidator(_queries),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


def vocabulary_of(
    types: tuple[Word, ...] | None, severities: tuple[Word, ...] | None, statuses: tuple[Word, ...] | None
) -> Vocabulary:
    """The words that count; what the team does not declare stays as it usually is."""
    return Vocabulary(
        with_usual_aliases(types, TYPES) if types else TYPES,
        with_usual_aliases(severities, SEVERITIES) if severities else SEVERITIES,
        with_usual_aliases(statuses, STATUSES) if statuses else STATUSES,
    )
