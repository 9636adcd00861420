"""The law of NumPy's functions: each, of every kind of array, gives of stand-ins what it gives of arrays: value, dtype, shape, type,
exception; and what it gives is a view of its operand where NumPy's is."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from in_world import compare
from numpy_functions import ROUNDED, TABLE, WRONG, arrays

pytestmark = pytest.mark.filterwarnings("ignore")


def function_of(row: str) -> Callable[[np.ndarray], Any]:
    return eval(f"lambda x: {row.format(x='x')}", {"np": np})


@pytest.mark.parametrize("family", TABLE)
def test_a_function_of_stand_ins_is_the_function_of_arrays(family):
    wrong = []
    for row in TABLE[family]:
        for x in arrays(family):
            difference = compare(function_of(row), x, ulps=ROUNDED.get(family, 0) if x.dtype.kind in "fc" or family != "order" else 0)
            if difference:
                wrong.append(f"{row.format(x='x')} of {x.dtype}{x.shape} {x.strides} {difference}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("row", WRONG)
def test_what_numpy_refuses_is_refused_in_its_words(row):
    for x in (np.arange(6.0).reshape(2, 3), np.arange(6, dtype=np.int32).reshape(2, 3)):
        difference = compare(function_of(row), x)
        assert not difference, f"{row.format(x='x')} of {x.dtype} {difference}"


def written(row: str) -> Callable[[np.ndarray], Any]:
    """The function, and then its operand and its result both changed, each to show in the other where they share memory."""
    function = function_of(row)

    def run(x: np.ndarray) -> Any:
        result = function(x)
        parts = [part for part in (result if isinstance(result, (tuple, list)) else (result,)) if isinstance(part, np.ndarray) and part.ndim]
        for part in parts:
            if part.flags.writeable:
                part[...] = 1
        x[...] = 2 * x
        return result

    return run


@pytest.mark.parametrize("family", ["shapes", "axes"])
def test_views_are_views_and_copies_are_copies(family):
    wrong = []
    for row in TABLE[family]:
        for x in (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2).T):
            difference = compare(written(row), x)
            if difference:
                wrong.append(f"{row.format(x='x')} of {x.strides} {difference}")
    assert not wrong, "\n".join(wrong)
