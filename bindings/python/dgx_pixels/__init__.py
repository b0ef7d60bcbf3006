# SPDX-License-Identifier: MIT OR Apache-2.0
"""DGX-Pixels: words in, finished pixel art out."""
