"""What annotations say: Runme info strings, watchkeeper comments and front matter."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.core.runbooks.values import SAFE_VALUE, Finding, Parameter
from watchkeeper.core.times import parse_duration

_LANGUAGE = re.compile(r"^\.?([\w+#.-]+)")
_COMMENT = re.compile(r"^\s*<!--\s*watchkeeper\s*(\{.*\})\s*-->\s*$", re.DOTALL)
_TRUE = frozenset(("true", "yes", "1", "on", "always"))
MAX_FRONT_MATTER = 65_536


@dataclass(frozen=True, slots=True)
class Info:
    """An info string read: language in lower case, attributes verbatim, sentences about what was odd."""

    language: str
    attributes: Mapping[str, str]
    oddities: tuple[str, ...] = ()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _json(text: str) -> dict[str, str] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return {str(key): _text(item) for key, item in value.items()} if isinstance(value, dict) else None


def _pairs(body: str) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    odd: list[str] = []
    for part in body.split():
        key, equals, value = part.partition("=")
        if equals and re.fullmatch(r"[\w.-]+", key):
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            elif value[:1] in ("'", '"'):
                odd.append(f'attribute "{key}" is cut at a space; write the attributes as JSON to keep it whole')
            found[key] = value
        elif not part.startswith((".", "#")):
            odd.append(f'"{part}" is not an attribute')
    return found, odd


def read_info(info: str) -> Info:
    """The language and attributes of a fence's info string: JSON first, else ``k=v`` pairs. Never raises."""
    info = info.strip()
    brace = info.find("{")
    head = info if brace < 0 else info[:brace]
    match = _LANGUAGE.match(head.strip())
    language = match.group(1).lower() if match else ""
    if brace < 0:
        return Info(language, {})
    end = info.find("}", brace)
    if end < 0:
        return Info(language, {}, ("the attributes are not closed with }",))
    short = info[brace : end + 1]
    found = _json(short)
    if found is not None:
        return Info(language, found)
    whole = _json(info[brace : info.rfind("}") + 1])
    if whole is not None:
        return Info(language, whole, ("Runme stops at the first }, so it reads these attributes differently",))
    pairs, odd = _pairs(short[1:-1])
    if not language:
        pandoc = re.match(r"\{\s*\.([\w+#-]+)", short)
        language = pandoc.group(1).lower() if pandoc else ""
    return Info(language, pairs, tuple(odd))


def read_comment(html: str) -> Mapping[str, str] | None:
    """The values of a ``<!-- watchkeeper {...} -->`` comment; None when it is another comment or not readable."""
    match = _COMMENT.match(html)
    return _json(match.group(1)) if match else None


def is_true(attributes: Mapping[str, str], name: str) -> bool:
    """Whether an attribute is set to a true word."""
    return attributes.get(name, "").strip().lower() in _TRUE


def seconds(attributes: Mapping[str, str], name: str) -> tuple[float | None, str]:
    """A duration attribute in seconds (a bare number counts seconds) and, when it cannot be read, a sentence."""
    text = attributes.get(name, "").strip()
    if not text:
        return None, ""
    try:
        value = float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text) else parse_duration(text)
    except (ValueError, OverflowError):
        value = None
    if value is None or value <= 0 or value > 30 * 86400:
        return None, f'{name}="{text}" is not a duration between 1 ms and 30 days; write for example {name}="60s"'
    return value, ""


def whole_number(attributes: Mapping[str, str], name: str) -> tuple[int | None, str]:
    """A positive whole number (at most 1000) and, when it cannot be read, a sentence."""
    text = attributes.get(name, "").strip()
    if not text:
        return None, ""
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= 1000:
        return int(text), ""
    return None, f'{name}="{text}" is not a whole number from 1 to 1000'


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The document's front matter. lines: how many lines it takes; values: plain mapping, {} when absent or broken."""

    lines: int
    values: Mapping[str, object]
    findings: tuple[Finding, ...] = ()

    @property
    def own(self) -> Mapping[str, object]:
        """What stands under our key ``watchkeeper``."""
        own = self.values.get("watchkeeper")
        return own if isinstance(own, dict) else {}


def read_front_matter(lines: list[str]) -> FrontMatter:
    """YAML between two ``---`` lines at the very start; a broken one is kept as text and found, never raised."""
    if not lines or lines[0].rstrip() != "---":
        return FrontMatter(0, {})
    end = next((index for index in range(1, min(len(lines), 400)) if lines[index].rstrip() in ("---", "...")), 0)
    if not end:
        return FrontMatter(0, {})
    source = "\n".join(lines[1:end])
    if len(source) > MAX_FRONT_MATTER:
        return FrontMatter(
            end + 1,
            {},
            (Finding(1, "error", "The front matter is longer than 64 KB and is not read.", "front-matter"),),
        )
    if re.search(r"(?m)(?:^|[\s:\[,{])[&*][A-Za-z0-9_]+", source):
        sentence = "The front matter uses YAML anchors or aliases (& or *), which runbooks do not need; it is not read."
        return FrontMatter(end + 1, {}, (Finding(1, "error", sentence, "front-matter"),))
    from ruamel.yaml import YAML

    try:
        value = YAML(typ="safe", pure=True).load(source)
    except Exception as problem:  # ruamel raises many kinds on hostile text; each is the same finding to a person
        first = str(problem).strip().splitlines()
        reason = first[0][:200] if first else type(problem).__name__
        sentence = f"The front matter is not valid YAML ({reason}); it is not read."
        return FrontMatter(end + 1, {}, (Finding(1, "error", sentence, "front-matter"),))
    if value is None:
        return FrontMatter(end + 1, {})
    if not isinstance(value, dict):
        sentence = f"The front matter is a {type(value).__name__}, expected names with values such as `cwd: /srv/app`."
        return FrontMatter(end + 1, {}, (Finding(1, "warning", sentence, "front-matter"),))
    return FrontMatter(end + 1, {str(key): item for key, item in value.items()})


def scalar(value: object) -> str | None:
    """A front-matter value as text when it is one plain value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None


def declared_parameters(own: Mapping[str, object]) -> tuple[dict[str, Parameter], list[Finding]]:
    """``params:`` of the front matter: ``name: default`` or ``name: {default, pattern, ask}``."""
    found: dict[str, Parameter] = {}
    findings: list[Finding] = []
    params = own.get("params")
    if params is None:
        return found, findings
    if not isinstance(params, dict):
        sentence = "watchkeeper.params is not a mapping of names to values; it is not used."
        return found, [Finding(1, "warning", sentence, "front-matter")]
    for key, value in params.items():
        name = str(key)
        entry = value if isinstance(value, dict) else {"default": value}
        default, ask = scalar(entry.get("default")), scalar(entry.get("ask")) or ""
        pattern = scalar(entry.get("pattern")) or SAFE_VALUE
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError):
            findings.append(
                Finding(
                    1,
                    "error",
                    f"The pattern of parameter {name} is not a regular expression; the default type is used.",
                    "front-matter",
                )
            )
            pattern = SAFE_VALUE
        found[name] = Parameter(name, f"${name}", 1, default, pattern, ask)
    return found, findings
