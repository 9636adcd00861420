"""What a call gave and left behind, as something that compares to the bit: its results, and what it wrote."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import numpy as np
import optree

from ..spec import is_complex, is_inexact
from ..tensor import Tensor
from ..tree import Structure, flatten

_NUMPY = (np.ndarray, np.generic)
_PLAIN = (bool, int, float, complex, str, bytes, tuple, type(None), np.dtype)  # what says by its text all that it is


State = list[tuple[str, Any]]  # names and copies


class Outcome(NamedTuple):
    """The results of a call, and the state that it left: copies, each under its name."""

    structure: Structure
    results: list[tuple[str, Any]]  # "the result", "result[0]"
    state: State


class Difference(NamedTuple):
    """Two values that should be one."""

    place: str
    eager: str
    compiled: str

    def __str__(self) -> str:
        return f"{self.place}: eagerly {self.eager}, compiled {self.compiled}"


def outcome_of(result: Any, state: Callable[[], State]) -> Outcome:
    """What a call that gave this result has done; `state` copies what it may have changed."""
    leaves, structure = flatten(result)
    paths = optree.tree_paths(result, none_is_leaf=True, namespace="tracejit")
    places = ["result" + "".join(f"[{step!r}]" for step in path) if path else "the result" for path in paths]
    return Outcome(structure, [(place, _frozen(leaf)) for place, leaf in zip(places, leaves)], state())


def _frozen(value: Any) -> Any:
    """A copy of an array, or of a tensor's; other values are themselves."""
    if isinstance(value, Tensor):
        return value.detach().numpy().copy()
    return np.array(value) if isinstance(value, _NUMPY) else value


def differences(eager: Outcome, compiled: Outcome, slack: float) -> list[Difference]:
    """Where two outcomes differ. slack: what results of inexact operations may differ by, in the units in the last place of their
    largest element."""
    if eager.structure != compiled.structure:
        return [Difference("the result", f"is {eager.structure}", f"is {compiled.structure}")]
    pairs = zip([*eager.results, *eager.state], [*compiled.results, *compiled.state])
    return [found for (place, one), (_, other) in pairs if (found := difference(place, one, other, slack)) is not None]


def difference(place: str, eager: Any, compiled: Any, slack: float = 0.0) -> Difference | None:
    """How two values differ: None if they do not."""
    if not isinstance(eager, np.ndarray) or not isinstance(compiled, np.ndarray):
        alike = type(eager) is type(compiled) and (not isinstance(eager, _PLAIN) or repr(eager) == repr(compiled))
        return None if alike else Difference(place, _short(eager), _short(compiled))
    if (eager.shape, eager.dtype) != (compiled.shape, compiled.dtype):
        return Difference(place, f"{eager.dtype}{list(eager.shape)}", f"{compiled.dtype}{list(compiled.shape)}")
    wrong = unequal(eager, compiled, slack)
    if not wrong.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
    where = f"{place} at {list(index)}" if index else place
    return Difference(where, repr(eager[index].item()), f"{compiled[index].item()!r} ({int(wrong.sum())} of {wrong.size} elements differ)")


def unequal(eager: np.ndarray, compiled: np.ndarray, slack: float = 0.0, largest: Any = None) -> np.ndarray:
    """Which elements have other bits, NaNs apart, and differ by more than the slack allows for the largest magnitude (of eager's)."""
    if is_complex(eager.dtype):
        largest = _largest(eager)
        parts = (eager.real, compiled.real), (eager.imag, compiled.imag)
        return unequal(*parts[0], slack, largest) | unequal(*parts[1], slack, largest)
    if eager.dtype.hasobject:
        return np.asarray([a is not b for a, b in zip(eager.flat, compiled.flat)], bool).reshape(eager.shape)
    if not is_inexact(eager.dtype):
        return np.asarray(eager != compiled)
    with np.errstate(all="ignore"):
        bits = np.dtype(f"u{eager.dtype.itemsize}")
        one, other = np.ascontiguousarray(eager), np.ascontiguousarray(compiled)
        wrong = (one.reshape(-1).view(bits) != other.reshape(-1).view(bits)).reshape(eager.shape)
        wrong &= ~(np.isnan(eager) & np.isnan(compiled))
        if slack and wrong.any():
            largest = _largest(eager) if largest is None else largest
            wrong &= ~(np.abs(eager - compiled) <= slack * np.spacing(largest.astype(eager.dtype)))
    return wrong


def _largest(array: np.ndarray) -> Any:
    """The largest magnitude of an array's finite elements."""
    finite = np.abs(array[np.isfinite(array)])
    return finite.max() if finite.size else np.abs(array.dtype.type(0))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
