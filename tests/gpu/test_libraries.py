"""Ops on whole arrays on a real GPU, by CuPy: the laws of tests/library_laws.py."""

from __future__ import annotations

import library_laws as laws
import pytest
from op_samples import INVARIANT

from tracejit.op import OPS
from tracejit.spec import DTYPES, is_inexact

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
pytest.importorskip("cupy")
STATIC = [name for name in laws.LIBRARY_OPS if not OPS[name].dynamic]


@pytest.mark.parametrize("name", laws.LIBRARY_OPS)
def test_an_op_is_as_exact_as_on_the_cpu_in_every_layout(name):
    laws.check_as_exact(name)


@pytest.mark.parametrize("name", STATIC)
def test_a_graph_has_the_bits_of_eager_mode(name):
    laws.check_compiled(name)


@pytest.mark.parametrize("name", STATIC)
def test_nothing_is_written_beside_a_result(name):
    laws.check_writes(name)


@pytest.mark.parametrize("name", [name for name in STATIC if OPS[name].vjp is not None and name not in INVARIANT])
def test_gradients_are_those_of_the_cpu(name):
    laws.check_gradient(name)


@pytest.mark.parametrize("name", laws.ASKED)
def test_nan_and_zeros_stand_where_numpy_puts_them(name):
    laws.check_order(name)


@pytest.mark.parametrize("name", laws.REFUSED)
def test_values_are_refused_with_the_words_of_the_cpu(name):
    laws.check_refusal(name)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if is_inexact(d)], ids=str)
def test_products_of_every_shape_and_layout(dtype):
    laws.check_products(dtype)
