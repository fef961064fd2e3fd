"""Kinds of fields below the key `shift`."""

from __future__ import annotations

from watchkeeper.core.inventory.fields import duration_between

Budget = duration_between(1.0, 8 * 3600.0, "1s", "8h")
Silence = duration_between(0.0, 7 * 86400.0, "0s", "7d")
Patience = duration_between(0.5, 30.0, "500ms", "30s")
