"""The key `log` of watchkeeper.yaml: words, document, retention."""

from __future__ import annotations

from pydantic import Field, model_validator

from watchkeeper.core.inventory.log_document import FileField, ZonesField, document_of
from watchkeeper.core.inventory.log_keeping import (
    AnchorModel,
    ArchiveField,
    KeepField,
    anchoring_of,
    assert_known,
    keep_of,
)
from watchkeeper.core.inventory.log_when import WhenModel, when_of
from watchkeeper.core.inventory.log_words import QueriesField, SeveritiesField, StatusesField, TypesField, vocabulary_of
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.log.policy import LogPolicy


class LogModel(Strict):
    """The operations log as the team keeps it."""

    types: TypesField | None = Field(default=None, description="types of entries, with other words for them")
    severities: SeveritiesField | None = Field(default=None, description="severities, the worst first")
    statuses: StatusesField | None = Field(default=None, description="statuses of an entry")
    queries: QueriesField = Field(default_factory=dict, description="saved questions: `wk log list @NAME`")
    when: WhenModel | None = Field(default=None, description="which kinds of changes belong into the log")
    keep: KeepField | None = Field(default=None, description="how long entries stay in the store, by severity")
    archive: ArchiveField = Field(
        default="by hand", description="monthly: entries whose time is over move by themselves; else `wk log archive`"
    )
    anchor: AnchorModel | None = Field(default=None, description="where the head of the log is sent to")

    file: FileField | None = Field(default=None, description="its Markdown document in the ops repo, kept current")
    zones: ZonesField = Field(default_factory=dict, description="what the team's words for time zones mean")

    @model_validator(mode="after")
    def _severities_are_known(self) -> LogModel:
        assert_known(self.keep, vocabulary_of(self.types, self.severities, self.statuses))
        return self


def policy_of(model: LogModel | None) -> LogPolicy:
    """What the rules use; defaults where nothing is written."""
    if model is None:
        return LogPolicy()
    vocabulary = vocabulary_of(model.types, model.severities, model.statuses)
    return LogPolicy(
        vocabulary=vocabulary,
        keeping=keep_of(model.keep, model.archive, vocabulary),
        anchoring=anchoring_of(model.anchor),
        queries=model.queries,
        when=when_of(model.when),
        document=document_of(model.file or "", model.zones),
    )
