"""What `chosen·` does (`masks.py`): elements that a mask chooses, computed of whole arrays where that gives the same."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ...dispatch import assign
from ...ops.casts import cast, where
from ...ops.view import put
from ...spec import bool_, is_complex
from ..numpy_code import Array, is_readonly
from .journal import changes
from .variables import is_scalar, is_traced
from .words import PLAIN, augment


def chosen(
    target: Any, key: Any, operands: tuple[Any, ...], others: tuple[Any, ...], functions: tuple[Any, ...], value: Callable[[Callable], Any], name: str
) -> None:
    """`target[key] = value`, or `target[key] += value` and the like, in which elements of `operands` are read at the same key, numbers are among
    `others`, and `functions` called: of a mask and arrays like it, done of all elements, of which the mask chooses."""
    if _are_like(key, target, *operands) and all(map(_is_number, others)) and all(map(_is_by_element, functions)):
        found = value(lambda array: array)
        found = PLAIN[name](target, found) if name else found
        if _may_be_put(found, target, name):
            new = found.tensor if found.dtype == target.dtype else cast(found.tensor, dtype=target.dtype)
            assign(target.tensor, where(key.tensor, new, target.tensor), put)
            return
    found = value(lambda array: array[key])
    if name:
        augment(target, key, name, found)
    else:
        changes(target)
        target[key] = found


def _are_like(mask: Any, target: Any, *operands: Any) -> bool:
    """Whether these are a mask and arrays of its shape, of which the first may be written."""
    if type(mask) is not Array or mask.dtype != bool_ or not mask.shape or type(target) is not Array or is_readonly(target):
        return False
    return all(type(x) is Array and x.shape == mask.shape and not x.tensor._requires_grad for x in (target, *operands))


def _is_number(value: Any) -> bool:
    return is_scalar(value) if is_traced(value) else isinstance(value, (bool, int, float, complex, np.generic))


def _is_by_element(function: Any) -> bool:
    return isinstance(function, np.ufunc) and function.nout == 1 and function.signature is None


def _may_be_put(found: Any, target: Array, name: str) -> bool:
    """Whether NumPy would put this into the elements without a word. A product in place of a single complex element is rounded otherwise."""
    if type(found) is not Array or found.shape != target.shape or (name == "Mult" and is_complex(target.dtype)):
        return False
    return np.can_cast(found.dtype, target.dtype, "same_kind" if name else "unsafe") and is_complex(found.dtype) <= is_complex(target.dtype)
