# SPDX-License-Identifier: MIT OR Apache-2.0
"""The bench of training runs on the small SDXL, and its forecast is the formula that it prints."""

from __future__ import annotations

import argparse
from pathlib import Path

import bench_train
import pytest


def test_the_forecast_by_hand() -> None:
    """10 TFLOP in 1 s at 20 TFLOP/s: half of it waits; there twice the rate, a quarter of the memory's."""
    assert bench_train.forecast(10, 1.0, (20, 2.0), (40, 0.5)) == pytest.approx(0.25 + 0.5 * 4)
    assert bench_train.forecast(10, 0.1, (20, 2.0), (40, 0.5)) == 0.25  # faster than its product: no rest
    assert bench_train.minutes(0.02) == "1 min"


def test_the_work_is_counted() -> None:
    """A pass backwards to the input and the adapters, and the passes forwards that are made again."""
    plain, again = (bench_train.counted("tiny", 64, "lora", 4, c) for c in (False, True))
    assert 1.2 * plain < again < 1.6 * plain


def test_rows_are_measured(tiny: Path, tmp_path: Path) -> None:
    options = argparse.Namespace(size="tiny", canvas=64, kind="lora", rank=4, device="cpu")
    file = bench_train.write_run(tmp_path, options, tiny / "tiny-diffusers")
    measured = list(bench_train.measure(file, [(2, True), (1, False)], 1))
    assert len(measured) == 2
    for made in measured:
        assert made.seconds and made.seconds > 0 and made.loss == made.loss
        assert made.parameters > 0 and made.host_mib > 100 and made.device_mib == 0
