"""What stays for long is taken out of the sight of Python's collector, which would walk through it again and again."""

from __future__ import annotations

import gc


def keep_loaded() -> None:
    """After a load: collect what it left behind, and never look at the rest again.

    With 10,000 checks a full collection takes a third of a second in which no probe begins. What is freed by its last
    reference, as an inventory is when another one takes over, is freed all the same.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
