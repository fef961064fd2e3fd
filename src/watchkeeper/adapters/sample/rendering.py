"""The sample's files as they ship are templates; this fills them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2] / "library" / "sample"
_NAME = re.compile(r"\{\{([a-z_]+)\}\}")


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace every `{{name}}`. Raises `KeyError` for a name without a value: a fault of the template."""
    return _NAME.sub(lambda match: values[match.group(1)], text)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file of a template folder, relative to it, in a fixed order; caches are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder)


def render_tree(source: Path, target: Path, values: Mapping[str, str]) -> list[Path]:
    """Render every file of `source` below `target`; shell scripts become executable. Returns the files written.

    A template whose name starts with `dot.` becomes a hidden file: `dot.gitignore` is `.gitignore`.
    """
    written = []
    for name in files_below(source):
        place = target / name.with_name(re.sub(r"^dot\.", ".", name.name))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(render((source / name).read_text(encoding="utf-8"), values), encoding="utf-8")
        place.chmod(0o755 if place.suffix == ".sh" else 0o644)
        written.append(place)
    return written
