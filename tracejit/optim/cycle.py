"""The one-cycle schedule, and the schedule that watches a metric."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError, fail
from .group import ParamGroup
from .optimizer import Optimizer
from .schedule import LRScheduler, for_each_group


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2.0 * (1 + math.cos(math.pi * part))


def _linear(start: float, end: float, part: float) -> float:
    return (end - start) * part + start


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down again, stepped after every batch (Smith and Topin, 2017); momentum (or β₁) goes the other way.

    The rate begins at max_lr/div_factor and ends at that over final_div_factor. Steps: `total_steps`, or
    epochs · steps_per_epoch; the first `pct_start` of them rise.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85, max_momentum: float | list[float] = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            fail(ArgumentError, "a one-cycle schedule of unknown length", "Give total_steps, or epochs and steps_per_epoch.")
        if anneal_strategy not in ("cos", "linear"):
            fail(ArgumentError, f"anneal_strategy={anneal_strategy!r}", 'Give "cos" or "linear".')
        self.total_steps = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
        self.cosine = anneal_strategy == "cos"
        highest = for_each_group(max_lr, optimizer, "max_lr")
        self.rates = [(top / div_factor, top, top / div_factor / final_div_factor) for top in highest]
        least = for_each_group(base_momentum, optimizer, "base_momentum")
        self.momenta = [(most, low, most) for low, most in zip(least, for_each_group(max_momentum, optimizer, "max_momentum"))]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum and not any(k in optimizer.defaults for k in ("momentum", "betas")):
            fail(ArgumentError, "cycle_momentum of an optimiser without momentum", "Pass cycle_momentum=False.")
        # A phase: the step it ends at, and which of the three rates and momenta it goes from and to.
        rise, last = pct_start * self.total_steps, self.total_steps - 1
        self.phases = [(rise - 1, 0, 1), (2 * rise - 2, 1, 0), (last, 0, 2)] if three_phase else [(rise - 1, 0, 1), (last, 1, 2)]
        if last_epoch == -1:
            for group, rates in zip(optimizer.param_groups, self.rates):
                group["initial_lr"] = group["lr"] = rates[0]
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """The rate at this step; the group's momentum is written too."""
        if epoch > self.total_steps:
            fail(ArgumentError, f"step {epoch} of a schedule of {self.total_steps} steps", "Give the schedule as many steps as you take.")
        if self.cycle_momentum:
            _write_momentum(self.optimizer.param_groups[number], self._between(self.momenta[number], epoch))
        return self._between(self.rates[number], epoch)

    def _between(self, marks: tuple[float, float, float], step: int) -> float:
        anneal = _cosine if self.cosine else _linear
        begin = 0.0
        for end, origin, goal in self.phases[:-1]:
            if step <= end:
                return anneal(marks[origin], marks[goal], (step - begin) / (end - begin))
            begin = end
        end, origin, goal = self.phases[-1]
        return anneal(marks[origin], marks[goal], (step - begin) / (end - begin))


def _write_momentum(group: ParamGroup, momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class ReduceLROnPlateau:
    """lr · factor when the metric given to `step` has not got better for more than `patience` calls."""

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: str = "rel", cooldown: int = 0, min_lr: float | list[float] = 0.0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if factor >= 1.0:
            fail(ArgumentError, f"factor={factor}", "Give a factor below 1.")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            fail(ArgumentError, f"mode={mode!r}, threshold_mode={threshold_mode!r}", 'Give "min" or "max", and "rel" or "abs".')
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = for_each_group(min_lr, optimizer, "min_lr")
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: Any) -> None:
        """Judge this epoch's metric (a number, or a 0-d tensor)."""
        current = float(metrics)
        self.last_epoch += 1
        if self.is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def is_better(self, metric: float, best: float) -> bool:
        """Whether a metric is better than the best by more than the threshold."""
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "abs":
            return sign * metric > sign * best + self.threshold
        return sign * metric > sign * best * (1.0 + sign * self.threshold)

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs):
            lr = max(group["lr"] * self.factor, least)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr

    def get_last_lr(self) -> list[float]:
        """The rates after the last step."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict()` gave."""
        self.__dict__.update(state_dict)
