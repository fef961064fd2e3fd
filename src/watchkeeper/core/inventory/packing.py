"""The YAML files of the ops repo as they are kept: read once, packed, and unpacked where somebody looks at the tree.

As trees the files of a large ops repo take thirty times their bytes; so only one of them is a tree at a time.
"""

from __future__ import annotations

import pickle
import zlib
from dataclasses import dataclass

from watchkeeper.core.inventory.values import Mistake
from watchkeeper.core.inventory.yaml_reader import Document, Node, read_yaml

_QUICK = 1
"""Level of compression: a tenth of the size in a millisecond."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A file that was read, with what is wrong with it. tree: empty when nothing could be read."""

    file: str
    mistakes: tuple[Mistake, ...]
    tree: bytes

    @property
    def root(self) -> Node | None:
        """The tree, unpacked at each call: ask once, and keep it while you need it. Packed below, never out of this process."""
        if not self.tree:
            return None
        root: Node = pickle.loads(zlib.decompress(self.tree))
        return root


def read_packed(path: str, data: bytes) -> Packed:
    """Read one file, which has to be a map. Never raises for bad input: every fault is a mistake with its position."""
    document = read_yaml(path, data)
    mistakes = (*document.mistakes, *_not_a_map(path, document, data))
    root = document.root
    tree = zlib.compress(pickle.dumps(root, pickle.HIGHEST_PROTOCOL), _QUICK) if root is not None else b""
    return Packed(path, mistakes, tree)


def _not_a_map(path: str, document: Document, data: bytes) -> list[Mistake]:
    """A file that is readable YAML but no map. Comments only are an empty map, no bytes at all are a broken save."""
    if document.mistakes and document.root is None:
        return []
    if document.root is None or document.root.content is None:
        if data.strip():
            document.root = Node({}, 1, 1)
            return []
        document.root = None
        return [Mistake(path, 1, 1, "an empty file", "keys and values, or no file", "service: shop")]
    if document.root.is_map:
        return []
    found = Mistake(
        path, document.root.line, document.root.column, document.root.kind, "keys and values", "service: shop"
    )
    document.root = None
    return [found]
