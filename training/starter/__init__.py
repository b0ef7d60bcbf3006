# SPDX-License-Identifier: MIT OR Apache-2.0
"""The recipe of the starter model: a small SDXL-family model for 32x32 RGBA sprites."""
