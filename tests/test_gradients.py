"""The law of gradients: every differentiable op, over its domain, to first and second order, against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from op_samples import CONSTANT, INVARIANT, SAMPLES, SYMMETRIC, elementwise_samples

import tracejit as tj
from tracejit.autograd import gradcheck, gradgradcheck
from tracejit.op import OPS, Elementwise
from tracejit.spec import is_inexact

DIFFERENTIABLE = sorted(name for name, op in OPS.items() if op.vjp is not None)
CASES = [
    (name, index)
    for name in DIFFERENTIABLE
    for index in range(len(elementwise_samples(OPS[name]) if isinstance(OPS[name], Elementwise) else SAMPLES.get(name, ())))
]


def prepared(name: str, index: int):
    """A function of the tensors that have gradients, and these."""
    op = OPS[name]
    samples = elementwise_samples(op) if isinstance(op, Elementwise) else SAMPLES[name]
    args, attrs = samples[index]()
    moving = [i for i, a in enumerate(args) if is_inexact(a.dtype) and i not in CONSTANT.get(name, ())]

    def function(*tensors: tj.Tensor):
        held = list(args)
        for i, t in zip(moving, tensors):
            held[i] = (t + tj.conj(t).mT) / 2 if name in SYMMETRIC else t
        result = op(*held, **attrs)
        return INVARIANT[name](*result) if name in INVARIANT else result

    return function, [args[i].clone().requires_grad_() for i in moving]


def test_every_op_has_a_sample_or_is_elementwise():
    missing = [name for name, op in OPS.items() if not isinstance(op, Elementwise) and not SAMPLES.get(name)]
    assert not missing, f"tests/op_samples.py has no sample of {missing}"
    assert not set(SAMPLES) - set(OPS), "it has samples of ops that do not exist"


# Ops of floats that give floats, and yet have no gradient.
WITHOUT = {
    "alias": "it is what detach() does", "nextafter": "PyTorch has none either", "histogram": "PyTorch has none of the edges either",
    "convolution_by_positions": "the function `convolution` has one", "convolution_by_channels": "as the other",
    "convolution_by_lines": "`weight_sums` has one", "host_pair": "of what is computed here, only exponents come in pairs",
}  # fmt: skip


def test_every_op_that_takes_floats_and_gives_floats_has_a_rule():
    lacking = set()
    for name, op in OPS.items():
        for made in (elementwise_samples(op) if isinstance(op, Elementwise) and "f" in op.accepts else SAMPLES.get(name, ())):
            args, attrs = made()
            if op.vjp is None and any(is_inexact(t.dtype) for t in args):
                results = op(*args, **attrs)
                if any(is_inexact(t.dtype) for t in (results if isinstance(results, tuple) else (results,))):
                    lacking.add(name)
    assert lacking == set(WITHOUT)


@pytest.mark.parametrize("name, index", CASES, ids=lambda v: str(v))
def test_gradient_to_first_and_second_order(name, index):
    function, inputs = prepared(name, index)
    assert gradcheck(function, inputs, atol=1e-6, rtol=1e-6)
    assert gradgradcheck(function, inputs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if not OPS[n].is_view and n not in ("where", "index_put")])
def test_gradient_in_one_input_alone_is_that_among_all(name):
    """An op saves less where fewer gradients are wanted; what it gives must not change."""
    op = OPS[name]
    samples = elementwise_samples(op) if isinstance(op, Elementwise) else SAMPLES[name]
    args, attrs = samples[0]()
    moving = [i for i, a in enumerate(args) if is_inexact(a.dtype)]

    def gradients(wanted: list[int]) -> list[np.ndarray]:
        held = [a.detach().requires_grad_() if i in wanted else a.detach() for i, a in enumerate(args)]
        results = op(*held, **attrs)
        results = [r for r in (results if isinstance(results, tuple) else (results,)) if r.requires_grad]
        if not results:
            return [np.zeros(0) for _ in wanted]
        weights = [tj.asarray(np.random.default_rng(0).uniform(1, 2, r.shape)).astype(r.dtype) for r in results]
        found = tj.autograd.grad(results, [held[i] for i in wanted], weights, materialize_grads=True)
        return [g.numpy() for g in found]

    for i, together in zip(moving, gradients(moving)):
        np.testing.assert_array_equal(gradients([i])[0], together)
