"""Parameter groups: what the user reads and writes as numbers, and an update reads as 0-d tensors; and their clocks."""

from __future__ import annotations

from typing import Any, Callable, Iterable

from ..dispatch import assign, bind
from ..ops.create import fill
from ..spec import float64
from ..tensor import Tensor


def scalar(value: float) -> Tensor:
    """A 0-d float64 tensor: all of an optimiser's scalars are kept and combined in float64."""
    return bind(fill, shape=(), dtype=float64, value=float(value))


def _numbers(value: Any) -> tuple[float, ...] | None:
    """The numbers of a hyperparameter (one, or a tuple such as betas); None for flags, None and lists."""
    if type(value) in (int, float):
        return (value,)
    if isinstance(value, tuple) and value and all(type(v) in (int, float) for v in value):
        return value
    return None


class Clock:
    """The parameters of a group that have always stepped together, and the 0-d tensors that count their steps."""

    def __init__(self, params: list[Tensor], counts: dict[str, Tensor]) -> None:
        self.params, self.counts = params, counts


class ParamGroup(dict):
    """`group["lr"] = 0.1` also writes `group.tensors["lr"]`, which the update reads: a compiled step sees it and is not retraced.

    `names` are the hyperparameters of the optimiser (a group may hold other items); `on` those of them that are not zero, False or
    None: a compiled step is retraced if it changes.
    """

    names: frozenset[str]
    on: frozenset[str]
    tensors: dict[str, tuple[Tensor, ...]]
    clocks: list[Clock]
    recount: dict[str, Callable[[float, ParamGroup], dict[str, float]]]  # counts that follow from a hyperparameter and the step

    def __new__(cls, *args: Any, **kwargs: Any) -> ParamGroup:
        self = super().__new__(cls)
        self.names = self.on = frozenset()
        self.tensors, self.clocks, self.recount = {}, [], {}
        return self

    def __init__(self, items: dict[str, Any], names: Iterable[str]) -> None:
        super().__init__()
        self.names = frozenset(names)
        self.update(items)

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self.names:
            super().__setitem__(key, value)
            return
        if isinstance(value, Tensor):
            value = value.item()
        elif isinstance(value, list):
            value = tuple(value)
        before = self.get(key)
        super().__setitem__(key, value)
        numbers = _numbers(value)
        if numbers is not None:
            self._write(key, numbers)
            if before is not None and before != value and key in self.recount:
                self._recount(key)
        on = any(numbers) if numbers is not None else bool(value)
        if on != (key in self.on):
            self.on = self.on | {key} if on else self.on - {key}

    def _write(self, key: str, numbers: tuple[float, ...]) -> None:
        held = self.tensors.get(key)
        if held is None:
            self.tensors[key] = tuple(map(scalar, numbers))
            return
        for tensor, number in zip(held, numbers):
            assign(tensor, scalar(number))

    def _recount(self, key: str) -> None:
        for clock in self.clocks:
            for name, value in self.recount[key](clock.counts["step"].item(), self).items():
                assign(clock.counts[name], scalar(value))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As of a dict; every item is written through."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As of a dict."""
        if key not in self:
            self[key] = default
        return self[key]

    def __ior__(self, other: Any) -> ParamGroup:  # type: ignore[override, misc]
        self.update(other)
        return self

    def read(self, key: str) -> Tensor:
        """The hyperparameter as the 0-d float64 tensor that updates read."""
        return self.tensors[key][0]

    def read_if_on(self, key: str) -> Tensor | None:
        """As `read`; None if the hyperparameter is zero, False or None."""
        return self.tensors[key][0] if key in self.on else None
