# SPDX-License-Identifier: MIT OR Apache-2.0
"""Traces the networks of an SDXL-like model into hollow TorchScript programs.

``python -m dgx_pixels.programs --help`` is the face; docs/models.md describes what is written.
"""
