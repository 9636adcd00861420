"""Parameter groups: what the user reads and writes as numbers, and an update reads as 0-d tensors; and their clocks."""

from __future__ import annotations

from typing import Any, Callable, Iterable

from ..dispatch import EAGER, assign, bind, mode
from ..nn.parameter import change_memory
from ..ops.create import fill
from ..ops.casts import cast
from ..spec import DType, float64
from ..tensor import Tensor
from ..whole import Whole


def scalar(value: float, dtype: DType = float64) -> Tensor:
    """A 0-d tensor: an optimiser's scalars are kept and combined in float64, and take the parameter's dtype at the end."""
    return bind(fill, shape=(), dtype=dtype, value=float(value))


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
        self.whole = Whole()  # of the steps

    def follow(self, state: dict[Tensor, dict[str, Tensor]]) -> None:
        """Bring what is kept to where the parameters lie: a module may have been moved. It is done at once, also where a step is traced."""
        if all([tensor._value.device == param._value.device for param in self.params for tensor in state[param].values()]):
            return  # the counts, of which "step" is one, too
        kept = [(count, self.params[0]) for count in self.counts.values()]
        kept += [(tensor, param) for param in self.params for name, tensor in state[param].items() if name != "step"]  # which is one of the counts
        away = [(tensor, param.device) for tensor, param in kept if tensor._value.device != param._value.device]
        outside, mode.interpreter = mode.interpreter, EAGER
        try:
            for tensor, device in away:
                change_memory(tensor, tensor.dtype, device)
        finally:
            mode.interpreter = outside


class ParamGroup(dict):
    """`group["lr"] = 0.1` also writes the tensors of "lr", which the update reads: a compiled step sees it and is not retraced.

    names: the hyperparameters of the optimiser; a group may hold other items.
    on: those of them that are not zero, False or None. A compiled step is retraced if it changes.
    tensors: the numbers of each hyperparameter as 0-d tensors, in float64 and in the dtypes of the parameters.
    scalars: all of `tensors`.
    derived: numbers that follow from a hyperparameter, kept likewise: their name, by the hyperparameter, and how to get them.
    recount: counts of the clocks that follow from a hyperparameter and the step.
    """

    names: frozenset[str]
    on: frozenset[str]
    tensors: dict[str, dict[DType, tuple[Tensor, ...]]]
    scalars: list[Tensor]
    clocks: list[Clock]
    derived: dict[str, tuple[str, Callable[[Any], tuple[float, ...]]]]
    recount: dict[str, Callable[[float, ParamGroup], dict[str, float]]]

    def __new__(cls, *args: Any, **kwargs: Any) -> ParamGroup:
        self = super().__new__(cls)
        self.names = self.on = frozenset()
        self.tensors, self.scalars, self.clocks, self.derived, self.recount = {}, [], [], {}, {}
        return self

    def __init__(self, items: dict[str, Any], names: Iterable[str], derived: dict[str, Any]) -> None:
        super().__init__()
        self.names, self.derived = frozenset(names), derived
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
            if key in self.derived:
                name, derive = self.derived[key]
                self._write(name, derive(value))
            if before is not None and before != value and key in self.recount:
                self._recount(key)
        on = any(numbers) if numbers is not None else bool(value)
        if on != (key in self.on):
            self.on = self.on | {key} if on else self.on - {key}

    def _write(self, name: str, numbers: tuple[float, ...]) -> None:
        held = self.tensors.get(name)
        if held is None:
            dtypes = {float64, *(p.dtype for p in self.get("params", ()))}
            held = self.tensors[name] = {dtype: tuple([scalar(number, dtype) for number in numbers]) for dtype in dtypes}
            self.scalars += [tensor for tensors in held.values() for tensor in tensors]
            return
        for dtype, tensors in held.items():
            for tensor, number in zip(tensors, numbers):
                assign(tensor, scalar(number, dtype))

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

    def __ior__(self, other: Any) -> ParamGroup:  # type: ignore[misc]
        self.update(other)
        return self

    def reads(self, name: str, dtype: DType = float64) -> tuple[Tensor, ...]:
        """The numbers of a hyperparameter as 0-d tensors of this dtype."""
        found = self.tensors[name].get(dtype)
        return found if found is not None else tuple([cast(t, dtype=dtype) for t in self.tensors[name][float64]])

    def read(self, name: str, dtype: DType = float64) -> Tensor:
        """The number of a hyperparameter as a 0-d tensor of this dtype."""
        return self.reads(name, dtype)[0]
