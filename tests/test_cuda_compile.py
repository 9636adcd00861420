"""Compiled functions on a device, by the simulated one: eager mode's bits there, NumPy's results in NumPy's kinds, and nothing lost on the way."""

from __future__ import annotations

import weakref
from typing import Any, Callable

import control_bodies as cb
import numpy as np
import pytest
from programs import PROGRAMS
from support import assert_bits_equal

import tracejit as tj
from tracejit import entry
from tracejit.permits import front

pytestmark = pytest.mark.usefixtures("simulated_gpu")


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 2, shape)


# NumPy code: arrays of the host's


def written_in_place(x: Any, y: Any) -> Any:
    z = x * y + 1
    x[0] = 7
    x[:, 1] += z[:, 0]
    return z


def shared(x: Any, y: Any) -> Any:
    z = x * y
    return [z, z[1:], z], {"argument": x, "again": z}


def kinds(x: Any, y: Any) -> Any:
    z = x - y
    return z, z[0, 0], 3, None, z.shape, x[1], np.float64(2)


def asked(x: Any, y: Any) -> Any:
    z = x * 2
    if z[0, 0] > 2:
        z = z + y
    z[1] = float(y[0]) + 1
    return z


def handed_out(x: Any, y: Any) -> Any:
    z = x * y
    first, view = bytes(np.asarray(z)), z[1]
    z += 1
    return first, z, view


def kept_elsewhere(x: Any, y: Any) -> Any:
    found: list[Any] = []
    for k in range(3):
        found.append(x * k - y)
    return found


def drawn(x: Any, y: Any) -> Any:
    np.random.shuffle(x)
    return x + y


NUMPY_CODE = [written_in_place, shared, kinds, asked, handed_out, kept_elsewhere, drawn]


def alike(a: Any, b: Any) -> None:
    """Values of the same types; arrays that share memory, and are the same objects, where the others do."""
    from_a, from_b = tj.tree.flatten(a)[0], tj.tree.flatten(b)[0]
    assert len(from_a) == len(from_b)
    for one, other in zip(from_a, from_b):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other)
    arrays = [(p, q) for p, q in zip(from_a, from_b) if isinstance(p, np.ndarray)]
    for n, (p, q) in enumerate(arrays):
        for r, s in arrays[:n]:
            assert (p is r) == (q is s) and np.may_share_memory(p, r) == np.may_share_memory(q, s)


@pytest.mark.parametrize("function", NUMPY_CODE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("order", ["rows", "transposed"])
def test_numpy_code_gets_and_gives_numpy(function: Callable, order: str) -> None:
    compiled = tj.compile(function, device="cuda")
    for seed in (0, 1, 2, 0):
        here, there = [(x if order == "rows" else x.T, y) for x, y in [(numbers(4, 4, seed=seed), numbers(4, seed=9)) for _ in range(2)]]
        np.random.seed(seed)
        expected = function(*here)
        np.random.seed(seed)
        alike(compiled(*there), expected)
        alike(there, here)


@pytest.mark.parametrize("function", [shared, asked, kept_elsewhere], ids=lambda f: f.__name__)
def test_numpy_code_given_tensors_of_the_device_gives_such(function: Callable) -> None:
    compiled, given = tj.compile(function), [tj.asarray(a).to("cuda") for a in (numbers(4, 4), numbers(4))]
    expected = tj.tree.flatten(function(*given))[0]
    for _ in range(3):
        for one, other in zip(tj.tree.flatten(compiled(*given))[0], expected, strict=True):
            assert one.device == other.device == "cuda:0"
            np.testing.assert_array_equal(one.cpu().numpy(), other.cpu().numpy())


# Tensors


def test_tensors_of_the_host_are_brought_and_what_is_computed_stays() -> None:
    x, weight = tj.asarray(numbers(3, 4)), tj.asarray(numbers(4))
    weight.requires_grad_(True)

    @tj.compile(device="cuda")
    def step(x: Any) -> Any:
        weight.grad = None
        y = x * weight
        y.backward(tj.ones_like(y))
        x += 1
        return y, x

    for _ in range(3):
        before = x.numpy().copy()
        y, same = step(x)
        assert y.device == "cuda:0" and same is x and x.device == "cpu" and weight.grad.device == "cpu"
        np.testing.assert_array_equal(y.detach().cpu().numpy(), before * weight.detach().numpy())
        np.testing.assert_array_equal(x.numpy(), before + 1)


def test_moving_to_where_the_graph_runs_moves_nothing() -> None:
    compiled = tj.compile(lambda x: x.to("cuda") * 2, device="cuda", fullgraph=True)
    for x in (tj.asarray(numbers(3)), tj.asarray(numbers(3)).to("cuda")):
        np.testing.assert_array_equal(compiled(x).cpu().numpy(), 2 * x.cpu().numpy())


# Programs

OF_THE_TABLE = (
    "seawater_density", "ocean_expansion", "tracer_mixing", "tridiagonal_blocks", "jacobi", "epidemic", "black_scholes", "binomial_tree",
    "rolling_statistics", "percentile_normalise", "group_by", "kmeans", "edit_distance", "mandelbrot_mask", "convolution", "median_filter",
    "cholesky", "contour_integral", "spline", "haversine", "crc32",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_THE_TABLE)
def test_programs_have_numpys_results(name: str) -> None:
    program = PROGRAMS[name]
    compiled = tj.compile(program.function, device="cuda")
    for _ in range(2):
        here, there = program.arguments(), program.arguments()
        np.random.seed(3)
        wanted = tj.tree.flatten((program.function(*here), here))[0]
        np.random.seed(3)
        for one, other in zip(tj.tree.flatten((compiled(*there), there))[0], wanted, strict=True):
            assert type(one) is type(other)
            near(one, other, max(program.rounding, 4))  # and sums are in an order of their own


def near(found: Any, wanted: Any, units: float) -> None:
    """Equal but for so many units in the last place of the largest magnitude."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, wanted)
        return
    finite = np.isfinite(wanted)
    largest = np.abs(wanted[finite]).max(initial=0)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=units * np.finfo(wanted.dtype).eps * largest)


# Control flow

LONG = {cb.of_integers, cb.triangular}
CASES = [(function, args) for function, args in cb.CASES if function not in LONG]
FOREIGN = {cb.inner_writes}  # they make tensors of the host's, and write the device's into them


def over(cases: list[Any]) -> Any:
    return pytest.mark.parametrize("function, args", cases, ids=[f"{n}-{function.__name__}" for n, (function, _) in enumerate(cases)])


@over([case for case in CASES if case[0] not in FOREIGN])
def test_loops_and_branches_are_those_of_eager_mode_there(function: Callable, args: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    leaves, structure = tj.tree.flatten(args)
    args = tj.tree.unflatten(structure, [leaf.to("cuda") if isinstance(leaf, tj.Tensor) else leaf for leaf in leaves])
    monkeypatch.setattr(cb, "W", cb.W.to("cuda"))
    compiled, wanted = tj.compile(function), tj.tree.flatten(function(*args))[0]
    for _ in range(2):
        for found, value in zip(tj.tree.flatten(compiled(*args))[0], wanted, strict=True):
            assert_bits_equal(*[v.cpu() if isinstance(v, tj.Tensor) else v for v in (found, value)], function.__name__)


@over(CASES)
def test_loops_and_branches_of_the_hosts_tensors_are_near_those_of_the_host(function: Callable, args: tuple[Any, ...]) -> None:
    found = tj.tree.flatten(tj.compile(function, device="cuda")(*args))[0]
    for one, other in zip(found, tj.tree.flatten(function(*args))[0], strict=True):
        assert not isinstance(one, tj.Tensor) or one.device == "cuda:0"
        one, other = (np.asarray(v.cpu().numpy() if isinstance(v, tj.Tensor) else v) for v in (one, other))
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13)  # reductions have an order of their own there


def decisions(function: Callable, *args: Any) -> list[bool]:
    compiled = tj.compile(function)
    compiled(*args)
    return [executable.decides for kept in compiled._entries.values() for entry in kept for executable in entry.executables()]


def test_only_what_depends_on_values_waits_for_them() -> None:
    x = tj.asarray(numbers(5)).to("cuda")
    assert decisions(lambda x: tj.fori_loop(0, 4, lambda i, v: tj.fori_loop(0, 3, lambda j, u: u * j + v, v) + i, x), x) == [False]
    assert decisions(lambda x: tj.scan(lambda c, u: (c + u, c * u), x[0], x), x) == [False]
    assert decisions(lambda x: tj.cond(x[0] > 0, lambda x: x + 1, lambda x: x, x), x) == [True]
    assert decisions(lambda x: tj.while_loop(lambda v: v[0] < 10, lambda v: v * 2, x), x) == [True]


# Indices out of bounds


def test_the_device_tells_of_an_index_when_it_is_waited_for() -> None:
    @tj.compile
    def pick(x: Any, i: Any) -> Any:
        y = x[i] * 2
        x[i] = 7
        return y

    x, i = tj.arange(6).to("cuda"), tj.asarray([1, 4]).to("cuda")
    for _ in range(2):
        assert pick(x, i).tolist() is not None
    pick(x, i + 2)
    with pytest.raises(tj.LateIndexingError, match=r"test_cuda_compile\.py:\d+"):
        x.tolist()
    assert x.tolist() == [0, 7, 2, 7, 7, 7]  # told once; nothing was written elsewhere


def test_arrays_of_the_host_are_not_changed_where_an_index_is_out_of_bounds() -> None:
    def pick(x: Any, i: Any) -> Any:
        x[i] = x[i] * 2
        return x[0]

    compiled, x = tj.compile(pick, device="cuda"), np.arange(4)
    for i in ([1, 2], [0, 1], [3, 4]):
        here, there = x.copy(), x.copy()
        try:
            expected = pick(here, np.array(i))
        except IndexError as error:
            with pytest.raises(IndexError, match=str(error)):
                compiled(there, np.array(i))
        else:
            assert compiled(there, np.array(i)) == expected
        assert (here == there).all()


def test_whoever_waits_for_the_device_is_told_of_an_index() -> None:
    tj.arange(3).to("cuda")[tj.asarray([3]).to("cuda")]
    with pytest.raises(tj.LateIndexingError):
        tj.cuda.synchronize()
    tj.cuda.synchronize()


def test_a_blocking_device_tells_of_an_index_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEJIT_CUDA", "simulator,blocking")
    with pytest.raises(tj.LateIndexingError):
        tj.arange(3).to("cuda")[tj.asarray([3]).to("cuda")]


# What is refused


def test_a_device_without_a_name_is_refused_at_once() -> None:
    with pytest.raises(tj.DeviceError, match="no device 'gpu'"):
        tj.compile(written_in_place, device="gpu")


def test_tensors_of_another_device_are_refused() -> None:
    with pytest.raises(tj.DeviceError, match="compiled for cpu"):
        tj.compile(lambda x: x + 1, device="cpu")(tj.ones(3, device="cuda"))


def test_verification_compares_where_eager_mode_computes() -> None:
    with pytest.raises(tj.ArgumentError, match="tensors on the device"):
        tj.compile(written_in_place, device="cuda", verify="first")


# Calls that are known


@pytest.mark.filterwarnings("ignore::tracejit.RetraceWarning")
def test_calls_of_known_layouts_go_straight_to_their_replay() -> None:
    x, y = tj.asarray(numbers(4)).to("cuda"), tj.asarray(numbers(4, seed=1)).to("cuda")
    scale = [2.0]

    @tj.compile
    def scaled(a: Any, b: Any) -> Any:
        return a * b * scale[0]

    def asked(*args: Any, **kwargs: Any) -> bool:
        """Whether the key of a call is made; and the call is right."""
        before, met = scaled._signature.flatten, []
        scaled._signature.flatten = lambda *call: met.append(call) or before(*call)
        try:
            assert scaled(*args, **kwargs).tolist() == scaled.__wrapped__(*args, **kwargs).tolist()
        finally:
            scaled._signature.flatten = before
        return bool(met)

    for _ in range(10):
        scaled(x, y)
    hits = scaled.cache_info().hits
    assert not asked(x, y) and not asked(y, x.clone()) and scaled.cache_info().hits == hits + 2
    assert asked(x, x) and asked(x[:2], y[:2]) and asked(x, b=y) and asked(x.cpu(), y.cpu()) and asked(x, y.clone().requires_grad_())
    with tj.no_grad():
        assert asked(x, y)
    scale[0] = 3.0
    assert asked(x, y)
    scaled.clear()
    assert asked(x, y)


def test_explain_tells_what_is_moved() -> None:
    compiled, x, y = tj.compile(written_in_place, device="cuda"), numbers(4, 4), numbers(4)
    before = x.copy()
    report = compiled.explain(x, y)
    assert report.transfers == [
        "2 arrays of the host's, 160 B, brought to cuda:0", "1 array of the host's, 128 B, written back from cuda:0", "1 result fetched from cuda:0",
    ]  # fmt: skip
    assert all(line in str(report) for line in report.transfers) and "pointer(args" in str(report)
    assert (x == before).all()
    there = tj.asarray(x).to("cuda")
    assert not tj.compile(lambda x: x + 1).explain(there).transfers


def test_large_arguments_are_not_kept_alive(monkeypatch):
    monkeypatch.setattr(entry, "LARGE", 1)
    monkeypatch.setitem(front.__globals__, "LARGE", 1)
    function = tj.compile(lambda x: x * 2 + 1)
    for n in range(12):  # more calls than it takes for a front to stand there
        x = tj.arange(64.0, device="cuda")
        array = weakref.ref(x._value)
        assert function(x).tolist() == [2 * k + 1.0 for k in range(64)]
        del x
        assert array() is None, n
