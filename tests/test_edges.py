"""Loops over pads are cut at their edges: the same values, and no guard where none is needed."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.backends.cpu import backend
from tracejit.backends.recent import Recent
from tracejit.lowering import edges


def laplacian(x):
    p = tj.pad(x, 1)
    return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * x


def periodic(x):
    return tj.roll(x, 1, axis=0) + tj.roll(x, -1, axis=0) + tj.roll(x, 1, axis=1) + tj.roll(x, -1, axis=1) - 4 * x


def three_periodic_steps(x):
    for _ in range(3):
        x = x + periodic(x) * 0.125
    return x


def gradient_of_slices(x):
    x = x.detach().requires_grad_(True)
    (tj.exp(x[3:, :-1]) * x[:-3, 1:] + x[1:-2, 2:].sum() * x[2, 3]).sum().backward()
    return x.grad


def far_apart(x):
    wide = tj.zeros((x.shape[0], 3 * x.shape[1]))
    wide[:, x.shape[1] : 2 * x.shape[1]] = x * 2
    return wide[:, ::2] + 1


def never(x):
    return tj.pad(x, ((0, 0), (40, 0)))[:, :40] + tj.exp(x[:, :1])


TABLE = {
    "a pad": laplacian,
    "rolled round": periodic,
    "a roll": lambda x: tj.roll(x, (3, -7), axis=(0, 1)),
    "three periodic steps": three_periodic_steps,
    "gradient of slices": gradient_of_slices,
    "every other column": far_apart,
    "nothing of the value": never,
    "half and half": lambda x: tj.roll(x, x.shape[1] // 2, axis=1) * 2,
    "a gap of one": lambda x: tj.roll(x, 1, axis=0).T + 1,
}


@pytest.mark.parametrize("share", [0.0, 0.6])
@pytest.mark.parametrize("name", TABLE)
def test_cut_loops_give_the_same(name, share, monkeypatch):
    monkeypatch.setattr(backend, "executables", Recent(100))
    for setting, value in (("LARGE", 1), ("ROW", 1), ("SHARE", share)):
        monkeypatch.setattr(edges, setting, value)
    function = TABLE[name]
    for shape in ((19, 50), (7, 64)):
        x = tj.asarray(np.random.default_rng(0).normal(size=shape).astype("float32"))
        compiled = tj.compile(function)
        assert_bits_equal(compiled(x), function(x).detach().numpy(), name)
        if not share:
            first = compiled.source(x).split("def ")[1]
            assert "within" not in first and " if k" not in first, first


def test_small_loops_are_not_cut():
    compiled, x = tj.compile(laplacian), tj.ones((30, 30))
    compiled(x)
    assert compiled.plan(x).count("kernel") == 1
    large = tj.ones((300, 300))
    compiled(large)
    assert compiled.plan(large).count("kernel") == 5
