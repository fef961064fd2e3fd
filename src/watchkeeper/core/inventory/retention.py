"""`retention:` of watchkeeper.yaml: how long readings are kept, declared once."""

from __future__ import annotations

from pydantic import Field, model_validator

from watchkeeper.core.inventory.days import Days
from watchkeeper.core.inventory.fields import mistake
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.readings.retention import Retention

_DEFAULT = Retention()


class RetentionModel(Strict):
    """How long readings are kept; flips, incidents and the log are kept for ever."""

    readings: Days = Field(default=_DEFAULT.readings_s, description="every single reading")
    hours: Days = Field(default=_DEFAULT.hours_s, description="counts and percentiles of every hour")
    days: Days = Field(default=_DEFAULT.days_s, description="counts and percentiles of every day")

    @model_validator(mode="after")
    def _ordered(self) -> RetentionModel:
        if not self.readings <= self.hours <= self.days:
            found = "readings that are kept longer than hours, or hours longer than days"
            raise mistake("readings <= hours <= days", "{readings: 60d, hours: 90d, days: 5y}", found=found)
        return self

    def retention(self) -> Retention:
        """As a value."""
        return Retention(self.readings, self.hours, self.days)
