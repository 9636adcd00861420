"""`specs=`: the only calls that a function takes, and what to say of another."""

from __future__ import annotations

from typing import Any, Sequence

from ..errors import SpecsError, fail
from ..spec import SHORT_NAMES, TensorSpec


def check_specs(specs: Sequence[TensorSpec], leaves: Sequence[Any], names: Sequence[str]) -> None:
    """Raise SpecsError unless the arrays of a call (named after their arguments) are as the specs say."""
    instead = "Pass what specs= says, change it (None for an extent that may be any), or leave specs= out."
    if len(leaves) != len(specs):
        fail(SpecsError, f"specs= has {len(specs)} specs, but this call has {len(leaves)} arrays ({', '.join(names) or 'none'})", instead)
    for spec, leaf, name in zip(specs, leaves, names):
        met = _difference(spec, TensorSpec(tuple(leaf.shape), leaf.dtype))
        if met is not None:
            fail(SpecsError, f"the argument {name} has {met}", instead)


def _difference(spec: TensorSpec, found: TensorSpec) -> str | None:
    """What an array has that its spec does not say."""
    shown = f"{SHORT_NAMES.get(found.dtype, found.dtype)}{list(found.shape)}, where specs= says {spec}"
    if found.dtype != spec.dtype:
        return f"dtype {found.dtype}, not {spec.dtype}: it is {shown}"
    if found.ndim != spec.ndim:
        return f"{found.ndim} axes, not {spec.ndim}: it is {shown}"
    for axis, (extent, wanted) in enumerate(zip(found.shape, spec.shape)):
        if wanted is not None and extent != wanted:
            return f"{extent} elements along axis {axis}, not {wanted}: it is {shown}"
    return None
