"""Maps of one loop that become one: parts of arrays, written and read one after another, apart, over each other and turned round."""

from __future__ import annotations

import numpy as np
import pytest

import tracejit as tj

PARTS = (
    slice(0, 12, 3), slice(1, 12, 3), slice(2, 12, 3), slice(0, 4), slice(1, 5), slice(4, 8), slice(8, 12), slice(11, 7, -1), slice(9, None, -3),
)  # fmt: skip


@pytest.mark.parametrize("second", PARTS, ids=str)
@pytest.mark.parametrize("first", PARTS, ids=str)
def test_parts_written_one_after_another_are_those_of_numpy(first, second):
    def written(x, part):
        x[first] = x[part] * 2.0
        x[second] = x[first] - x[part]
        return x[second] + x[first]

    for part in PARTS:
        compiled = tj.compile(written)
        given, expected = np.arange(12.0) ** 2, np.arange(12.0) ** 2
        np.testing.assert_array_equal(compiled(given, part), written(expected, part))
        np.testing.assert_array_equal(given, expected)


def test_parts_of_a_stack_and_what_reads_them_row_by_row_are_one_kernel():
    def turned(x):
        y = np.stack((x[:, 1], -x[:, 0], x[:, 0] * x[:, 1]), axis=-1)
        return np.stack((y[:, 1] - y[:, 2], y[:, 0]), axis=-1)

    x, compiled = np.random.default_rng(0).normal(size=(50, 2)), tj.compile(turned)
    np.testing.assert_array_equal(compiled(x), turned(x))
    assert str(compiled.plan(x)).count("kernel") == 1
