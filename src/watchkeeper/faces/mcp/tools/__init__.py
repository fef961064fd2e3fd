"""Every tool there is, by name."""

from __future__ import annotations

from watchkeeper.faces.mcp.tools import acting, duties, looking, writings
from watchkeeper.faces.mcp.tools.base import Foreign as Foreign
from watchkeeper.faces.mcp.tools.base import Tool

TOOLS: dict[str, Tool] = {
    each.name: each for each in (*looking.TOOLS, *writings.TOOLS, *duties.TOOLS, *acting.TOOLS)
}  # fmt: skip
