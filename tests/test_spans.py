"""What an index is known to be between: never less than it is, and enough that masks and clamps need no check."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import tracejit as tj
from tracejit import tree

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


COUNTED: dict[str, Callable[..., Any]] = {  # loops over 5 elements, whose turns tell that indices are in bounds; of `a`, a scalar and a bool
    "the turn": lambda a, s, b: tj.fori_loop(0, 5, lambda i, v: v + a[i], s),
    "the turn, from the end": lambda a, s, b: tj.fori_loop(0, 5, lambda i, v: v + a[-i - 1], s),
    "downwards": lambda a, s, b: tj.fori_loop(0, 5, lambda i, v: v + a[4 - i], s),
    "every other": lambda a, s, b: tj.fori_loop(0, 3, lambda i, v: v + a[2 * i], s),
    "halves": lambda a, s, b: tj.fori_loop(0, 10, lambda i, v: v + a[i // 2], s),
    "neighbours": lambda a, s, b: tj.fori_loop(1, 4, lambda i, v: v + a[i - 1] * a[i + 1], s),
    "a turn around": lambda a, s, b: tj.fori_loop(0, 2, lambda i, v: tj.fori_loop(0, 3, lambda j, w: w + a[i + j] * a[i], v), s),
    "within a branch": lambda a, s, b: tj.fori_loop(0, 4, lambda i, v: tj.cond(b, lambda w: w + a[i + 1], lambda w: w, v), s),
    "written": lambda a, s, b: tj.fori_loop(0, 5, lambda i, v: put(v, i), a),
}
UNTOLD: dict[str, Callable[..., Any]] = {
    "one too far": lambda a, s, b: tj.fori_loop(0, 5, lambda i, v: tj.cond(i < 4, lambda w: w + a[i + 1], lambda w: w, v), s),
    "a slice": lambda a, s, b: tj.scan(lambda c, u: (c + u[0] * a[u[1]], c), s, (a, tj.asarray([0, 1, 2, 3, 4]) & 3)),
    "a carry": lambda a, s, b: tj.fori_loop(0, 5, lambda i, v: (v[0] + a[v[1]], v[1] + 1), (s, tj.asarray(0))),
    "a while": lambda a, s, b: tj.while_loop(lambda v: v[1] < 5, lambda v: (v[0] + a[v[1]], v[1] + 1), (s, tj.asarray(0))),
}


def put(v: Any, i: Any) -> Any:
    v = v * 1
    v[i] = v[i] * 2 + i
    return v


@pytest.mark.parametrize("name", [*COUNTED, *UNTOLD])
def test_turns_tell_that_an_index_is_in_bounds(name: str) -> None:
    given = tj.asarray(np.arange(1.0, 6.0)), tj.asarray(np.float64(0.5)), tj.asarray(True)
    function = {**COUNTED, **UNTOLD}[name]
    compiled = tj.compile(function)
    wanted, found = tree.flatten(function(*given))[0], tree.flatten(compiled(*given))[0]
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(wanted, found, strict=True))
    assert ("bounds of" in compiled.source(*given)) == (name in UNTOLD)
