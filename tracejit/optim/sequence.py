"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Sequence

from ..errors import ArgumentError, fail
from .optimizer import Optimizer
from .schedule import LRScheduler


class SequentialLR:
    """One schedule after another: `schedulers[k]` from `milestones[k-1]` on."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1) -> None:
        if len(milestones) != len(schedulers) - 1:
            fail(ArgumentError, f"{len(schedulers)} schedules, {len(milestones)} milestones", "Give one milestone fewer than schedules.")
        if any(s.optimizer is not optimizer for s in schedulers):
            fail(ArgumentError, "schedules of another optimiser", "Make them all for the one that is given.")
        self.optimizer, self._schedulers, self._milestones = optimizer, list(schedulers), list(milestones)
        self.last_epoch = last_epoch + 1
        for scheduler in self._schedulers:
            scheduler.rewind()
        self._schedulers[0].step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self) -> None:
        """Go on by one epoch."""
        self.last_epoch += 1
        which = bisect_right(self._milestones, self.last_epoch)
        if which > 0 and self._milestones[which - 1] == self.last_epoch:
            self._schedulers[which].restart()
        else:
            self._schedulers[which].step()
        self._last_lr = self._schedulers[which].get_last_lr()

    def get_last_lr(self) -> list[float]:
        """The rates written last."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """The place, and the states of the schedules."""
        return {
            "last_epoch": self.last_epoch, "_milestones": self._milestones, "_last_lr": self._last_lr,
            "_schedulers": [s.state_dict() for s in self._schedulers],
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict()` gave."""
        rest = dict(state_dict)
        for scheduler, saved in zip(self._schedulers, rest.pop("_schedulers")):
            scheduler.load_state_dict(saved)
        self.__dict__.update(rest)


class ChainedScheduler:
    """Several schedules at once: each goes on from the rate the one before it left."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        owners = {id(s.optimizer) for s in schedulers}
        if len(owners) != 1 or (optimizer is not None and id(optimizer) not in owners):
            fail(ArgumentError, "chained schedules of several optimisers, or none", "Make them all for one optimiser.")
        self._schedulers = list(schedulers)
        self.optimizer = self._schedulers[0].optimizer

    def step(self) -> None:
        """Go on by one epoch."""
        for scheduler in self._schedulers:
            scheduler.step()

    def get_last_lr(self) -> list[float]:
        """The rates written last."""
        return self._schedulers[-1].get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """The states of the schedules."""
        return {"_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict()` gave."""
        for scheduler, saved in zip(self._schedulers, state_dict["_schedulers"]):
            scheduler.load_state_dict(saved)
