"""What keeps and proves the operations log, put together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watchkeeper.adapters.log_archive import DirectoryArchive
from watchkeeper.adapters.log_stage import FileStage
from watchkeeper.adapters.repositories.log_anchors import CommittedAnchors
from watchkeeper.adapters.repositories.log_document import DirectoryLogDocument
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.anchors import Anchors
from watchkeeper.services.log.chain_file import ChainFile
from watchkeeper.services.log.keeping import Keeping
from watchkeeper.services.log.matching import EntryMatcher
from watchkeeper.services.ports import Clock, NotifierPort
from watchkeeper.store.writer import Store


@dataclass(frozen=True, slots=True)
class KeptLog:
    """The services around the log's tables."""

    keeping: Keeping
    anchors: Anchors
    chain: ChainFile


def build_kept_log(
    ops: Path, state: Path, store: Store, notifier: NotifierPort, holder: InventoryHolder, clock: Clock
) -> KeptLog:
    """From now on archived bodies are read in the ops repo."""
    archive = DirectoryArchive(ops, state)
    store.read_archives_with(archive.body)
    commit, matcher = DirectoryLogDocument(ops).commit, EntryMatcher(holder, clock)
    return KeptLog(
        Keeping(store, archive, holder, clock, matcher, store.erase_deleted, commit),
        Anchors(store, store.verify_log, CommittedAnchors(ops), notifier, holder, clock),
        ChainFile(store, archive, FileStage(state), holder),
    )
