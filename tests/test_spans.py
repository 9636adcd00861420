"""What an index is known to be between: never less than it is, and enough that masks and clamps need no check."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import tracejit as tj

TABLE = np.arange(256.0)

CLOSED: dict[str, Callable[..., Any]] = {  # of bytes and of any integers: indices of 256 that are in bounds whatever the values are
    "a byte": lambda b, n: b,
    "a bool": lambda b, n: b > 3,
    "a mask": lambda b, n: n & 255,
    "a mask, first": lambda b, n: 0x7F & n,
    "a mask of a byte": lambda b, n: b & n.astype(np.uint8),
    "clamped": lambda b, n: np.minimum(np.maximum(n, 0), 255),
    "clamped from the end": lambda b, n: np.maximum(np.minimum(n, 255), -256),
    "a remainder": lambda b, n: n % 256,
    "a choice": lambda b, n: np.where(n > 0, b, n & 15),
    "a sum": lambda b, n: (n & 127) + (n % 128),
    "a difference": lambda b, n: (n & 127) - (n & 63),
    "a view": lambda b, n: (n & 255)[::-1],
}
OPEN: dict[str, Callable[..., Any]] = {  # those that may be out of bounds
    "anything": lambda b, n: n,
    "a mask too wide": lambda b, n: n & 256,
    "a negative mask": lambda b, n: n & -2,
    "a remainder of what is negative": lambda b, n: n % (b.astype(np.int64) - 128),
    "clamped below": lambda b, n: np.maximum(n, 0),
    "a sum beyond": lambda b, n: (n & 255) + 1,
    "a sum that may overflow": lambda b, n: n + n,
    "a byte turned": lambda b, n: b.astype(np.int64) * 2,
}


def looks_up(index: Callable[..., Any]) -> Callable[..., Any]:
    def looked_up(b: Any, n: Any) -> Any:
        return tj.asarray(TABLE)[index(b, n).astype(np.int64)]

    return looked_up


@pytest.mark.parametrize("name", CLOSED)
def test_what_stays_in_bounds_is_not_checked(name: str) -> None:
    given = tj.asarray(np.array([0, 1, 127, 255], np.uint8)), tj.asarray(np.array([5, -300, 255, 2**62]))
    function = looks_up(CLOSED[name])
    compiled = tj.compile(function)
    assert np.array_equal(compiled(*given).numpy(), function(*given).numpy())
    assert "bounds of" not in compiled.source(*given)


@pytest.mark.parametrize("name", OPEN)
def test_what_may_be_out_of_bounds_is_checked(name: str) -> None:
    given = tj.asarray(np.array([0, 1, 3, 127], np.uint8)), tj.asarray(np.array([5, 0, 127, 7]))
    function = looks_up(OPEN[name])
    compiled = tj.compile(function)
    assert np.array_equal(compiled(*given).numpy(), function(*given).numpy())
    assert "bounds of" in compiled.source(*given)
