# SPDX-License-Identifier: MIT OR Apache-2.0
"""The number of CPU threads that is fastest right now.

A parallel loop waits for its slowest thread.  When somebody else uses one of two cores, two
threads of idle priority are three times slower than one, and when the cores are free one
thread is half as fast as two.  So every minute both are tried for some steps.
"""

from __future__ import annotations

import time

import torch

TRIAL_STEPS = 2
HOLD_SECONDS = 45.0  # at least, and ten times as long as the trial took


class Pace:
    """Call tick() after every step of a training on the CPU."""

    def __init__(self, device: torch.device) -> None:
        self.most = torch.get_num_threads() if device.type == "cpu" else 1
        self.took: dict[int, float] = {}
        self.trying = 0  # threads on trial, 0 outside a trial
        self.steps = 0
        self.began = 0.0
        self.hold_until = 0.0

    def tick(self) -> None:
        now = time.monotonic()
        if self.most == 1 or now < self.hold_until:
            return
        if not self.trying:
            self.start(self.most)
            return
        self.steps += 1
        if self.steps < TRIAL_STEPS:
            return
        self.took[self.trying] = now - self.began
        if self.trying > 1:
            self.start(self.trying // 2)
            return
        torch.set_num_threads(min(self.took, key=self.took.__getitem__))
        self.hold_until = now + max(HOLD_SECONDS, 10 * sum(self.took.values()))
        self.took, self.trying = {}, 0

    def start(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self.trying, self.steps, self.began = threads, 0, time.monotonic()
