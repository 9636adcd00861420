"""`@tj.compile` against the undecorated function: bits, types, identities, effects on arguments; and what its caches promise."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit import nn
from tracejit.backends.native.jit import compiled_count
from tracejit.backends.text.in_python import python_kernel
from tracejit.backends.text.source import print_kernel
from tracejit.graph.text import parse_graph, print_graph
from tracejit.lowering.kernel import Kernel


def bits(value):
    """Anything a function may return, as something that compares to the bit."""
    if isinstance(value, tj.Tensor):
        value = np.asarray(value.detach())
        return ("tensor", value.shape, value.dtype, value.tobytes())
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype, value.tobytes())
    if isinstance(value, (list, tuple)):
        return (type(value), [bits(v) for v in value])
    if isinstance(value, dict):
        return {k: bits(v) for k, v in value.items()}
    return (type(value), value)


def data(*shape, seed=0, dtype=np.float32):
    return tj.asarray(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def softmax_rows(x):
    return tj.softmax(x * 2.0, axis=-1)


def layer_norm(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / tj.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5)


def strided(x):
    return x[::2, 1:].mT + 1, x.mT.reshape(-1), tj.flip(x, axis=1)[..., ::3] * x[0, 0]


def stencil(x):
    return x[1:-1, 1:-1] * -4.0 + x[2:, 1:-1] + x[:-2, 1:-1] + x[1:-1, 2:] + x[1:-1, :-2]


def joined(x):
    return tj.concat([x, x * 2.0, tj.exp(x)], axis=0), tj.stack([x, -x], axis=1), tj.pad(x, ((1, 2), (0, 3)))


def gathered(x):
    rows = tj.asarray(np.array([2, 0, -1, 2]))
    return x[rows], x[:, rows].sum(axis=0), tj.take_along_axis(x, tj.argsort(x, axis=1), axis=1)


def products(x):
    return x @ x.mT, (x[:3] @ x.mT[:, :5]).exp(), tj.einsum("ij,kj->ik", x, x), x @ x[0]


def integers(x):
    i = (x * 100).astype(tj.int32)
    return i // 7, i % -3, i & 12, i << 2, (i > 3).astype(tj.uint8), i.astype(tj.float16) / 3


def small_floats(x):
    h, b = x.astype(tj.float16), x.astype(tj.bfloat16)
    return h * h + h, tj.exp(b) - b, h.sum(axis=0), b.mean(axis=1), (h + b)


def reductions(x):
    return x.sum(), x.sum(axis=0), x.mean(axis=(0, 1)), x.max(axis=1), x.prod(axis=0), x.var(), (x > 0).any(axis=0), x.min()


def library(x):
    square = x[:5, :5] @ x[:5, :5].mT + 5.0 * tj.eye(5)
    return tj.linalg.inv(square), tj.linalg.cholesky(square).sum(), tj.sort(x, axis=1), tj.cumulative_sum(x, axis=1), tj.linalg.svd(x)[1]


def complexes(x):
    z = x + 1j * x[::-1]
    return z * z, abs(z), z.real - z.imag, tj.fft.fft(x)


def containers(x):
    return {"a": [x, (x + 1, None)], "b": 3, "c": "text"}


PROGRAMS = [
    softmax_rows, layer_norm, strided, stencil, joined, gathered, products, integers, small_floats, reductions, library, complexes, containers,
]  # fmt: skip
SHAPES = [(8, 12), (7, 33), (64, 300)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "sliced"])
def test_compiled_equals_eager(program, shape, layout):
    x = data(*shape)
    if layout == "transposed":
        x = tj.asarray(np.asarray(data(*shape[::-1])).T)
    if layout == "sliced":
        x = data(shape[0] * 2, shape[1] + 3)[::2, 3:]
    compiled = tj.compile(program)
    expected = bits(program(x))
    for _ in range(3):
        assert bits(compiled(x)) == expected
    assert compiled.trace_count == 1


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (1, 1), (1, 5)], ids=str)
def test_edge_shapes(shape):
    def program(x):
        return x * 2 + 1, x.sum(), tj.exp(x).reshape(-1), x.sum(axis=None, keepdims=True)

    x = data(*shape)
    compiled = tj.compile(program)
    for _ in range(2):
        assert bits(compiled(x)) == bits(program(x))


def write_slice(x, y):
    x[2:5] = y[2:5] * 2
    x += 1
    view = x[1:]
    view *= 3
    return view, x


def write_through_reversed(x, y):
    x[::-1] = y
    x[1:] = x[:-1]
    return x


def write_places(x, y):
    x[tj.asarray(np.array([0, 3]))] = 7.0
    x[y > 0] = -1.0
    return x.sum()


@pytest.mark.parametrize("program", [write_slice, write_through_reversed, write_places], ids=lambda f: f.__name__)
def test_arguments_change_as_in_eager(program):
    compiled = tj.compile(program)
    for seed in range(3):
        x, y = data(8, seed=seed), data(8, seed=seed + 10)
        mine, theirs = tj.tensor(x), tj.tensor(x)
        assert bits(compiled(mine, y)) == bits(program(theirs, y))
        assert bits(mine) == bits(theirs)
    assert bits(compiled(mine, mine)) == bits(program(theirs, theirs))
    assert bits(mine) == bits(theirs)


def append_to_a_list(x, log, table):
    log.append(len(log))
    return x + 1


def fill_a_dict(x, log, table):
    table["y"] = x * 2
    table["x"] = table["x"] + x
    log.extend([table["x"], "end"])


def change_and_raise(x, log, table):
    table.clear()
    log.insert(0, x * 3)
    raise KeyError("changed")


@pytest.mark.parametrize("make", [np.float32, lambda a: tj.asarray(np.float32(a))], ids=["NumPy", "Tensor"])
@pytest.mark.parametrize("program", [append_to_a_list, fill_a_dict, change_and_raise], ids=lambda f: f.__name__)
def test_containers_among_the_arguments_change_as_in_eager(program, make):
    compiled = tj.compile(program)
    for seed in range(3):
        outcomes = []
        for run in (program, compiled):
            x, log, table = make(np.arange(3.0) + seed), [seed], {"x": make(np.ones(3))}
            inner = table["x"]
            try:
                result = run(x, log, table)
            except KeyError as error:
                result = str(error)
            outcomes.append((bits(result), bits(log), bits(table), table.get("x") is inner))
        assert outcomes[0] == outcomes[1]


def test_results_are_never_overwritten_and_arguments_keep_identity():
    f = tj.compile(lambda x: (x * 2, x))
    x, y = data(4), data(4, seed=1)
    first, same = f(x)
    kept = bits(first)
    f(y)
    f(x)
    assert bits(first) == kept and same is x


def test_two_calls_one_trace_and_a_new_shape_compiles_no_kernel():
    def program(x, scale):
        return (tj.exp(x) * scale).sum(axis=-1)

    f = tj.compile(program)
    f(data(8, 12), 2.0)
    f(data(8, 12), 2.0)
    assert f.trace_count == 1
    before = compiled_count()
    f(data(9, 31), 2.0)
    f(data(8, 12), 3.5)
    assert f.trace_count == 3 and compiled_count() == before


def test_python_values_are_told_apart():
    def program(x, n):
        return x + n if n else x

    f = tj.compile(program)
    x = tj.arange(3)
    for n in (True, 1, 1.0, 0, False, -0.0):
        assert bits(f(x, n)) == bits(program(x, n))


SCALE = 2.0


def test_globals_and_closures_are_guarded():
    global SCALE
    factor = 3.0

    def program(x):
        return x * SCALE * factor

    f = tj.compile(program)
    x = data(5)
    for SCALE in (2.0, 5.0):  # noqa: B007
        for factor in (3.0, 7.0):  # noqa: B007
            assert bits(f(x)) == bits(program(x))


def test_captures_are_read_at_each_call():
    weight = data(5)
    f = tj.compile(lambda x: x * weight)
    x = data(5, seed=2)
    f(x)
    weight += 1
    assert bits(f(x)) == bits(x * weight)
    assert f.trace_count == 1


def test_observations_are_exact():
    def program(x):
        if x.sum() > 0:
            return x * 2, float(x.max())
        return x - 1, int(x.argmin())

    f = tj.compile(program)
    for seed in range(6):
        x = data(5, seed=seed)
        assert bits(f(x)) == bits(program(x))
    assert bits(tj.compile(program, fullgraph=True)(x)) == bits(program(x))


def test_fullgraph_names_the_line_that_only_python_can_repeat():
    def program(x):
        return x * np.asarray(x)

    with pytest.raises(tj.CompileError, match="test_compile.py"):
        tj.compile(program, fullgraph=True)(data(5))


def test_exceptions_are_the_same_and_leave_no_trace_behind():
    def program(x, y):
        x += 1
        return x + y

    f = tj.compile(program)
    x = data(5)
    with pytest.raises(tj.ShapeError) as compiled:
        f(x, data(3))
    with pytest.raises(tj.ShapeError) as eager:
        program(tj.tensor(x), data(3))
    assert str(compiled.value).splitlines()[0] == str(eager.value).splitlines()[0]
    assert bits(x) == bits(data(5) + 1)
    assert bits(f(x, data(5))) == bits(x + data(5))


def test_index_out_of_bounds_raises_as_in_eager():
    f = tj.compile(lambda x, i: x[i])
    x = data(5)
    assert bits(f(x, tj.asarray([1, 2]))) == bits(x[tj.asarray([1, 2])])
    with pytest.raises(IndexError):
        f(x, tj.asarray([1, 9]))


def test_random_numbers_are_the_eager_stream():
    f = tj.compile(lambda x: x + tj.rand(4) + tj.randn(4))
    x = data(4)
    tj.manual_seed(3)
    eager = [bits(f.__wrapped__(x)) for _ in range(4)]
    tj.manual_seed(3)
    assert [bits(f(x)) for _ in range(4)] == eager


def test_gradients_inside_and_through():
    def loss_of(x, w):
        return (tj.tanh(x @ w) ** 2).mean()

    def inside(x, w):
        w.grad = None
        loss = loss_of(x, w)
        loss.backward()
        return loss.detach()

    x = data(6, 5)
    mine, theirs = (data(5, 3, seed=4).requires_grad_() for _ in range(2))
    f = tj.compile(inside)
    for _ in range(3):
        assert bits(f(x, mine)) == bits(inside(x, theirs))
        assert bits(mine.grad) == bits(theirs.grad)
    g = tj.compile(loss_of)
    for _ in range(2):
        mine.grad = theirs.grad = None
        g(x, mine).backward()
        loss_of(x, theirs).backward()
        assert bits(mine.grad) == bits(theirs.grad)


def test_threads_get_right_results():
    f = tj.compile(lambda x: tj.exp(x) * 2 - x)
    xs = [data(50, seed=i) for i in range(16)]
    found: dict[int, object] = {}
    threads = [threading.Thread(target=lambda i=i: found.__setitem__(i, bits(f(xs[i])))) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {i: bits(f.__wrapped__(x)) for i, x in enumerate(xs)}


@pytest.mark.parametrize("program", [softmax_rows, layer_norm, stencil, reductions, integers], ids=lambda f: f.__name__)
def test_text_of_graphs_parses_and_text_of_kernels_runs_in_python(program):
    f = tj.compile(program)
    x = data(7, 9)
    f(x)
    (entries,) = f._entries.values()
    graph = entries[0].executable.plan.graph
    text = print_graph(graph, lines=False)
    assert print_graph(parse_graph(text), lines=False) == text
    for step in entries[0].executable.plan.steps:
        if isinstance(step, Kernel):
            python_kernel(print_kernel(step)[0])
    assert "test_compile.py" in f.source(x) and f.plan(x) and f.graph(x) == print_graph(graph)


def test_generators_are_refused_at_decoration():
    def generator():
        yield 1

    with pytest.raises(TypeError, match="generator"):
        tj.compile(generator)


def test_arrays_in_arrays_out():
    def program(x, y):
        return np.exp(x) * y + np.sqrt(y), np.sum(x, axis=0)

    f = tj.compile(program)
    x, y = np.linspace(0.1, 2, 12).reshape(3, 4), np.ones((3, 4))
    for _ in range(2):
        for got, wanted in zip(f(x, y), program(x, y)):
            assert type(got) is type(wanted) and got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-15)


class Model:
    def __init__(self, scale):
        self.scale = scale

    @tj.compile
    def method(self, x):
        return x * self.scale


def test_methods_keep_instances_apart_and_see_attribute_changes():
    one, two, x = Model(2.0), Model(3.0), data(4)
    for _ in range(2):
        assert bits(one.method(x)) == bits(x * 2.0) and bits(two.method(x)) == bits(x * 3.0)
    one.scale = 5.0
    assert bits(one.method(x)) == bits(x * 5.0)


def test_train_and_eval_are_traced_once_each():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    compiled = tj.compile(lambda x: model(x))
    x = tj.ones((5, 3))
    for _ in range(4):
        for training in (True, False):
            model.train(training)
            compiled(x)
    assert compiled.trace_count == 2 and compiled.cache_info().hits == 6


def test_a_function_that_changes_what_it_reads_is_not_looked_into_at_each_call():
    log, settings = [], {"keep": True}

    def function(x):
        if settings["keep"]:
            log.append(len(log))
        return x * 2

    compiled = tj.compile(function)
    x = tj.ones(3)
    for _ in range(40):
        assert_bits_equal(compiled(x), x * 2)
    assert log == list(range(40)) and compiled.trace_count <= 3 + 4  # the first three, the 4th, 8th, 16th, 32nd
    settings["keep"] = False
    for _ in range(40):
        compiled(x)
    assert log == list(range(40)) and "graph" in compiled.cache_info().modes  # found out at the 64th


def test_a_model_of_another_dtype_is_another_trace():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    compiled = tj.compile(lambda x: model(x))
    x = tj.ones((2, 3))
    for dtype in (tj.float32, tj.float64, tj.float32, tj.float64):
        model.to(dtype)
        for _ in range(3):
            assert_bits_equal(compiled(x), model(x))
    assert compiled.trace_count == 2 and compiled.cache_info().hits == 10
    assert compiled.cache_info().modes == ("graph", "graph")


def test_memory_that_is_read_only_is_not_written_at_the_first_call_either():
    def first(x):
        x[0] = 1

    def positive(x):
        x[x > 0] += 0.1

    for function in (first, positive):
        compiled = tj.compile(function)
        for value in (2.0, -1.0, 2.0):
            array = np.broadcast_to(np.array([value]), (2,))
            with pytest.raises(ValueError, match="read-only"):
                compiled(tj.asarray(array))
            assert array[0] == value
