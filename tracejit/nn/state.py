"""The state of a model as a flat dictionary of tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple

import numpy as np

from ..errors import ArgumentError, StateError, fail
from ..tensor import Tensor, wrap
from .parameter import Parameter, overwrite, same_memory

if TYPE_CHECKING:
    from .module import Module


class IncompatibleKeys(NamedTuple):
    """The names that a state_dict lacked, and those the module does not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        return "<All keys matched successfully>" if not any(self) else f"IncompatibleKeys{tuple(self)}"


def _own_state(module: Module) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of a module's own parameters, then of its persistent buffers."""
    yield from module._named_members(Parameter)
    for name, buffer in module._named_own_buffers():
        if module._buffer_names[name]:
            yield name, buffer


def _slots(module: Module, prefix: str) -> Iterator[tuple[Module, str, str, Tensor]]:
    """(owner, attribute, full name, tensor) of all the state at and below a module; shared ones under each of their names."""
    for path, owner in module.named_modules(prefix=prefix.removesuffix("."), remove_duplicate=False):
        for name, tensor in _own_state(owner):
            yield owner, name, f"{path}.{name}" if path else name, tensor


def state_dict(module: Module, destination: dict[str, Tensor], prefix: str, keep_vars: bool) -> dict[str, Tensor]:
    """Fill `destination` with the state; see `Module.state_dict`."""
    for _, _, key, tensor in _slots(module, prefix):
        destination[key] = tensor if keep_vars else same_memory(tensor)
    return destination


def load_state_dict(module: Module, given: Any, strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy the values of `given` into the module; see `Module.load_state_dict`."""
    if not isinstance(given, Mapping):
        fail(ArgumentError, f"a state_dict of type {type(given).__name__}", "Give a dict from names to tensors.")
    slots = list(_slots(module, ""))
    known = {key for _, _, key, _ in slots}
    keys = IncompatibleKeys(
        missing_keys=[key for _, _, key, _ in slots if key not in given],
        unexpected_keys=[key for key in given if key not in known],
    )
    problems = _describe(keys) if strict else []
    ready = []
    for owner, name, key, tensor in slots:
        if key in given:
            value = _as_tensor(given[key])
            if value.shape != tensor.shape:
                problems.append(
                    f"size mismatch for {key}: copying a param with shape {tuple(value.shape)} from checkpoint, "
                    f"the shape in current model is {tuple(tensor.shape)}."
                )
            ready.append((owner, name, tensor, value))
    if problems:
        met = f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(problems)
        fail(StateError, met, "Load it into a model of the same structure; strict=False lets names differ, never shapes.")
    for owner, name, tensor, value in ready:
        _store(owner, name, tensor, value, assign)
    return keys


def _describe(keys: IncompatibleKeys) -> list[str]:
    lines = []
    for what, names in (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys)):
        if names:
            lines.append(f"{what} key(s) in state_dict: " + ", ".join(f'"{name}"' for name in names) + ". ")
    return lines


def _as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else wrap(np.asarray(value))


def _store(owner: Module, name: str, tensor: Tensor, value: Tensor, assign: bool) -> None:
    if not assign:
        overwrite(tensor, same_memory(value))
    elif isinstance(tensor, Parameter):
        setattr(owner, name, value if isinstance(value, Parameter) else Parameter(value, tensor.requires_grad))
    else:
        setattr(owner, name, same_memory(value))
