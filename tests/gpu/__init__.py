# SPDX-License-Identifier: MIT OR Apache-2.0
"""scripts/gpu-check and scripts/gpu-train: minutes on a lent GPU, well used."""
