"""Ops on whole arrays on a simulated GPU: NumPy stands for CuPy, and for cuBLAS what its documentation says of its arguments."""

from __future__ import annotations


import library_laws as laws
import pytest
from op_samples import SAMPLES

from tracejit.backends.cuda.libraries import ROWS
from tracejit.op import OPS

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.usefixtures("simulated_gpu")]
every_op = pytest.mark.parametrize("name", laws.LIBRARY_OPS)
STATIC = [name for name in laws.LIBRARY_OPS if not OPS[name].dynamic]


@every_op
def test_an_op_is_as_exact_as_on_the_cpu_in_every_layout(name):
    laws.check_as_exact(name)


@pytest.mark.parametrize("name", STATIC)
def test_a_graph_has_the_bits_of_eager_mode(name):
    laws.check_compiled(name)


@pytest.mark.parametrize("name", STATIC)
def test_nothing_is_written_beside_a_result(name):
    laws.check_writes(name)


@pytest.mark.parametrize("name", [name for name in STATIC if OPS[name].vjp is not None])
def test_gradients_are_those_of_the_cpu(name):
    laws.check_gradient(name)


def test_every_library_op_says_what_computes_it():
    assert set(ROWS) == set(laws.LIBRARY_OPS) <= set(SAMPLES)
    for name, row in ROWS.items():
        ways = [row.writes is not None, row.gives is not None]
        assert sum(ways) <= 1 and bool(row.reason) == (not any(ways) or row.only != "bifc"), name
