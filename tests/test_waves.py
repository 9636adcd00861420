"""Waves: chains of loops over large arrays give the same in one passage as one after the other, on however many threads."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.backends import schedule
from tracejit.backends.cpu import backend
from tracejit.backends.recent import Recent
from tracejit.lowering import fuse, waves


def five_points(u):
    return u[1:-1, 1:-1] * 0.5 + (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]) * 0.125


def seven_points(u):
    around = u[:-2, 1:-1, 1:-1] + u[2:, 1:-1, 1:-1] + u[1:-1, :-2, 1:-1] + u[1:-1, 2:, 1:-1] + u[1:-1, 1:-1, :-2] + u[1:-1, 1:-1, 2:]
    return u[1:-1, 1:-1, 1:-1] * 0.25 + around * 0.125


def steps(step, number, cube=False):
    def function(u):
        u = u.reshape(-1, 8, 16) if cube else u
        for _ in range(number):
            u = step(u)
        return u

    return function


def vibrating(u):
    """Each step reads the one before, and the one before that."""
    before, now = u[1:-1, 1:-1] * 0.5, five_points(u)
    for _ in range(4):
        before, now = now[1:-1, 1:-1], five_points(now) * 2 - before[1:-1, 1:-1]
    return now


def two_fields(u):
    a, b = u, u * 2
    for _ in range(3):
        a, b = a[1:, :-1] * 3 + b[:-1, 1:] * 5 + a[:-1, 1:] + 1, b[1:, 1:] * 2 + a[:-1, :-1] * 7 + b[:-1, 1:] - 3
    return a + b


def with_coefficients(u):
    c = tj.sin(u[:1]) + 2
    for k in range(3):
        u = five_points(u) * c[:, : u.shape[1] - 2] + u[2:, 2:] * k
    return u


def far_ahead(u):
    for _ in range(3):
        u = u[9:] * u[5:-4] + u[5:-4] - u[6:-3] * u[7:-2] + 1 + u[8:-1]
    return u


def in_other_dtypes(u):
    for _ in range(3):
        v = ((u[1:] * 3 + u[:-1] + u[1:] * u[:-1]) * 0.125).astype(tj.float16)
        w = (v[1:] + v[:-1] * 2 + v[1:] * v[:-1]) > 1
        u = tj.where(w[1:] & (w[:-1] | w[1:]) & w[1:], v[2:].astype(tj.float32) * 0.25, v[1:-1].astype(tj.float32) * 0.5 - 1)
    return u


def kept(u):
    first = five_points(u)
    return first, five_points(five_points(first))


def upside_down(u):
    return five_points(five_points(u)[::-1])


def columns(u):
    return five_points(five_points(u).T)


# The function, and how many stages its waves have.
TABLE = {
    "ten steps of five points": (steps(five_points, 10), [5, 5]),
    "three steps of seven points": (steps(seven_points, 3, cube=True), [3]),
    "two steps at a time": (vibrating, [5]),
    "two fields": (two_fields, [3]),
    "coefficients": (with_coefficients, [3]),
    "far ahead": (far_ahead, [3]),
    "in other dtypes": (in_other_dtypes, [5]),
    "a step that is a result": (kept, [2]),
    "upside down": (upside_down, []),
    "columns": (columns, []),
}  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Even small arrays are worth a wave, in blocks of few rows, on several threads."""
    for name, value in (("LARGE", 1), ("ROW", 1), ("AGAIN", 1)):
        monkeypatch.setattr(waves, name, value)
    monkeypatch.setattr(fuse, "NEAR", 0)
    monkeypatch.setattr(schedule, "CHUNK", 10)
    monkeypatch.setattr(backend, "executables", Recent(100))
    before = tj.get_num_threads()
    yield
    tj.set_num_threads(before)


def stages(compiled, x) -> list[int]:
    """The stages of each wave."""
    titles = [line.split("kernel")[1] for line in compiled.plan(x).splitlines() if "kernel" in line]
    return [title.count(";") + 1 for title in titles if ";" in title]


@pytest.mark.parametrize("rows", waves.AT_ONCE)
@pytest.mark.parametrize("name", TABLE)
def test_waves_give_what_the_steps_give(name, rows, small, monkeypatch):
    monkeypatch.setattr(waves, "AT_ONCE", (rows,))
    function, wanted = TABLE[name]
    for height, width in ((150, 128), (96, 256)):
        x = tj.asarray(np.random.default_rng(0).normal(size=(height, width)).astype("float32"))
        expected, compiled = function(x), tj.compile(function)
        for number in (1, 3):
            tj.set_num_threads(number)
            for got, want in zip(compiled(x), expected) if isinstance(expected, tuple) else [(compiled(x), expected)]:
                assert_bits_equal(got, want.numpy(), name)
        if (height, width) == (150, 128):
            assert stages(compiled, x) == wanted, compiled.plan(x)


def test_what_a_wave_would_overwrite_is_read_first(small):
    @tj.compile
    def advance(u):
        u[4:-4, 4:-4] = steps(five_points, 4)(u)

    x = tj.asarray(np.random.default_rng(0).normal(size=(150, 128)).astype("float32"))
    y = tj.asarray(x.numpy().copy())
    advance(x)
    y[4:-4, 4:-4] = steps(five_points, 4)(y)
    assert_bits_equal(x, y.numpy())


def test_only_large_arrays_make_waves():
    compiled, x = tj.compile(steps(five_points, 3)), tj.ones((200, 200))
    compiled(x)
    assert not stages(compiled, x)


def test_rows_between_steps_take_no_stack():
    """In a process of its own: what has too little stack ends it."""
    script = """
import threading
import tracejit as tj
threading.stack_size(256 * 1024)
step = tj.compile(lambda u: five(five(five(u))))
five = lambda u: u[1:-1, 1:-1] + u[2:, 1:-1] + u[:-2, 1:-1]
u = tj.ones(2048, 2048)
threads = [threading.Thread(target=step, args=(u,)) for _ in range(2)]
for thread in threads:
    thread.start()
    thread.join()
print(step(u).shape, step(u).min().item(), step(u).max().item())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "(2042, 2042) 27.0 27.0\n", done.stderr
