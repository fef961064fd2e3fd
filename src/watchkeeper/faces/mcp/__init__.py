"""The same services for AI agents, by the Model Context Protocol."""
