"""What is wrong with a condition, and where."""

from __future__ import annotations

from watchkeeper.core.errors import Invalid


class ConditionError(Invalid):
    """A condition that does not hold together. column counts from 1 within the condition's own text.

    found and expected are the two halves of the sentence, for lists of mistakes.
    """

    def __init__(
        self, sentence: str, column: int, example: str, *, found: str = "", expected: str = "", did_you_mean: str = ""
    ) -> None:
        super().__init__(sentence, f"Write it like: {example}" if example else "", column=column)
        self.column = column
        self.example = example
        self.found = found or sentence
        self.expected = expected
        self.did_you_mean = did_you_mean


def fault(found: str, expected: str, column: int, example: str = "", did_you_mean: str = "") -> ConditionError:
    """The error whose sentence says what was expected and what was found."""
    sentence = f"column {column}: expected {expected}, found {found}."
    return ConditionError(sentence, column, example, found=found, expected=expected, did_you_mean=did_you_mean)
