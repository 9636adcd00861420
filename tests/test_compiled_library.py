"""Linear algebra, transforms, convolutions and pooling give the same bits eager and compiled, gradients included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import test_conv
import test_einsum
import test_linalg
from support import assert_bits_equal

import tracejit as tj
from tracejit.autograd import grad
from tracejit.tensor import wrap

FFT = {
    "fft": (lambda x: tj.fft.fft(x, n=5), (3, 4)),
    "rfft": (tj.fft.rfft, (3, 6)),
    "irfftn": (lambda x: tj.fft.irfftn(tj.fft.rfftn(x) * 2), (4, 6)),
    "fftshift": (tj.fft.fftshift, (3, 4)),
}
EINSUM = {case[0]: (lambda *t, s=case[0]: tj.einsum(s, *t), *case[1:]) for case in test_einsum.CASES[6:40:3] if case[1] != ()}
CONV = {
    n: (lambda x, w, o=o: test_conv.convolve(x, w, **o), s, k) for n, (s, k, o) in test_conv.CONV.items() if n in ("everything", "same", "one axis")
}
POOL = {
    f"{kind} {n}": (lambda x, k=kind, o=o: test_conv.pooled(k, x, **o), s)
    for n, (s, o) in test_conv.POOL.items() for kind in ("max", "avg") if n in ("plain", "padded", "one axis")
}  # fmt: skip
TRANSPOSED = {
    n: (lambda x, w, o=o: test_conv.transpose_convolve(x, w, None, **o), s, k)
    for n, (s, k, o) in test_conv.TRANSPOSED.items() if n in ("strided", "grouped")
}  # fmt: skip
CASES = {
    f"{room}: {name}": case
    for room, table in {
        "linalg": test_linalg.DIFFERENTIABLE, "fft": FFT, "einsum": EINSUM, "conv": CONV, "pool": POOL, "transposed": TRANSPOSED,
    }.items()
    for name, case in table.items()
    if not name.startswith("triangular") or "True, False, True" in name
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_compiled_is_eager_to_the_bit(name: str) -> None:
    function, *shapes = CASES[name]
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]

    def run(*leaves: Any) -> tuple[Any, ...]:
        result = function(*leaves)
        parts = result if isinstance(result, tuple) else (result,)
        total = sum((tj.abs(p) ** 2).sum() for p in parts)
        return (*parts, *grad(total, leaves, materialize_grads=True))

    compiled = tj.compile(run)
    leaves = [wrap(a).requires_grad_() for a in arrays]
    wanted = run(*leaves)
    for _ in range(2):
        found = compiled(*leaves)
        assert len(found) == len(wanted)
        for i, (f, w) in enumerate(zip(found, wanted)):
            assert_bits_equal(f, w, f"{name}, result {i}")
