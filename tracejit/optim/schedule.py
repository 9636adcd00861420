"""Learning-rate schedules, with PyTorch's names and meanings: each states the rate that follows one step of the schedule.

A schedule writes `group["lr"]`, which a compiled step reads at each call; it never causes a retrace. Most rules give the
next rate from the present one, so that schedules can be chained and a rate written by hand is carried on.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any, Callable, Sequence

from ..errors import ArgumentError, fail
from .optimizer import Optimizer

Factor = Callable[[int], float]


class LRScheduler(ABC):
    """A schedule over the groups of an optimiser. `last_epoch` counts the calls of `step()`; -1 starts afresh."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            fail(ArgumentError, f"a schedule of a {type(optimizer).__name__}", "Give an optimiser first: StepLR(opt, 10).")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                fail(ArgumentError, "a group without initial_lr", "Give last_epoch only to resume an optimiser that had a schedule.")
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    @abstractmethod
    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """The rate of group `number` at `epoch`, from the rate before, `lr`, and the initial one, `base`."""

    def step(self) -> None:
        """Go on by one epoch (or one batch, if that is how the schedule counts)."""
        self.last_epoch += 1
        self._write()

    def restart(self) -> None:
        """Begin at epoch 0 from the initial rates."""
        self.rewind()
        self.last_epoch = 0
        self._write()

    def rewind(self) -> None:
        """Put the initial rates back, as if the schedule had not begun."""
        self.last_epoch = -1
        for group, base in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = base

    def _write(self) -> None:
        for number, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs)):
            group["lr"] = self.follow(group["lr"], base, self.last_epoch, number)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The rates this schedule wrote last, one for each group."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and functions."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer" and not _is_function(v)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict()` gave."""
        self.__dict__.update(state_dict)


def _is_function(value: Any) -> bool:
    return callable(value) or (isinstance(value, list) and any(callable(v) for v in value))


def for_each_group(value: Any, optimizer: Optimizer, what: str) -> list[Any]:
    """One value for each group of the optimiser: the list given, or one value for all."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    if len(values) != groups:
        fail(ArgumentError, f"{len(values)} values of {what} for {groups} groups", "Give one for each group, or one for all.")
    return values


class LambdaLR(LRScheduler):
    """base · lr_lambda(epoch)."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self.lr_lambdas = for_each_group(lr_lambda, optimizer, "lr_lambda")
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """base · lr_lambda(epoch)."""
        return base * self.lr_lambdas[number](epoch)


class MultiplicativeLR(LRScheduler):
    """lr · lr_lambda(epoch), from epoch 1."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self.lr_lambdas = for_each_group(lr_lambda, optimizer, "lr_lambda")
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """lr · lr_lambda(epoch)."""
        return lr * self.lr_lambdas[number](epoch) if epoch > 0 else lr


class StepLR(LRScheduler):
    """lr · gamma every `step_size` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            fail(ArgumentError, f"step_size={step_size}", "Give the number of epochs between two steps, 1 or more.")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """lr · gamma at multiples of step_size."""
        return lr * self.gamma if epoch > 0 and epoch % self.step_size == 0 else lr


class MultiStepLR(LRScheduler):
    """lr · gamma at each of `milestones`."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """lr · gamma at a milestone."""
        return lr * self.gamma ** self.milestones[epoch]


class ConstantLR(LRScheduler):
    """base · factor until epoch `total_iters`, then base."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """Down by factor at first, up again at total_iters."""
        if epoch == 0:
            return lr * self.factor
        return lr / self.factor if epoch == self.total_iters else lr


class LinearLR(LRScheduler):
    """base times a factor that goes evenly from `start_factor` to `end_factor` in `total_iters` epochs."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """lr times the ratio of two successive factors."""
        if epoch == 0:
            return lr * self.start_factor
        if epoch > self.total_iters:
            return lr
        rise = self.end_factor - self.start_factor
        return lr * (1 + rise / (self.total_iters * self.start_factor + (epoch - 1) * rise))


class ExponentialLR(LRScheduler):
    """lr · gamma at each epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """lr · gamma."""
        return lr * self.gamma if epoch > 0 else lr


class PolynomialLR(LRScheduler):
    """base · (1 - epoch/total_iters)^power, then 0."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """lr times the ratio of two successive factors."""
        if epoch == 0 or epoch > self.total_iters:
            return lr
        return lr * ((1 - epoch / self.total_iters) / (1 - (epoch - 1) / self.total_iters)) ** self.power


class CosineAnnealingLR(LRScheduler):
    """eta_min + (base - eta_min)(1 + cos(pi·epoch/T_max))/2 (Loshchilov and Hutter, ICLR 2017, without restarts)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """The distance from eta_min, times the ratio of two successive factors."""
        if epoch == 0:
            return lr
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the factor before was 0
            return lr + (base - self.eta_min) * (1 - math.cos(math.pi / self.T_max)) / 2
        now, before = (1 + math.cos(math.pi * e / self.T_max) for e in (epoch, epoch - 1))
        return now / before * (lr - self.eta_min) + self.eta_min


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosine annealing that begins again after T_0 epochs, then T_0·T_mult, T_0·T_mult² … (Loshchilov and Hutter, ICLR 2017).

    `step(epoch)` sets the place on the schedule, and may be given a fraction of an epoch.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_0 < 1 or T_mult < 1:
            fail(ArgumentError, f"warm restarts of T_0={T_0}, T_mult={T_mult}", "Give integers of 1 or more.")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        self.T_i = T_0
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to `epoch`."""
        place = self.last_epoch + 1 if epoch is None else epoch
        self.T_cur, self.T_i = self._within_cycle(place)
        self.last_epoch = math.floor(place)
        self._write()

    def restart(self) -> None:
        """Begin at epoch 0 from the initial rates."""
        self.step(0)

    def _within_cycle(self, place: float) -> tuple[float, int]:
        length = self.T_0
        if self.T_mult == 1:
            return place % length, length
        while place >= length:
            place -= length
            length *= self.T_mult
        return place, length

    def follow(self, lr: float, base: float, epoch: int, number: int) -> float:
        """The cosine of the place within the cycle."""
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
