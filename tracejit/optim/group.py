"""Parameter groups: what the user reads and writes as numbers, and an update reads as 0-d tensors; and their clocks."""

from __future__ import annotations

from typing import Any, Callable

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

    `on` names the hyperparameters that are not zero, False or None. A compiled step is retraced if it changes.
    """

    tensors: dict[str, tuple[Tensor, ...]]
    clocks: list[Clock]
    on: frozenset[str]
    recount: dict[str, Callable[[float, ParamGroup], dict[str, float]]]  # counts that follow from a hyperparameter and the step

    def __new__(cls, *args: Any, **kwargs: Any) -> ParamGroup:
        self = super().__new__(cls)
        self.tensors, self.clocks, self.on, self.recount = {}, [], frozenset(), {}
        return self

    def __init__(self, items: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.update(items or {})

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, Tensor) and key != "params":
            value = value.item()
        if isinstance(value, list) and _numbers(tuple(value)):
            value = tuple(value)
        super().__setitem__(key, value)
        numbers = _numbers(value)
        if numbers is not None:
            self._write(key, numbers)
        if key != "params":
            on = any(numbers) if numbers is not None else bool(value)
            if on != (key in self.on):
                self.on = self.on | {key} if on else self.on - {key}

    def _write(self, key: str, numbers: tuple[float, ...]) -> None:
        held = self.tensors.get(key)
        if held is None or len(held) != len(numbers):
            self.tensors[key] = tuple(map(scalar, numbers))
            return
        for tensor, number in zip(held, numbers):
            assign(tensor, scalar(number))
        if key in self.recount:
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
