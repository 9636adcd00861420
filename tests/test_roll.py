"""Loops of NumPy and tensor code: rolled into one op where a turn can be traced once, and what they are in Python either way."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from test_weave import alike

import tracejit as tj


def newton(x, tol=1e-9):
    y, change, steps = x, 1.0, 0
    while change > tol:
        new = 0.5 * (y + x / y)
        change = np.abs(new - y).max()
        y = new
        steps += 1
    return y, steps, change


def collatz(x):
    n = x[0]
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def cholesky(x):
    a = x @ x.T + len(x) * np.eye(len(x))
    n = a.shape[0]
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total = total - lower[i, k] * lower[j, k]
            if i == j:
                lower[i, j] = np.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    return lower


def triangle(x):
    n = x.shape[0]
    for i in range(n):
        for j in range(i):
            if x[i, j] > 0:
                x[i, j] = x[i, j] * 2 + j
            else:
                x[j, i] += x[i, j]
    return x


def relaxed(x):
    for sweep in range(500):  # noqa: B007
        before = x * 1
        x[1:-1] = 0.5 * (before[2:] + before[:-2])
        if np.abs(x - before).max() < 1e-4:
            break
    return x, sweep


def skips(x):
    total = x[0] * 0
    for i in range(200):
        if x[i % 5] < 0:
            continue
        total = total + x[i % 5] * i
        if total > 1000:
            break
    return total, i


def walks_down(x):
    for i in range(len(x) - 2, -1, -1):
        x[i] += 0.5 * x[i + 1]
    return x


def with_both(x):
    i = 0
    while i < 300 and not (x[i % 5] > 2.5 or x.sum() < -50):
        x[i % 5] += 0.25
        i += 1
    return x, i


def fibonacci(x):
    a, b = 0, 1
    for _ in range(200):
        a, b = b, a + b
    return a, x


def rebinds(x):
    smallest = None
    for i in range(300):
        y = np.sin(x * i)
        smallest = y if smallest is None else np.minimum(smallest, y)
    return smallest


def swaps(x):
    old, new = x.copy(), x * 0
    for _ in range(301):
        new[1:-1] = 0.5 * (old[2:] + old[:-2])
        old, new = new, old
    return old, new


def appends(x):
    kept = []
    for _ in range(3):
        x = x * 2
        kept.append(x)
    return kept


def raises(x):
    for i in range(400):
        x = x + 1
        if x[0] > 3:
            raise ValueError(f"step {i}")
    return x


def aliased(x):
    y = x
    for i in range(300):
        x[i % 5] = y[(i + 1) % 5] * 0.5 + i
    return y


def renamed(x):
    y = x * 2
    while y.sum() < 100 and x[0] < 50:
        y = x
        x = x * 1.5 + 1
    x[0] = -1
    y[1] = -2
    return x, y


def halves_or_not(x):
    while x.sum() > 1:
        x = x * 0.5
    x[0] = 7
    return x


def picks(x):
    y = x * 1
    for i in range(300):
        if x[i % 5] > 0:
            y = x - i
        y[0] = 3
    y[1] = 4
    return y


def power(x):
    change = 1.0
    while change > 1e-12:
        last = x
        x = x * 0.9 + 0.01
        change = np.abs(x - last).max()
    return x


def stacks(x):
    y = np.stack((x, -x), axis=-1)
    for _ in range(200):
        y = np.stack((y[:, 1], 0.5 * y[:, 0]), axis=-1) + np.array([x[0], x[1]]) * 0.01 + np.zeros(2)
    return y


def rows(x):
    for i in range(300):
        x[i % 5] = x[(i + 1) % 5] + 1.0
    return x


def slope(x):
    y = np.array([x[0], 1.0, 2.0])
    for i in range(200):
        a, b, c = y
        y = y + 0.01 * np.array([b - a, a * (1 - c), a * b - c])
        x[i % len(x)] += y[2]
    return y


def weighs(x):
    total, n = 0.0, 300
    for i in range(n + 1):
        weight = 1 if i in (0, n) else 4 if i % 2 == 1 else 2
        place = i * 0.5
        total += weight * np.exp(-x[0] * place)
    return total


def sets_once(x):
    total = 0.0
    for i in range(300):
        if i == 0:
            first = 5.0
        total += first * x[i % len(x)]
    return total


def remembers(x):
    total, last = 0.0, 1.0
    for i in range(300):
        if i > 0:
            total += last * x[i % len(x)]
        last = x[(i + 1) % len(x)]
    return total, last


def never(x):
    while x.sum() > 1e9:
        x = x * 0.5
        last = x
    return x, x if x.sum() < 1e9 else last


def helper(x, i):
    return np.cos(x) * 0.5 + i * 1e-3


def calls_a_helper(x):
    for i in range(300):
        x = helper(x, i) + 1
    return x


def returns(x):
    y = x * 1
    for i in range(300):
        if np.abs(y).max() < 1e-3:
            return y, i
        y = y * 0.9
        last = y
    return last, -1


def returns_what_it_was_given(x):
    y = x
    for _ in range(300):
        if np.abs(y).max() < 5:
            return y
        y = y * 0.5
    return None


def returns_from_within(x):
    for i in range(200):
        for j in range(200):
            x = x + 0.01
            if x.sum() > i + 30:
                return x, i, j
            if x.sum() > i:
                break
        if i > 150:
            break
    return x, i


def raises_in_the_end(x):
    steps = 0
    while True:
        x = x * 0.5
        steps += 1
        if np.abs(x).max() < 1e-6:
            raise ValueError(f"{steps} steps")


def edits(x):
    table = np.zeros((6, 6), dtype=np.int64)
    table[:, 0] = table[0] = np.arange(6)
    for i in range(1, 6):
        for j in range(1, 6):
            cost = 0 if x[i - 1] < x[j - 1] else 1
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + cost)
    return table


def extremes(x):
    low, high = x[0], x[1]
    for i in range(300):
        x = x * 0.99 + np.sin(i)
        low, high = min(low, x[i % 5]), max(high, x[i % 5], low)
    return low, high


def normalised(x):
    for _ in range(300):
        x = np.roll(x, 1) + 0.1
        x = x / np.linalg.norm(x)
    return x


def one_array_of_two_names(x):
    for i in range(300):
        p = x * i
        q = p
        x = x + 0.5
    q[0] = 99
    return p, q, x


def one_array_of_two_names_in_an_arm(x):
    p = q = x
    for i in range(300):
        if x[0] < 50:
            p = x * i
            q = p
        else:
            p, q = x * 2, x * 3
        x = x + 0.5
    q[0] = 99
    return p, q, x


def chosen_from_many_kinds(x):
    for i in range(300):
        x = x + (1 if x[0] > i else x[1])
    return x


def lists(x):
    for i in range(40):
        x = x.copy()
        x[[i % 5, (i + 1) % 5]] = x[[(i + 1) % 5, i % 5]]
        x = np.sum([x, x * 2, np.roll(x, 1)], axis=0) * 0.3
        x += np.kron(x, np.ones(2)).reshape(np.multiply((5, 1), (1, 2))).mean()
        x += np.array([i, 0.5, x[0]]).sum() * 0.01 + np.asarray(i, dtype=np.float32) + np.cross(x[:3], x[2:]).max()
    return x, np.array([[i, x[0]], [i, 2]])


def too_far(x):
    for i in range(40):
        x = x * 0.9 + x[[i, 0]].sum()
    return x


LINE = lambda seed: np.random.default_rng(seed).normal(size=5)  # noqa: E731
SQUARE = lambda seed: np.random.default_rng(seed).normal(size=(20, 20))  # noqa: E731
CASES = {
    newton: lambda seed: np.abs(LINE(seed)) + 1, collatz: lambda seed: np.array([27 + seed]), cholesky: SQUARE, triangle: SQUARE, relaxed: LINE,
    skips: LINE, walks_down: lambda seed: np.random.default_rng(seed).normal(size=500), with_both: LINE, fibonacci: LINE, rebinds: LINE,
    swaps: LINE, appends: LINE, raises: LINE, renamed: LINE, power: LINE, halves_or_not: LINE, picks: LINE, aliased: LINE, rows: lambda seed: SQUARE(seed)[:5], never: LINE, calls_a_helper: LINE,
    returns: LINE, returns_what_it_was_given: LINE, returns_from_within: LINE, raises_in_the_end: LINE, edits: LINE, extremes: LINE, normalised: LINE,
    one_array_of_two_names: LINE, one_array_of_two_names_in_an_arm: LINE, chosen_from_many_kinds: LINE, stacks: LINE, slope: LINE, weighs: LINE, sets_once: LINE, remembers: LINE,
    lists: LINE, too_far: LINE,
}  # fmt: skip
ROLLED = {lists, newton, collatz, cholesky, triangle, relaxed, walks_down, with_both, calls_a_helper, power, edits, extremes, normalised, stacks, slope, weighs, sets_once, remembers}
LEFT = {returns}  # rolled, and asked then how it was left


def outcome(function, x):
    try:
        return function(x)
    except Exception as error:
        return type(error), str(error)


def close(a, b):
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, (np.ndarray, np.floating)):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and np.allclose(a, b, rtol=1e-13, atol=0)
    return type(a) is type(b) and a == b


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_a_loop_gives_what_it_gives_in_python(function):
    compiled = tj.compile(function)
    for seed in (0, 1, 2, 0):
        x, y = CASES[function](seed), CASES[function](seed)
        assert close(outcome(compiled, x), outcome(function, y))
        assert close(x, y)
    if function in ROLLED:
        assert compiled.cache_info()[3:] == (1, ("graph",), ())
    if function in LEFT:
        assert compiled.cache_info()[4:] == (("tree",), ())


def test_an_array_that_a_loop_leaves_is_the_one_that_it_was_given():
    compiled = tj.compile(returns_what_it_was_given)
    for scale in (0.1, 100.0, 0.1):
        x = np.full(3, scale)
        assert (compiled(x) is x) == (returns_what_it_was_given(x) is x) == (scale < 1)


def test_the_number_of_turns_makes_no_difference_to_the_trace():
    def steps(x, n):
        for _ in range(n):
            x = x + np.sin(x)
        return x

    compiled = tj.compile(steps)
    graphs = [compiled.graph(np.ones(3), n).replace(str(n), "n") for n in (1000, 1_000_000)]
    assert graphs[0] == graphs[1]


def tensor_newton(x):
    y = x
    while ((y * y - x).abs() > 1e-6).any():
        y = 0.5 * (y + x / y)
    return y


def test_loops_of_tensor_code_are_rolled_and_differentiated():
    compiled = tj.compile(tensor_newton)
    for seed in range(3):
        x = tj.asarray(np.abs(LINE(seed)) + 1)
        assert alike(compiled(x).numpy(), tensor_newton(x).numpy())
    assert compiled.trace_count == 1 and compiled.cache_info().modes == ("tree",)  # whether there is a turn at all is asked first

    def powers(x):
        y = x
        for _ in range(200):
            y = y * 0.99 + x * 0.01
        return (y * y).sum()

    given = tj.asarray(LINE(0))
    assert alike(tj.compile(tj.grad(powers))(given).numpy(), tj.grad(powers)(given).numpy())


counted = 0


def counts(x):
    global counted
    for i in range(300):
        counted += 1
        x = x + i
    return x


def add_one(x):
    global counted
    counted += 1
    return x + 1


def swallow(x, i):
    try:
        return x * float(x[0])
    except BaseException:
        return x


@pytest.mark.filterwarnings("ignore")
def test_a_loop_that_is_tried_has_no_effect_by_that():
    global counted
    for function in (counts, lambda x: [x := add_one(x) for _ in range(3)][-1], helped := lambda x: _helped(x)):
        compiled = tj.compile(function)
        for _ in range(3):
            counted = 0
            expected = function(np.ones(3))
            turns, counted = counted, 0
            assert alike(compiled(np.ones(3)), expected) and counted == turns
    assert helped is not None


def _helped(x):
    for _ in range(300):
        x = add_one(x)
    return x


@pytest.mark.filterwarnings("ignore")
def test_what_is_told_to_the_tracer_alone_is_no_exception_of_the_users():
    def swallows(x):
        for i in range(300):
            x = swallow(x, i) * 0.5
        return x

    compiled = tj.compile(swallows)
    for _ in range(3):
        assert alike(compiled(np.full(3, 1.5)), swallows(np.full(3, 1.5)))


def test_names_of_comprehensions_and_annotations_are_their_own():
    def function(x):
        y = x
        for i in range(300):
            z: np.ndarray = x * i
            y = y + sum([y * 0.001 for y in (z, x)])
        return y

    compiled = tj.compile(function)
    assert alike(compiled(np.ones(3)), function(np.ones(3)))


ENDLESS = """
import _thread, threading
import subprocess
import sys

import numpy as np
import tracejit as tj

@tj.compile
def endless(x):
    while x[0] < 1:
        x = x * 1.0
    return x

print(endless(np.full(2, 3.0)))
for attempt in range(2):
    try:
        threading.Timer(0.5, _thread.interrupt_main).start()  # once: a second one might come when the first is over
        endless(np.zeros(2))
    except KeyboardInterrupt:
        print("interrupted")
print(endless(np.full(2, 3.0)))
"""


def test_a_native_loop_can_be_interrupted(tmp_path):
    path = tmp_path / "endless.py"
    path.write_text(ENDLESS)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["[3. 3.]", "interrupted", "interrupted", "[3. 3.]"], done.stderr
