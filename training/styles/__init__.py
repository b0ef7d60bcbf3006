# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two styles for the starter model, as LoRA files (README.md)."""
