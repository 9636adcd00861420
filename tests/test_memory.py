"""Memory: large arrays take blocks of a pool and give them back, temporaries share an arena, and what is cached has a bound."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import random
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import tracejit as tj
from tracejit.backend import LARGE as LEAST
from tracejit.backends.native import blocks
from tracejit.backends.llvm import machine
from tracejit.backends.recent import Recent
from tracejit.lowering.rooms import Rooms
from tracejit.runtime.executor import Executable

LARGE = LEAST // 4 + 5  # float32 elements


@tj.compile
def double(x):
    return x * 2


def plan_of(compiled, *args):
    compiled(*args)
    return compiled._entry(args, {}).executable.plan


def large() -> tj.Tensor:
    return tj.ones(LARGE)


# The pool as arrays see it


def test_a_large_result_owns_a_block_and_gives_it_back():
    x = large()
    double(x)
    before = blocks.state()["lent"]
    result = double(x).numpy()
    assert result.flags.owndata and result.ctypes.data % 64 == 0
    assert blocks.state()["lent"] - before >= result.nbytes
    view = result[5:]
    del result
    assert blocks.state()["lent"] > before
    assert (view == 2).all()
    del view
    assert blocks.state()["lent"] == before


def test_a_block_is_handed_out_again():
    x = large()
    place = double(x).numpy().ctypes.data
    assert double(x).numpy().ctypes.data == place


def test_large_results_that_numpy_computes_eagerly_live_in_blocks_too():
    x, before = large(), blocks.state()["lent"]
    total = x + x
    assert total.numpy().flags.owndata and blocks.state()["lent"] - before >= total.nbytes
    more = tj.sqrt(total + 2)
    assert blocks.state()["lent"] - before >= total.nbytes + more.nbytes
    assert (total.numpy() == 2).all() and (more.numpy() == 2).all()


def test_small_results_know_nothing_of_the_pool():
    before = blocks.state()
    kept = [double(tj.ones(n)) for n in (1, 100, 10_000)]
    assert blocks.state() == before and len(kept) == 3


def test_an_array_from_the_pool_can_be_resized():
    array = double(large()).numpy()
    array.resize(LARGE * 2, refcheck=False)
    assert (array[:LARGE] == 2).all() and (array[LARGE:] == 0).all()
    array.resize(10, refcheck=False)
    assert (array == 2).all()


def test_the_interpreter_ends_well_with_blocks_lent_and_kept(tmp_path):
    program = "import tracejit as tj, numpy as np\nf = tj.compile(lambda x: x * 2)\nx = tj.ones(3_000_000)\nf(x)\nnp.kept = f(x).numpy()\nprint('done')"
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "TRACEJIT_CACHE_DIR": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


# The pool alone


class Pool:
    """A pool of its own, with its C functions."""

    def __init__(self, limit: int) -> None:
        self.address = machine.load(machine.object_code(blocks.native_text(limit)), blocks.SYMBOL)
        _, self.malloc, self.calloc, self.realloc, self.free = [
            ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, *kinds)(ctypes.c_void_p.from_address(self.address + 128 + 8 * k).value or 0)
            for k, kinds in enumerate([(), (ctypes.c_size_t,), (ctypes.c_size_t,) * 2, (ctypes.c_void_p, ctypes.c_size_t), (ctypes.c_void_p, ctypes.c_size_t)])
        ]

    def __getitem__(self, name: str) -> int:
        return ctypes.c_int64.from_address(self.address + blocks.FIELDS[name]).value


def test_blocks_never_overlap_and_the_books_are_right():
    pool, draw = Pool(limit=60 << 20), random.Random(0)
    lent: dict[int, tuple[int, int]] = {}
    for _ in range(2000):
        if lent and draw.random() < 0.52:
            place = draw.choice(list(lent))
            size, mark = lent.pop(place)
            assert ctypes.string_at(place, 1)[0] == ctypes.string_at(place + size - 1, 1)[0] == mark
            pool.free(None, place, size)
        else:
            size, mark = draw.choice([draw.randrange(1, 100), draw.randrange(1, LEAST), draw.randrange(LEAST, 3 * LEAST)]), draw.randrange(256)
            place = pool.malloc(None, size)
            assert size < LEAST or place % 64 == 0
            assert all(place + size <= other or other + length <= place for other, (length, _) in lent.items())
            ctypes.memset(place, mark, 1), ctypes.memset(place + size - 1, mark, 1)
            lent[place] = size, mark
        assert sum(size for size, _ in lent.values() if size >= LEAST) <= pool["lent"]
        assert 0 <= pool["kept"] <= pool["limit"] == 60 << 20
        assert pool["lent"] + pool["kept"] <= pool["peak"]
    for place, (size, _) in lent.items():
        pool.free(None, place, size)
    assert pool["lent"] == 0 < pool["kept"]


def test_what_was_freed_last_is_handed_out_first_if_it_fits():
    pool = Pool(limit=1 << 30)
    one, two, half = pool.malloc(None, 8 << 20), pool.malloc(None, 8 << 20), pool.malloc(None, 4 << 20)
    for place in (one, two, half):
        pool.free(None, place, 0)
    assert pool.malloc(None, 8 << 20) == two
    assert pool.malloc(None, 7 << 20) == one
    assert pool.malloc(None, 4 << 20) == half


def test_more_than_there_is_is_refused_and_forgotten():
    pool = Pool(limit=1 << 30)
    pool.free(None, pool.malloc(None, 4 << 20), 0)
    assert pool.malloc(None, 1 << 60) is None
    assert (pool["lent"], pool["kept"]) == (0, 0)


def test_zeros_are_zeros_in_a_block_that_was_used():
    pool = Pool(limit=1 << 30)
    place = pool.malloc(None, 8 << 20)
    ctypes.memset(place, 7, 8 << 20)
    pool.free(None, place, 0)
    assert pool.calloc(None, 8 << 10, 1 << 10) == place
    assert not any(ctypes.string_at(place, 8 << 20))


# Temporaries


def test_rooms_in_use_never_overlap_and_free_neighbours_are_one():
    for seed in range(50):
        draw, rooms, lent = random.Random(seed), Rooms(), {}
        for _ in range(300):
            if lent and draw.random() < 0.5:
                offset = draw.choice(list(lent))
                rooms.give(offset, lent.pop(offset))
            else:
                size = 64 * draw.randint(1, 20)
                offset = rooms.take(size)
                assert all(offset + size <= other or other + length <= offset for other, length in lent.items())
                assert offset + size <= rooms.size
                lent[offset] = size
        for offset, size in lent.items():
            rooms.give(offset, size)
        if rooms.size:
            assert rooms.take(rooms.size) == 0  # all of it is one room again


def test_what_is_computed_from_a_temporary_takes_its_room():
    def chain(x):
        y = x @ x
        for k in range(5):
            y = (y - tj.max(y)) * (k + 0.5)
        return y @ x

    x = tj.asarray(np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32))
    compiled = tj.compile(chain)
    assert compiled(x).numpy().tobytes() == chain(x).numpy().tobytes()
    assert plan_of(compiled, x).arena < 2.1 * x.nbytes  # of the five matrices in a row, two at a time


def test_what_other_rows_still_read_keeps_its_room():
    """Positions are read in whole by each row's sums before a later stage of the row moves its own."""

    def bodies(positions, velocities, masses):
        for _ in range(12):
            apart = positions[None, :, :] - positions[:, None, :]
            squared = (apart**2).sum(axis=2) + 0.01
            pull = (apart * (masses / (squared * tj.sqrt(squared)))[:, :, None]).sum(axis=1)
            velocities = velocities + 0.01 * pull
            positions = positions + 0.01 * velocities
            velocities = velocities + 0.01 * pull
        return positions, velocities

    rng = np.random.default_rng(0)
    given = [tj.asarray(rng.standard_normal(shape)) for shape in ((40, 3), (40, 3), (40,))]
    assert [a.numpy().tobytes() for a in tj.compile(bodies)(*given)] == [a.numpy().tobytes() for a in bodies(*given)]


def test_executables_take_turns_with_their_arenas():
    x = tj.ones((64, 65))
    functions = [tj.compile(lambda x, k=k: tj.sum(tj.exp(x) * k, axis=1, keepdims=True) + x * k) for k in range(20)]
    for _ in range(2):
        for function in functions:
            function(x)
    held = {size: len(arenas) for size, arenas in Executable.free.items()}
    for function in functions:
        function(x)
    assert {size: len(arenas) for size, arenas in Executable.free.items()} == held
    assert max(held.values()) < 10


# What the C library keeps

TEMPORARIES = """
import resource
import numpy as np
{before}
a = np.ones(1 << 17)  # a mebibyte, of 256 pages
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(30):
    b = a + a
    c = b * a
    del b, c
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other rules")
def test_freed_temporaries_of_numpy_code_are_used_again():
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES"))}

    def faults(before: str) -> int:
        program = [sys.executable, "-c", TEMPORARIES.format(before=before)]
        return int(subprocess.run(program, capture_output=True, text=True, check=True, env=environment, cwd=Path(__file__).parents[1]).stdout)

    assert faults("import tracejit") < 30 * 256 / 10
    assert faults("import tracejit; tracejit.compile(lambda x: x * 2)(np.ones(3))") < 30 * 256 / 10


# What is cached


@pytest.mark.parametrize("function", [lambda x: x * 2, lambda x: tj.exp(x).sum(), lambda x: (x[1:], x)], ids=["new", "reduced", "views"])
def test_a_compiled_function_keeps_no_large_argument_and_no_result(function):
    compiled = tj.compile(function)
    for _ in range(3):
        x = large()
        results = compiled(x)
        held = [weakref.ref(x._value), weakref.ref((results if isinstance(results, tuple) else (results,))[0]._value)]
        del x, results
        gc.collect()
        assert [r() for r in held] == [None, None]


def test_what_was_asked_for_lately_is_remembered():
    recent = Recent(10)
    for n in range(1000):
        recent[n] = str(n)
        assert recent["always"] == ("yes" if n else None)
        recent["always"] = "yes"
        assert all(recent[k] == str(k) for k in range(max(0, n - 5), n + 1))
        assert len(recent) + len(recent.older) <= 20
    assert recent[0] is None
