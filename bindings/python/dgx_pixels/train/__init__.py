# SPDX-License-Identifier: MIT OR Apache-2.0
"""Training of LoRA styles for pixel art: the program dgx-pixels-train (docs/training.md)."""
