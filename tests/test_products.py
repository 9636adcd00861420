"""Products of matrices: one result for eager and compiled, for any number of threads of ours and of BLAS's, whoever else computes."""

from __future__ import annotations

import ctypes
import itertools
import os
import threading

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.backends import schedule
from tracejit.backends.native import quiet

# (m, n, k): small, by tiles of our own (in one chain of sums and in two), cut by rows, by columns, by both, of odd edges, with vectors.
SHAPES = [(5, 7, 3), (32, 100, 10), (9, 41, 90), (67, 8, 500), (100, 101, 102), (300, 500, 70), (257, 600, 511), (1100, 1000, 64), (2000, 3, 400), (3, 2000, 400), (1, 1000, 900), (1000, 1, 900)]
BATCHES = [(), (3,), (2, 3), (9,)]

threaded = pytest.mark.skipif(quiet.quiet() is None, reason="BLAS is none whose number of threads can be set")


def operands(m: int, n: int, k: int, batch: tuple[int, ...] = (), dtype: str = "float32", flags: tuple[bool, bool] = (False, False)):
    rng = np.random.default_rng((m, n, k))
    shapes = (m, k), (k, n)
    drawn = [rng.normal(size=(*batch, *(shape[::-1] if flag else shape))).astype(dtype) for shape, flag in zip(shapes, flags)]
    return [tj.asarray(x).mT if flag else tj.asarray(x) for x, flag in zip(drawn, flags)]


def product(a, b):
    return tj.compile(lambda x, y: x @ y)(a, b).numpy()


def of_blas(word: str, *number: int) -> int:
    """OpenBLAS's own number of threads, asked or set."""
    words = quiet._words()
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(words[quiet.WORDS.index(word)])(*number or (0,))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype, limit", [("float32", 2e-6), ("float64", 4e-15)])
def test_products_of_any_shape_layout_and_batch(shape, dtype, limit):
    for flags in itertools.product((False, True), repeat=2):
        for batch in BATCHES if np.prod(shape) < 2e6 else ((),):
            a, b = operands(*shape, batch, dtype, flags)
            found = product(a, b)
            assert_bits_equal(found, a @ b, f"{batch} {flags}")
            wanted = a.numpy().astype(np.float64) @ b.numpy().astype(np.float64)
            sizes = np.linalg.norm(a.numpy(), axis=-1)[..., :, None] * np.linalg.norm(b.numpy(), axis=-2)[..., None, :]
            assert (abs(found - wanted) <= limit * sizes).all()


@threaded
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bits_depend_on_no_number_of_threads(shape):
    a, b = operands(*shape)
    ours, blas, found = tj.get_num_threads(), of_blas("get"), []
    try:
        for mine, its in itertools.product((1, 2, 3), repeat=2):
            tj.set_num_threads(mine)
            of_blas("set", its)
            found.append(product(a, b))
            assert of_blas("get") == its, "the number is set back"
    finally:
        tj.set_num_threads(ours)
        of_blas("set", blas)
    for other in found[1:]:
        assert_bits_equal(other, found[0])


@threaded
def test_several_python_threads_at_once_get_the_bits_of_one():
    a, b = operands(257, 600, 511)
    blas, wanted, wrong = of_blas("get"), product(a, b), []
    function = tj.compile(lambda x, y: x @ y)
    function(a, b)

    def work():
        for _ in range(10):
            if not np.array_equal(function(a, b).numpy(), wanted):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert of_blas("get") == blas


@threaded
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_the_child_of_a_fork_finds_nobody_inside():
    words = quiet._words()
    place = quiet.WORDS.index
    blas = of_blas("get")
    kept = list(words)
    words[place("lock")], words[place("inside")], words[place("before")] = 1, 1, blas  # as another thread may have left them
    of_blas("set", 1)
    try:
        child = os.fork()
        if child == 0:
            os._exit(0 if (words[place("lock")], words[place("inside")], of_blas("get")) == (0, 0, blas) else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        words[:] = kept
        of_blas("set", blas)


def test_tiles_are_a_matter_of_shape_and_cover_the_product():
    for batch, m, n, k in itertools.product((1, 7, 8), (1, 15, 16, 128, 257, 1000, 5000), (1, 10, 256, 300, 4096), (1, 64, 4000)):
        high, wide = schedule.tile_of_products(batch, m, n, k)
        assert 0 < high <= m and 0 < wide <= n
        if batch >= 8:
            assert (high, wide) == (m, n)
        for extent, edge in ((m, high), (n, wide)):
            assert edge == extent or edge % schedule.EDGE == 0
            assert -(-extent // edge) * edge - extent < edge
