"""The key `when` below `log`: which kinds of changes belong into the operations log."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from watchkeeper.core.inventory.fields import mistake
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.log.when import KINDS, OTHER_WORDS, WhenToLog


def _kind(value: Any) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    found = OTHER_WORDS.get(word, word)
    if found not in KINDS:
        raise mistake(f"a kind of change: {', '.join(KINDS)}", "deployment")
    return found


Kind = Annotated[str, BeforeValidator(_kind), WithJsonSchema({"enum": sorted({*KINDS, *OTHER_WORDS})})]


class WhenModel(Strict):
    """Which kinds of changes are logged always, after a question, or never; a list that is left out keeps its default."""

    always: list[Kind] | None = Field(default=None, description="an open task until somebody logs it, or says why not")
    ask: list[Kind] | None = Field(default=None, description="an open task that asks")
    never: list[Kind] | None = Field(default=None, description="nothing is asked")

    @model_validator(mode="after")
    def _once(self) -> WhenModel:
        given = [*(self.always or []), *(self.ask or []), *(self.never or [])]
        twice = next((each for each in given if given.count(each) > 1), "")
        if twice:
            raise mistake("each kind in one of the lists", "always: [deployment]", found=f"'{twice}' twice")
        return self


def when_of(model: WhenModel | None) -> WhenToLog:
    """The rules; what a team names moves to the list where it stands now."""
    usual = WhenToLog()
    if model is None:
        return usual
    named = {*(model.always or []), *(model.ask or []), *(model.never or [])}

    def rest(given: list[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(given) if given is not None else tuple(each for each in default if each not in named)

    return WhenToLog(rest(model.always, usual.always), rest(model.ask, usual.ask), rest(model.never, usual.never))
