"""How a tensor prints: `tensor([1., 2.], requires_grad=True)`, long ones summarised. Printing is an observation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dispatch import mode
from .errors import ArgumentError, fail
from .spec import SMALL_FLOATS, bool_, get_default_dtype, int64
from .tensor import Tensor, method

_options: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "max_line_width": 100}


def set_printoptions(**options: int) -> None:
    """Set how tensors print: `precision` (digits), `threshold` (elements before a summary), `edgeitems`, `linewidth`."""
    if "linewidth" in options:
        options["max_line_width"] = options.pop("linewidth")
    unknown = set(options) - set(_options)
    if unknown:
        fail(ArgumentError, f"the print options {sorted(unknown)}", "Known options: precision, threshold, edgeitems, linewidth.")
    _options.update(options)


@method("__repr__", "__str__")
def text_of(self: Tensor) -> str:
    """The values, then what is not the default: the shape of an empty tensor, the dtype, the history."""
    values = mode.interpreter.value(self)
    if values.dtype in SMALL_FLOATS:
        values = values.astype(np.float32)
    body = "[]" if not values.size else np.array2string(values, separator=", ", prefix="tensor(", suffix=")", **_options)
    notes = []
    if not values.size and values.shape != (0,):
        notes.append(f"shape={values.shape}")
    if self.dtype not in (get_default_dtype(), int64, bool_) or not values.size and self.dtype != get_default_dtype():
        notes.append(f"dtype={self.dtype.name}")
    if self.device != "cpu":
        notes.append(f"device='{self.device}'")
    if self._application is not None:
        notes.append(f"grad_fn={self._application!r}")
    elif self._requires_grad:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([body, *notes])})"
