"""A choice never changes bits: what is computed again or stored, how loops are cut, blocked, unrolled and handed to threads.

Each choice is a constant that a measurement has fixed. Whatever it were, results would be the same: a law over candidates × functions.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
import tracejit.nn.functional as F
from tracejit.backends import cpu, schedule
from tracejit.backends.llvm import lanes
from tracejit.backends.native import jit
from tracejit.backends.text import reductions as columns
from tracejit.backends.text import source
from tracejit.lowering import edges, fuse, reductions, rows, side_by_side, waves
from tracejit.lowering.hardware import CPU
from tracejit.lowering.plan import make_plan



def planned(**hardware):
    """`make_plan` for a CPU that is taken for another."""
    return partial(make_plan, hardware=replace(CPU, **hardware))


# What might have been chosen: on either side of what is.
CHOICES = [
    (fuse, "STORED", (0, 1000)), (fuse, "STORED_NEAR", (0, 1000)), (fuse, "NEAR", (0, 1000)),
    (fuse, "CHEAP", (0, 1000)), (fuse, "WIDTH_LIMIT", (1, 1000)), (fuse, "PLACES_LIMIT", (0, 64)), (fuse, "GROUP_LIMIT", (1,)), (fuse, "DEPTH_LIMIT", (3,)),
    (rows, "STAGE_LIMIT", (1, 1000)), (rows, "WIDE", (8,)), (cpu, "make_plan", (planned(few=1), planned(few=1000), planned(part=256))),
    (reductions, "MANY", (1, 10**6)), (reductions, "CACHED", (64,)), (reductions, "BLOCKS", ((8, 16), (64, 10**6))),
    (side_by_side, "LANES", (2, 10**6)), (side_by_side, "REUSED", (1, 10**6)), (side_by_side, "CACHED", (64, 10**9)), (side_by_side, "FEW", (1, 1000)),
    (edges, "LARGE", (1, 10**9)), (edges, "ROW", (1,)), (waves, "LARGE", (1, 10**9)), (waves, "ROW", (1,)),
    (columns, "SLICES", (1, 3)), (source, "ROWS", ((8,), (64, 8))), (source, "APART", (0, 10**6)), (source, "NEAR", (1,)),
    (lanes, "VALUES", (0, 10**6)), (lanes, "SHORT", (0, 10**6)),
    (schedule, "CHUNK", (1, 1000, 10**12)),
]  # fmt: skip
RNG = np.random.default_rng(5)
X, Y, Z = (tj.asarray(RNG.normal(size=s).astype("float32")) for s in ((70, 90), (70, 90), (40, 90)))


def chain(x, y):
    z = tj.exp(x) * y
    for k in range(12):
        z = z * x + tj.tanh(z) / (k + 2)
    return z, (z - y).sum(0), z.astype(tj.float64).mean()


def steps(x, y):
    """A stencil's, each of which reads the one before at five places."""
    for _ in range(3):
        x = x + 0.1 * (tj.roll(x, 1, 0) + tj.roll(x, -1, 0) + tj.roll(x, 1, 1) + tj.roll(x, -1, 1) - 4 * x)
    return x[1:-1, 1:-1] * y[2:, 2:]


def shortening(x, y):
    """A recurrence, each turn of which reads two elements of the one before and divides what it goes on with."""
    for _ in range(6):
        x = x[:, 1:] / 1.1
        y = tj.maximum(0.9 * (0.6 * y[:, 1:] + 0.4 * y[:, :-1]), 1.5 - x)
    return y


def distances(x, y):
    difference = x[:, None] - Z[None]
    return tj.sqrt((difference * difference).sum(-1)), difference[..., :3].sum(-1)


def attention(x, y):
    q, k, v = (t.reshape(1, 5, 14, 90) for t in (x, y, x * y))
    return F.scaled_dot_product_attention(q, k, v)


def gradients(x, y):
    x = x.detach().requires_grad_()
    loss = F.cross_entropy(F.layer_norm(tj.relu(F.pad(x, (1, 1))), (92,)), tj.argmax(y, axis=1)) + F.softmax(x, 0).var()
    loss.backward()
    return loss.detach(), x.grad


def sums(x, y):
    large = tj.repeat(x.reshape(-1), 11)
    return large.sum(), large.reshape(-1, 9).sum(0), large.reshape(9, -1).max(1).values, (x * y).reshape(2, 35, 90).sum((0, 2))


FUNCTIONS = (chain, steps, shortening, distances, attention, gradients, sums)


def results(function) -> list[np.ndarray]:
    """Of a fresh compilation."""
    cpu.backend.executables.clear()
    cpu.backend.executables.older.clear()
    found = tj.compile(lambda x, y: function(x, y))(X, Y)
    return [t.numpy() for t in (found if isinstance(found, tuple) else (found,))]


@pytest.fixture
def empty_store(monkeypatch, tmp_path):
    """No machine code is known, in this process or on disk; afterwards what was known is known again."""
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit, "_addresses", {})


@pytest.fixture(scope="module")
def wanted():
    return {function: results(function) for function in FUNCTIONS}


@pytest.mark.parametrize("module, name, candidates", CHOICES, ids=lambda v: v if isinstance(v, str) else getattr(v, "__name__", "").rpartition(".")[2])
def test_a_choice_never_changes_bits(module, name, candidates, wanted, monkeypatch, request):
    if module is lanes:  # the same text becomes other machine code
        request.getfixturevalue("empty_store")
    for candidate in candidates:
        assert candidate != getattr(module, name)
        monkeypatch.setattr(module, name, candidate)
        for function in FUNCTIONS:
            for found, expected in zip(results(function), wanted[function]):
                assert_bits_equal(found, expected, f"{function.__name__} with {name} = {candidate}")
