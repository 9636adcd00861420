"""Calls that are too long to be traced are left to Python, wherever that is found out: with the same results, and one warning."""

import warnings

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import LazyWarning
from tracejit.graph import limits

MOMENTS = (1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 18, 25, 40)  # after so many operations


def elementwise(x, y):
    for i in range(10):
        x = x * y + i
    return x, x.sum()


def written_through_views(x, y):
    rows = x[1:3]
    for i in range(6):
        rows[:, i % 4] = y[0, :2] * i
        x[i % 4, 1:] += rows[0, :3]
        rows *= 0.5
    return x, rows


def born_and_written(x, y):
    z = x + y
    head, turned = z[:2], z[::-1]
    for i in range(6):
        head[...] = turned[:2] + i
        z[i % 4] = z[(i + 1) % 4] * 2
    return z, head, turned, z.T


def scalars(x, y):
    n = x.shape[0]
    for i in range(n):
        for j in range(i):
            x[i, j] = y[j, i] - x[j, i] * 0.5
    return x


def several_outputs(x, y):
    for _ in range(5):
        values = tj.sort(x, axis=1)
        x = values[:, ::-1] * y
    return values, x


def gathers(x, y):
    places = tj.argsort(y[:, 0])
    for i in range(6):
        x = x[places] + y
        x[places[:2]] = i
    return x


def observed(x, y):
    for _ in range(6):
        x = x * 0.5 if float(x.sum()) > 0 else x - y
    return x


PROGRAMS = (elementwise, written_through_views, born_and_written, scalars, several_outputs, gathers, observed)


def operands():
    rng = np.random.default_rng(0)
    return rng.standard_normal((4, 4)), rng.standard_normal((4, 4))


def bits(values):
    values = values if isinstance(values, tuple) else (values,)
    return [(v.shape, v.dtype, np.asarray(v).tobytes()) for v in values]


def shared(values):
    """Which results share memory."""
    arrays = [np.asarray(v) for v in (values if isinstance(values, tuple) else (values,))]
    return [[np.shares_memory(a, b) for b in arrays] for a in arrays]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_results_are_the_same_wherever_a_trace_ends(program, moment, monkeypatch):
    monkeypatch.setattr(limits, "NODE_LIMIT", moment)
    compiled = tj.compile(program)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            given, taken = ([tj.asarray(a.copy()) for a in operands()] for _ in range(2))
            wanted, found = program(*given), compiled(*taken)
            assert bits(found) == bits(wanted) and bits(tuple(taken)) == bits(tuple(given))
            assert shared(found) == shared(wanted)
    told = [w for w in caught if w.category is LazyWarning]
    assert len(told) == (compiled.cache_info().modes == ("python",)) <= 1
    assert moment > 2 or told or program is scalars  # whose loops may be one operation


def repeated(x, times):
    return x if times == 0 else repeated(x * 0.5 + 1, times - 1)


def test_numpy_code_too(monkeypatch):
    monkeypatch.setattr(limits, "NODE_LIMIT", 10)
    compiled = tj.compile(repeated)
    for turn in range(3):
        wanted = repeated(operands()[0], 20)
        if turn:
            found = compiled(operands()[0], 20)
        else:
            with pytest.warns(LazyWarning, match="repeated is left to Python"):
                found = compiled(operands()[0], 20)
        assert type(found) is np.ndarray and found.tobytes() == wanted.tobytes()
    assert compiled.cache_info().modes == ("python",) and compiled.trace_count == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_gradients_are_the_same(moment, monkeypatch):
    monkeypatch.setattr(limits, "NODE_LIMIT", moment)

    def step(w, x):
        w.grad = None
        y = x
        for _ in range(3):
            y = tj.tanh(y @ w)
        y.sum().backward()
        with tj.no_grad():
            w -= 0.1 * w.grad
        return y.detach()

    compiled = tj.compile(step)
    mine, theirs = (tj.asarray(operands()[0]).requires_grad_() for _ in range(2))
    x = tj.asarray(operands()[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LazyWarning)
        for _ in range(3):
            assert bits(compiled(mine, x)) == bits(step(theirs, x))
            assert bits((mine.detach(), mine.grad)) == bits((theirs.detach(), theirs.grad))


@pytest.mark.parametrize("moment", MOMENTS)
def test_errors_are_the_same(moment, monkeypatch):
    monkeypatch.setattr(limits, "NODE_LIMIT", moment)

    def program(x, index):
        for i in range(5):
            x += 1
            x[0] = x[index[i]]
        return x

    index = tj.asarray([1, 2, 3, 9, 0])
    outcomes = []
    for function in (program, tj.compile(program)):
        x = tj.asarray(operands()[0])
        with warnings.catch_warnings(), pytest.raises(IndexError) as caught:
            warnings.simplefilter("ignore", LazyWarning)
            function(x, index)
        outcomes.append((str(caught.value), x.numpy().tobytes()))
    assert outcomes[0] == outcomes[1]


def test_the_warning_names_the_line(monkeypatch):
    monkeypatch.setattr(limits, "NODE_LIMIT", 5)
    with pytest.warns(LazyWarning, match="fori_loop") as caught:
        tj.compile(elementwise)(*map(tj.asarray, operands()))
    (told,) = caught
    assert told.filename == __file__ and told.lineno == elementwise.__code__.co_firstlineno + 2


def test_pieces_that_are_all_unlike_are_too_much(monkeypatch):
    monkeypatch.setattr(limits, "BUILD_LIMIT", 0.0)

    def program(x):
        for _ in range(3 * limits.MANY):
            x = x[:-1] * 2 if float(x[0]) >= 0 else x
        return x

    compiled, x = tj.compile(program), tj.ones(4 * limits.MANY)
    before = limits.built.count
    with pytest.warns(LazyWarning, match="unlike the others"):
        found = compiled(x)
    assert found.numpy().tobytes() == program(x).numpy().tobytes()
    assert limits.built.count - before <= limits.MANY + 1
    assert compiled.cache_info().modes == ("python",)


@pytest.mark.parametrize("turns", [4, 40])
def test_many_questions_between_many_operations_are_too_much(turns, monkeypatch):
    monkeypatch.setattr(limits, "QUESTIONS", 8)
    monkeypatch.setattr(limits, "NODE_LIMIT", 100)

    def program(x, turns):
        count = 0
        while float(x[0]) < turns:
            x = (x + 2) - 1
            count += 1
        return x, count

    compiled, x = tj.compile(program), tj.zeros(3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LazyWarning)
        found = compiled(x, turns)
    assert bits(found[0]) == bits(program(x, turns)[0]) and found[1] == turns
    assert ["asks for values" in str(w.message) for w in caught] == [True] * (turns > 8)
    assert compiled.cache_info().modes == (("python",) if turns > 8 else ("tree",))


@pytest.mark.parametrize(("elements", "steps", "mode"), [(20, 1, "tree"), (60, 1, "python"), (60, 4, "tree")])
def test_many_questions_between_a_few_operations_are_too_much(elements, steps, mode, monkeypatch):
    monkeypatch.setattr(limits, "MOST", 40)

    def program(x):
        asked = 0
        for value in x:
            for _ in range(steps):
                value = value * 0.5
            asked += float(value) < 0.3
        return x + asked

    compiled, x = tj.compile(program), tj.ones(elements)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LazyWarning)
        assert bits(compiled(x)) == bits(program(x))
    assert compiled.cache_info().modes == (mode,)
