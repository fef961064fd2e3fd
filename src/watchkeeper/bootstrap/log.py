"""The services of the operations log, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.adapters.log_archive import DirectoryArchive
from watchkeeper.adapters.log_stage import FileStage
from watchkeeper.adapters.repositories.log_anchors import CommittedAnchors
from watchkeeper.adapters.repositories.log_document import DirectoryLogDocument
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log import Log
from watchkeeper.services.log.anchors import Anchors
from watchkeeper.services.log.chain_file import ChainFile
from watchkeeper.services.log.digests import Digests
from watchkeeper.services.log.document import LogDocument
from watchkeeper.services.log.importing import Importer
from watchkeeper.services.log.keeping import Keeping
from watchkeeper.services.log.matching import EntryMatcher
from watchkeeper.services.log.questions import Questions
from watchkeeper.services.ports import Clock, NotifierPort
from watchkeeper.store.writer import Store


@dataclass(frozen=True, slots=True)
class Logbook:
    """Everything that is done with the operations log."""

    log: Log
    questions: Questions
    digests: Digests
    importer: Importer
    document: LogDocument
    keeping: Keeping
    anchors: Anchors
    chain: ChainFile


def build_logbook(
    ops: Path, state: Path, store: Store, notifier: NotifierPort, holder: InventoryHolder, clock: Clock,
    redact: Callable[[str], str], secrets: Callable[[], Sequence[str]],
) -> Logbook:  # fmt: skip
    """From now on archived bodies are read in the ops repo."""
    archive, document = DirectoryArchive(ops, state), DirectoryLogDocument(ops)
    store.read_archives_with(archive.body)
    questions = Questions(store, holder, clock)
    anchors = Anchors(store, store.verify_log, CommittedAnchors(ops), notifier, holder, clock)
    return Logbook(
        log=Log(store, anchors.verify, holder, clock, redact, secrets),
        questions=questions,
        digests=Digests(store, questions, holder, clock),
        importer=Importer(store, holder, secrets, clock),
        document=LogDocument(store, holder, document, anchors.trailer),
        keeping=Keeping(
            store, archive, holder, clock, EntryMatcher(holder, clock), store.erase_deleted, document.commit
        ),
        anchors=anchors,
        chain=ChainFile(store, archive, FileStage(state), holder),
    )
