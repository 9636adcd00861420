"""Blocks of small steps as one native function: the bits of the same steps walked one by one, and of eager code."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from control_bodies import CASES, IN_PYTHON, real
from support import assert_bits_equal

import tracejit as tj
from tracejit.backends import joining
from tracejit.backends.cpu import backend
from tracejit.backends.native.jit import compiled_count
from tracejit.backends.recent import Recent
from tracejit.lowering.steps import Move
from tracejit.tree import flatten

DTYPES = [
    tj.bool, tj.int8, tj.int16, tj.int32, tj.int64, tj.uint8, tj.uint16, tj.uint32, tj.uint64, tj.float16, tj.float32, tj.float64, tj.complex64, tj.complex128,
]  # fmt: skip


def blocks(compiled, *args) -> list[tuple[int, int]]:
    """The steps of a compiled function that are joined."""
    return list(joining.blocks_to_join(compiled._entry(args, {}).executable.plan, backend._routine_of))


def is_native(compiled, *args) -> bool:
    """Whether Python makes no step of it."""
    return len(compiled._entry(args, {}).executable.steps) == 1


def values_of(compiled, args):
    return [compiled(*args) for _ in range(2)][-1]


@pytest.fixture
def walked(monkeypatch):
    """What a function gives where every step is walked."""

    def run(function, args):
        with monkeypatch.context() as inside:
            inside.setattr(joining, "SMALL", -1)
            inside.setattr(backend, "executables", Recent(64))
            return values_of(tj.compile(function), args)

    return run


def alike(function, args, walked):
    """Eager, walked and joined: equal to the bit; the joined function."""
    compiled = tj.compile(function)
    wanted, steps, joined = (flatten(v)[0] for v in (function(*args), walked(function, args), values_of(compiled, args)))
    for a, b, c in zip(wanted, steps, joined, strict=True):
        assert_bits_equal(b, a, "walked")
        assert_bits_equal(c, a, "joined")
    return compiled


@pytest.mark.parametrize("function, args", CASES, ids=lambda v: v.__name__ if callable(v) else "")
def test_joined_steps_give_the_bits_of_walked_ones(function, args, walked):
    alike(function, args, walked)


def test_small_loops_are_joined():
    for function, args in CASES:
        compiled = tj.compile(function)
        compiled(*args)
        if function not in IN_PYTHON and is_native(compiled, *args):
            turns = any(isinstance(step, Move) for step in compiled._entry(args, {}).executable.plan.steps)
            assert bool(blocks(compiled, *args)) == turns, function.__name__


# Kinds of loops, each of scalars of any dtype


def for_(x, a):
    return tj.fori_loop(0, 5, lambda i, v: v + a[i], x)


def while_(x, a):
    return tj.while_loop(lambda s: s[1] < 7, lambda s: (s[0] * a[s[1] % 5], s[1] + 2), (x, tj.asarray(0)))


def scan_(x, a):
    return tj.scan(lambda c, u: (u, c), x, a)


def back(x, a):
    return tj.scan(lambda c, u: (c * u, c + u), x, a, reverse=True)


def exchanged(x, a):
    return tj.fori_loop(0, 5, lambda i, s: (s[1] + x, s[0] * a[i]), (x, a[0]))


def chain(x, a):
    return tj.fori_loop(0, 4, lambda i, s: (s[1], s[2], s[0] + x), (x, a[0], a[1]))


def element(x, a):
    def body(i, v):
        v = v * x
        v[i] = v[i] * v[(i + 1) % 5] + x
        return v

    return tj.fori_loop(0, 5, body, a)


def nested(x, a):
    return tj.fori_loop(1, 4, lambda i, v: tj.fori_loop(0, i, lambda j, w: w + a[j] * v, x), x)


def chosen(x, a):
    return tj.fori_loop(0, 6, lambda i, v: tj.switch(i % 3, [lambda u: u + a[0], lambda u: u * a[i % 5], lambda u: u], v), x)


def chosen_from_two(x, a):
    return tj.while_loop(lambda s: s[1] != 4, lambda s: (tj.cond(a[s[1]] == x, lambda u: u + u, lambda u: u * x, s[0]), s[1] + 1), (x, tj.asarray(0)))


def kept(x, a):
    return tj.scan(lambda c, _: (c + x, (c, c * c)), x, length=4)


KINDS = [for_, while_, scan_, back, exchanged, chain, element, nested, chosen, chosen_from_two, kept]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
@pytest.mark.parametrize("function", KINDS, ids=lambda f: f.__name__)
def test_every_kind_of_loop_of_every_dtype(function, dtype, walked):
    args = tj.asarray(np.asarray(1.5, dtype)), tj.asarray(np.asarray([1, 2, 0, 3, 1.5], dtype))
    compiled = alike(function, args, walked)
    assert blocks(compiled, *args) or dtype.kind == "c" and not is_native(compiled, *args)  # products of complex numbers are NumPy's


# Random programs of scalars

OPERATIONS = [
    lambda a, b, i: a + b, lambda a, b, i: a - b * 0.5, lambda a, b, i: tj.minimum(a, b), lambda a, b, i: tj.where(a < b, a * 1.25, b - i),
    lambda a, b, i: a * 0.5 + i, lambda a, b, i: tj.sqrt(tj.abs(a)) - b, lambda a, b, i: tj.tanh(a + b), lambda a, b, i: a / (tj.abs(b) + 1),
]  # fmt: skip


def random_program(seed):
    """Loops in one another, of a few scalars and an array that elements are read from and written into."""
    draw = np.random.default_rng(seed)

    def statements(depth):
        found = []
        for _ in range(draw.integers(1, 4)):
            kind = draw.choice(["let", "read", "write", "if", "for", "while"] if depth else ["let", "read", "write"])
            inner = [statements(depth - 1) for _ in range(2)] if kind in ("if", "for", "while") else []
            found.append((kind, OPERATIONS[draw.integers(len(OPERATIONS))], *draw.integers(0, 3, 3), inner))
        return found

    def run(program, state, i):
        for kind, operation, a, b, c, inner in program:
            *values, table = state
            if kind == "let":
                values[c] = operation(values[a], values[b], i)
            elif kind == "read":
                values[c] = operation(values[a], table[(i + int(b)) % 4], i)
            elif kind == "write":
                table = table + 0
                table[(i + int(b)) % 4] = operation(values[a], table[int(c)], i)
            elif kind == "if":
                state = tj.cond(values[a] < values[b], lambda s: run(inner[0], s, i), lambda s: run(inner[1], s, i), (*values, table))
                continue
            elif kind == "for":
                state = tj.fori_loop(int(a), int(a + b), lambda j, s: run(inner[0], s, j), (*values, table))
                continue
            else:
                turns = int(1 + b)
                body = lambda s: (run(inner[0], s[0], s[1]), s[1] + 1)  # noqa: E731
                state, _ = tj.while_loop(lambda s: (s[1] < turns) & (s[0][int(a)] < 50), body, ((*values, table), i))
                continue
            state = (*values, table)
        return state

    program = statements(2)
    return lambda *state: tj.fori_loop(0, 3, lambda i, s: run(program, s, i), state)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_of_scalars(seed, walked):
    values = [tj.asarray(v) for v in np.random.default_rng(seed).uniform(-2, 2, 3)]
    alike(random_program(seed), (*values, real(4)), walked)


# What else must hold


def motion(state, steps):
    for _ in range(steps):
        x, y, z = state
        state = state + 0.01 * np.array([10.0 * (y - x), x * (28.0 - z) - y, x * y - 2.5 * z])
    return state


def test_numpy_code_of_a_small_state_is_one_native_step():
    compiled = tj.compile(motion)
    start = np.array([1.0, 1.0, 20.0])
    for _ in range(2):
        np.testing.assert_allclose(compiled(start, 300), motion(start, 300), rtol=1e-12)
    assert is_native(compiled, start, 300) and blocks(compiled, start, 300)


def test_another_shape_or_another_number_compiles_nothing():
    compiled = tj.compile(lambda x, a, n: tj.fori_loop(0, n, lambda i, v: v * 0.75 + a[i + 1] - a[i], x))
    compiled(real(), real(9), 5)
    before = compiled_count()
    for size, turns in ((7, 4), (30, 28), (300, 250)):
        compiled(real(), real(size), turns)
    assert compiled_count() == before


def test_a_joined_loop_stops_where_an_index_is_out_of_bounds():
    def total(x, a, n):
        return tj.fori_loop(0, n, lambda i, v: tj.fori_loop(0, i, lambda j, w: w + a[i] * a[j], v), x)

    compiled = tj.compile(total)
    compiled(real(), real(6), tj.asarray(6))
    assert blocks(compiled, real(), real(6), tj.asarray(6))
    with pytest.raises(IndexError, match=r"index 6(.|\n)*test_joined.py"):
        compiled(real(), real(6), tj.asarray(9))
    assert_bits_equal(compiled(real(), real(6), tj.asarray(6)), total(real(), real(6), tj.asarray(6)), "after an error")


ENDLESS = """
import _thread, threading

import tracejit as tj

@tj.compile
def endless(x):
    return tj.while_loop(lambda v: v < 1, lambda v: v * 0.5, x)

print(endless(tj.asarray(3.0)))
try:
    threading.Timer(0.5, _thread.interrupt_main).start()
    endless(tj.asarray(0.0))
except KeyboardInterrupt:
    print("interrupted")
print(endless(tj.asarray(3.0)))
"""


def test_a_joined_loop_can_be_interrupted(tmp_path):
    path = tmp_path / "endless.py"
    path.write_text(ENDLESS)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=120)
    first, *rest = done.stdout.splitlines()
    assert rest == ["interrupted", first], done.stderr


def test_explain_tells_that_kernels_of_a_joined_loop_were_timed_one_by_one():
    compiled = tj.compile(for_)
    args = tj.asarray(1.5), tj.asarray(np.arange(5.0, dtype=np.float32))
    compiled(*args)
    report = compiled.explain(*args)
    assert report.kernels and all(step.source for step in report.kernels)
    assert ("its kernels, one by one" in str(report)) == (sum(step.seconds for step in report.kernels) > report.compiled_seconds)
