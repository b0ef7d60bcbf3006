# SPDX-License-Identifier: MIT OR Apache-2.0
"""The MCP server: `dgx-pixels-mcp --project GAME`, for agents."""
