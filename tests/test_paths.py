"""Functions that ask for values: the tree of the paths their calls take, against the undecorated function to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj


def data(*values, dtype=np.float32):
    return tj.asarray(np.array(values, dtype))


def same(got, wanted):
    """Equal types, structures, bits."""
    assert type(got) is type(wanted), (got, wanted)
    if isinstance(wanted, (tuple, list)):
        assert len(got) == len(wanted)
        for g, w in zip(got, wanted):
            same(g, w)
    elif isinstance(wanted, dict):
        assert list(got) == list(wanted)
        same(list(got.values()), list(wanted.values()))
    elif isinstance(wanted, (tj.Tensor, np.ndarray)):
        assert_bits_equal(got, wanted)
    else:
        assert repr(got) == repr(wanted)


def outcome(function, *args):
    """The result of a call, or its exception."""
    try:
        return "result", function(*args)
    except Exception as error:
        return "raised", type(error), str(error)


def compare(function, calls, compiled=None):
    """Both kinds of call, side by side: results, exceptions, arguments afterwards."""
    compiled = compiled or tj.compile(function)
    for values in calls:
        ours, theirs = ([data(*v) if isinstance(v, tuple) else v for v in values] for _ in range(2))
        got, wanted = outcome(compiled, *ours), outcome(function, *theirs)
        assert got[0] == wanted[0], (got, wanted)
        same(got[1:] if got[0] == "raised" else got[1], wanted[1:] if got[0] == "raised" else wanted[1])
        same(ours, theirs)
    return compiled


# What Python asks for


def truth(x):
    return x * 2 if x.sum() > 0 else x - 1


def truth_of_a_float(x):
    return (x + 1, True) if x.sum() else (x + 2, False)


def negated(x):
    return x + 1 if not (x > 0).all() else -x


def number(x):
    n = int(x[0])
    return x[:n].sum(), n


def real(x):
    return x * float(x.max())


def item(x):
    return x / x.sum().item()


def listed(x):
    return [x * v for v in x[:2].tolist()]


def length(x):
    return [x * i for i in range((x > 0).sum())]


def chained(x):
    if x[0] > 0:
        if x[1] > 0:
            return x * 4
        return x * 3
    if x[2] > 0:
        x = x + 1
    return x * 2


def until(x):
    count = 0
    while (x * x).sum() > 1:
        x = x * 0.5
        count += 1
    return x, count


ASKS = [truth, truth_of_a_float, negated, number, real, item, listed, length, chained, until]
VALUES = [(1, 2, 3), (-1, -2, -3), (2, -2, 1), (1, 2, 3), (0, 0, 0), (-1, -2, -3), (3, 3, -3), (2, -2, 1), (1, 2, 3)]


@pytest.mark.parametrize("function", ASKS, ids=lambda f: f.__name__)
def test_what_python_is_told_decides_where_a_call_goes_on(function):
    compiled = compare(function, [(v,) for v in VALUES])
    assert compiled.cache_info().modes == ("tree",), compiled.cache_info()
    assert compiled.trace_count < len(VALUES)
    count = compiled.trace_count
    compare(function, [(v,) for v in VALUES], compiled)
    assert compiled.trace_count == count


def test_a_new_answer_is_one_more_trace():
    compiled = tj.compile(chained)
    for values, traces in [((1, 1, 1), 1), ((2, 2, 2), 1), ((1, -1, 1), 2), ((-1, 0, 1), 3), ((-1, 0, -1), 4), ((-2, 5, 7), 4), ((9, 9, 9), 4)]:
        compare(chained, [(values,)], compiled)
        assert compiled.trace_count == traces, values
    info = compiled.cache_info()
    assert info.modes == ("tree",) and info.hits == 3 and info.misses == 4


def test_answers_are_told_apart_by_their_bits():
    def sign(x):
        return 1 / np.copysign(1.0, float(x[0])), x + 1

    compiled = compare(sign, [((0.0, 1),), ((-0.0, 1),), ((0.0, 1),), ((float("nan"), 1),), ((-0.0, 2),)])
    assert compiled.trace_count == 3
