# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a user can mend: a sentence that says where and how."""

from __future__ import annotations


class TrainError(Exception):
    """Printed without a traceback."""
