"""float16 and bfloat16 are computed in float32 where sums and exponentials would lose them."""

from __future__ import annotations

from ...ops.casts import cast
from ...spec import DType, compute_dtype
from ...tensor import Tensor


def widened(x: Tensor) -> Tensor:
    """The tensor in the dtype that its arithmetic is done in."""
    wide = compute_dtype(x.dtype)
    return x if x.dtype == wide else cast(x, dtype=wide)


def narrowed(x: Tensor, dtype: DType) -> Tensor:
    """The tensor in the dtype its caller gave."""
    return x if x.dtype == dtype else cast(x, dtype=dtype)
