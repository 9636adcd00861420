"""Lazy mode: Python runs at each call, its ops in segments that are built once. Results are those of the undecorated function."""

import threading

import numpy as np
import pytest

import tracejit as tj
from tracejit.pace import Pace

LONG_RUN = 12  # calls: the first few are traces, the others are lazy


def elementwise(x, y):
    a = x * y + 1.5
    return tj.sqrt(abs(a - x)) / (1 + x * x)


def slices(x, y):
    s = x[1:33] + y[:32]
    return s[::-1] * s.sum()


def writes(x, y):
    a = x + y
    a[2:10] = y[:8]
    a[5:] += 1
    b = a[3:7]
    b[...] = 2.0
    return a, b


def casts(x, y):
    n = (x > y).astype(tj.int32)
    return n * 2, n / 3, n.sum(), x + True, x + 1, x * 1.0


def several_outputs(x, y):
    values, places = tj.sort(x), tj.argsort(y)
    return values, places, x[places]


def observed(x, y):
    total = float((x * y).sum())
    return y * total if total > 0 else x - total


def dynamic(x, y):
    return x[x > y] * 2, tj.nonzero(y > 0)


def zeros_of_both_signs(x, y):
    return x * 0.0, x * -0.0, x + 0, x * 1, x * True


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch):
    """Calls stay lazy, whatever is faster here."""
    monkeypatch.setattr(Pace, "run", lambda self, lazily, plainly, *call: lazily(*call))


PROGRAMS = (elementwise, slices, writes, casts, several_outputs, observed, dynamic, zeros_of_both_signs)


def operands(seed=0):
    rng = np.random.default_rng(seed)
    return tj.asarray(rng.standard_normal(64)), tj.asarray(rng.standard_normal(64))


def same(a, b):
    a, b = (v if isinstance(v, tuple) else (v,) for v in (a, b))
    assert len(a) == len(b)
    for one, other in zip(a, b):
        one, other = (v if isinstance(v, tuple) else (v,) for v in (one, other))
        for left, right in zip(one, other):
            left, right = left.numpy(), right.numpy()
            assert left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def lazily(function):
    """The function with an effect that only Python can repeat, compiled; and the list of its effects."""
    calls = []

    @tj.compile
    def compiled(*args):
        calls.append(len(calls))
        return function(*args)

    return compiled, calls


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_results_are_those_of_the_function(program):
    compiled, calls = lazily(program)
    for seed in range(LONG_RUN):
        x, y = operands(seed)
        same(compiled(x, y), program(x, y))
    assert calls == list(range(LONG_RUN))
    assert set(compiled.cache_info().modes) == {"lazy"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_a_segment_is_built_once(program):
    compiled, _ = lazily(program)
    x, y = operands()
    for _ in range(LONG_RUN):
        compiled(x, y)
    built = compiled._unreplayed.segments.built
    for _ in range(LONG_RUN):
        compiled(x, y)
    assert compiled._unreplayed.segments.built == built > 0


def test_what_is_held_is_part_of_a_segment():
    kept = []

    def program(x, keep):
        a = x * 2
        b = a + 1
        if keep[0]:
            kept.append(a)
        return b

    compiled, _ = lazily(program)
    x, _ = operands()
    keep = [False]
    for turn in range(LONG_RUN):
        keep[0] = turn % 3 == 0
        same(compiled(x, keep), x * 2 + 1)
    assert len(kept) == LONG_RUN // 3
    for a in kept:
        same(a, x * 2)


def test_an_error_is_told_at_the_line_of_this_call():
    x, _ = operands()
    far, near = tj.asarray([70]), tj.asarray([3])

    def program(x, index, other):
        if other:
            return x[index] + 1
        return x[index]

    compiled, _ = lazily(program)
    for _ in range(LONG_RUN):
        compiled(x, near, True)
        compiled(x, near, False)
    for other in (True, False):
        texts = []
        for function in (program, compiled):
            with pytest.raises(IndexError) as caught:
                function(x, far, other)
            texts.append(str(caught.value))
        assert texts[0] == texts[1]


def test_threads_share_segments():
    compiled, calls = lazily(writes)
    wrong = []

    def work(seed):
        x, y = operands(seed)
        for _ in range(LONG_RUN):
            try:
                same(compiled(x, y), writes(x, y))
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(calls) == 8 * LONG_RUN


@pytest.mark.parametrize("dtype", [tj.float32, tj.float64, tj.int64, tj.bool], ids=str)
@pytest.mark.parametrize("numbers", [[0.5 * n for n in range(12)], list(range(12)), [0.0, -0.0, float("nan"), float("inf"), -1.5, 1e-30, 3.0, 7.5]], ids=["floats", "ints", "odd"])
def test_numbers_that_change_are_no_constants_of_new_graphs(dtype, numbers):
    state = {"n": 0}

    def program(x):
        n = state["n"]
        return x * n, n + x, (x + 1) * 2 - n, tj.maximum(x, n)

    compiled, _ = lazily(program)
    x = tj.asarray(np.arange(-3, 4)).astype(dtype)
    for n in numbers * 3:
        state["n"] = n
        same(compiled(x), program(x))
    built = compiled._unreplayed.segments.built
    for n in range(20, 40):
        state["n"] = type(numbers[1])(n)
        same(compiled(x), program(x))
    assert compiled._unreplayed.segments.built == built > 0


def test_a_number_that_changes_takes_the_dtype_that_it_has_beside_its_operand():
    """What stands at one place of a program may differ from call to call, in all that it is."""
    state = {"x": None, "n": 0}

    def program():
        return state["x"] * state["n"]

    compiled, _ = lazily(program)
    operands = [tj.asarray(np.arange(-3, 4)).astype(dtype) for dtype in (tj.float32, tj.float64, tj.int32, tj.float32, tj.bool, tj.int64, tj.float16)]
    for turn in range(120):
        state["x"], state["n"] = operands[turn % 7], 0.1 * turn if turn % 3 else turn
        same(compiled(), program())


def fails_between_writes(x, y, index):
    z = y * 2
    x[0] = 5.0
    x[1:3] = y[1:3]
    w = y[index]
    x[...] = z
    return w


def fails_after_a_whole_write(x, y, index):
    x[...] = y + 1
    w = y[index]
    x[...] = y
    x[2] = 7
    return w


def fails_where_nobody_reads(x, y, index):
    x += 1
    y[index]
    x += 1
    return x


@pytest.mark.parametrize("program", [fails_between_writes, fails_after_a_whole_write, fails_where_nobody_reads], ids=lambda f: f.__name__)
def test_what_stands_before_a_failing_operation_is_done_and_nothing_behind_it(program):
    compiled, _ = lazily(program)
    for calls in range(LONG_RUN):
        for index in (3, 70):
            outcomes = []
            for function in (program, compiled):
                x, y = operands(calls)
                try:
                    found = function(x, y, tj.asarray([index])).numpy().tobytes()
                except IndexError as error:
                    found = str(error)
                outcomes.append((found, x.numpy().tobytes(), y.numpy().tobytes()))
            assert outcomes[0] == outcomes[1]
