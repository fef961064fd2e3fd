"""Windows and silences: what is muted now, and which time was planned.

`muting` answers that; `acts` is what people do; `beat` carries out begins, ends and reminders; `aftermath` watches afterwards.
"""

from watchkeeper.services.windows.muting import (
    after_maintenance,
    maintenance_of,
    muted_by,
    muted_incident,
    planned_spans,
    plans_of,
    standing,
)

__all__ = ["after_maintenance", "maintenance_of", "muted_by", "muted_incident", "planned_spans", "plans_of", "standing"]
