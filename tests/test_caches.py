"""Memory stays what it is however many shapes and calls there are: caches forget what was not asked for lately, and nothing else grows."""

from __future__ import annotations

import functools
import gc
import tracemalloc

import numpy as np
import pytest

import tracejit as tj
from tracejit.backends.cpu import backend
from tracejit.backends.recent import Recent

LIMIT = 8


@pytest.fixture
def small_caches(monkeypatch):
    monkeypatch.setattr(backend, "executables", Recent(LIMIT))
    monkeypatch.setattr(backend, "one_node", Recent(LIMIT))


def held() -> tuple[int, int]:
    """How many objects there are, and the bytes that Python and NumPy have taken for them, but for what bounded caches hold."""
    for cache in gc.get_objects():
        if type(cache) is functools._lru_cache_wrapper and cache.cache_parameters()["maxsize"] is not None:  # isinstance asks weak proxies, dead ones too
            cache.cache_clear()
    gc.collect()
    return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]


def grown(call, first: int, then: int) -> tuple[float, float]:
    """Objects and bytes that each call beyond the first ones leaves behind; a call is told its number."""
    tracemalloc.start()
    try:
        for n in range(first):
            call(n)
        objects, size = held()
        for n in range(first, first + then):
            call(n)
        after_objects, after_size = held()
    finally:
        tracemalloc.stop()
    return (after_objects - objects) / then, (after_size - size) / then


def chain(x):
    return (tj.exp(x) * 2 + x).sum() - x[0]


def gradient(x):
    x = x.detach().requires_grad_()
    (tj.tanh(x) * x).sum().backward()
    return x.grad


@pytest.mark.parametrize("function", [chain, gradient], ids=lambda f: f.__name__)
@pytest.mark.parametrize("mode", ["compiled", "eager"])
def test_a_new_shape_leaves_nothing_behind_once_caches_are_full(function, mode, small_caches):
    ready = tj.compile(function, limit=LIMIT) if mode == "compiled" else function
    base = np.linspace(0, 1, 4000, dtype=np.float32)
    objects, size = grown(lambda n: ready(tj.asarray(base[: 2 + n])), 8 * LIMIT, 25 * LIMIT)
    assert objects < 2 and size < 400, (objects, size)


def test_a_call_leaves_nothing_behind():
    ready, x = tj.compile(chain, limit=LIMIT), tj.ones(100)
    objects, size = grown(lambda n: ready(x), 200, 1000)
    assert objects < 0.1 and size < 20, (objects, size)


def test_signatures_that_are_asked_for_stay(small_caches):
    ready = tj.compile(chain, limit=LIMIT)
    for n in range(5 * LIMIT):
        ready(tj.ones(2 + n))
        ready(tj.ones(1000))
    assert ready.cache_info().traces == 5 * LIMIT + 1
    assert ready.cache_info().entries == LIMIT
