"""What a team decided about its operations log: its words, where its document is, how long entries are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.core.log.documents.policy import DocumentPolicy
from watchkeeper.core.log.keeping import Keep
from watchkeeper.core.log.proof import Anchoring
from watchkeeper.core.log.vocabulary import Vocabulary
from watchkeeper.core.log.when import WhenToLog


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """The key `log` of watchkeeper.yaml. Every part has a default that a team without the key can live with.

    queries: saved questions of the team, by name. when: which kinds of changes are asked about.
    keeping: how long entries stay in the store. anchoring: where its head is sent to.
    document: its Markdown document, and the team's words for time zones.
    """

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    queries: Mapping[str, str] = field(default_factory=dict)
    when: WhenToLog = field(default_factory=WhenToLog)
    keeping: Keep = field(default_factory=Keep)
    anchoring: Anchoring = field(default_factory=Anchoring)
    document: DocumentPolicy = field(default_factory=DocumentPolicy)
