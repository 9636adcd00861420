"""The laws of the rewrite rules: the same bits on special values, no more nodes, one pass is enough; and graphs before and after."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.backends.cpu import backend, element_strides
from tracejit.errors import DTypeError
from tracejit.graph.ir import CONSTANT, Graph
from tracejit.graph.rewrite import Rewriter, Rule, rewrite
from tracejit.graph.rules import RULES, simplify
from tracejit.graph.text import parse_graph, print_graph
from tracejit.ops.elementwise import add, cast, multiply, negative
from tracejit.spec import DTYPES, TensorSpec, bfloat16, category, contiguous_strides, is_complex

SHAPE = (2, 1, 3)  # what the rules' sample attributes speak of
COMPILED = (*map(np.dtype, ("bool", "int32", "float32", "complex64")), bfloat16)  # one of each kind: that eager is compiled, other tests say
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -1.5, 2.5, 3.0, np.nan, np.inf, -np.inf]


def special(dtype: np.dtype) -> list[Any]:
    """The values of a dtype at which algebra goes wrong."""
    if dtype.kind == "b":
        return [False, True]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return [0, 1, 2, 3, limits.max, limits.min, limits.max - 1, limits.min + 1, limits.max // 2 + 1]
    if is_complex(dtype):
        return [complex(a, b) for a, b in itertools.product(SPECIAL[:5] + SPECIAL[8:], repeat=2)]
    tiny = {2: 1e-7 if dtype.kind == "f" else 1e-40, 4: 1e-45, 8: 5e-324}[dtype.itemsize]
    return [*SPECIAL, tiny, -tiny, 3 * tiny, 6e4, -6e4]


def arrays(dtype: np.dtype, count: int, seed: int) -> list[np.ndarray]:
    """`count` arrays of special values: all pairs of them appear over the seeds."""
    draw = np.random.default_rng(seed)
    values = np.array(special(dtype), dtype)
    return [values[draw.integers(len(values), size=SHAPE)] for _ in range(count)]


def graph_of(function: Any, specs: list[TensorSpec], attrs: dict[str, Any]) -> Graph:
    """A function of ops as a graph, nothing simplified."""
    rewriter = Rewriter((), {})
    inputs = [rewriter.make.input(spec) for spec in specs]
    rewriter.given = dict.fromkeys(inputs)
    return Graph(tuple(inputs), (rewriter.call(function, inputs, attrs),))


def in_numpy(graph: Graph, values: list[np.ndarray]) -> np.ndarray:
    """What the eager functions of a graph's ops give, one by one."""
    known = dict(zip(graph.inputs, values))
    for node in graph.nodes():
        if node in known:
            continue
        if node.op is CONSTANT:
            known[node] = np.array(node.attr("value"), node.dtype)
        else:
            with np.errstate(all="ignore"):
                known[node] = np.asarray(node.op.eager(*(known[n] for n in node.inputs), **dict(node.attrs)))
    return known[graph.outputs[0]]


def instance(rule: Rule, dtype: np.dtype) -> tuple[Graph, Graph] | None:
    """The rule's pattern at a dtype, and what all rules make of it; None where the ops do not take the dtype."""
    specs = [TensorSpec(SHAPE, np.dtype(bool) if name == "c" else dtype) for name in rule.variables]
    try:
        before = graph_of(rule.pattern, specs, rule.samples)
    except (DTypeError, TypeError, OverflowError):
        return None
    return before, rewrite(before, [rule], [None] * len(specs))


def name_of(rule: Rule) -> str:
    return print_part(rule.part)


def print_part(part: Any) -> str:
    if not hasattr(part, "op"):
        return str(getattr(part, "name", part))
    return f"{part.op.name}({', '.join(map(print_part, part.inputs))})"


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_a_rule_holds_to_the_last_bit_on_special_values(rule):
    fired = 0
    for dtype in (d for d in DTYPES if category(d)[0] in rule.dtypes):
        found = instance(rule, dtype)
        if found is None or found[0] == found[1]:
            continue
        fired += 1
        before, after = found
        assert after.outputs[0].spec == before.outputs[0].spec
        layouts = [contiguous_strides(n.shape) for n in before.inputs]
        programs = [backend.build(g, layouts) for g in found] if dtype in COMPILED else []
        for seed in range(24):
            values = arrays(dtype, len(before.inputs), seed)
            values = [v if n.dtype == dtype else v.astype(n.dtype) for v, n in zip(values, before.inputs)]
            wanted = in_numpy(before, values)
            assert_bits_equal(in_numpy(after, values), wanted, f"{dtype}, eagerly")
            for program in programs:
                assert_bits_equal(program(values)[0], wanted, f"{dtype}, compiled")
    assert fired, "the rule never fires"


def computed(graph: Graph) -> int:
    """How many nodes of a graph are more than views and numbers."""
    return sum(n.kind not in ("view", "constant") for n in graph.nodes())


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_a_rule_makes_no_more_nodes_and_once_is_enough(rule):
    for dtype in DTYPES:
        found = instance(rule, dtype)
        if found is None:
            continue
        before, after = found
        if category(dtype)[0] not in rule.dtypes:
            assert after == before, "it fires for a dtype that it does not claim"
        simple = simplify(before, [None] * len(before.inputs))
        assert computed(simple) <= computed(before)
        assert print_graph(simplify(simple, [None] * len(before.inputs)), lines=False) == print_graph(simple, lines=False)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_a_library_op_meets_the_same_layout(rule, transposed):
    """Strides as NumPy has them: a view's are kept, and the result of a computation stays contiguous."""
    for dtype in (d for d in DTYPES if category(d)[0] in rule.dtypes):
        values = arrays(dtype, len(rule.variables), 0)
        if transposed:
            values = [np.ascontiguousarray(v.T).T for v in values]
        found = instance(rule, dtype)
        if found is None:
            continue
        before = found[0]
        after = rewrite(before, [rule], [element_strides(v) for v in values])
        values = [v if n.dtype == dtype else v.astype(n.dtype, order="K") for v, n in zip(values, before.inputs)]
        try:
            wanted = in_numpy(before, values)
        except ValueError:  # a reshape that eager mode would have copied for
            continue
        got = in_numpy(after, values)
        assert [s for n, s in zip(got.shape, got.strides) if n > 1] == [s for n, s in zip(wanted.shape, wanted.strides) if n > 1]


@pytest.mark.parametrize("through", DTYPES, ids=str)
@pytest.mark.parametrize("start", DTYPES, ids=str)
def test_casts_by_way_of_a_dtype_that_loses_nothing(start, through):
    for last in DTYPES:
        before = graph_of(lambda x: cast(cast(x, dtype=through), dtype=last), [TensorSpec(SHAPE, start)], {})  # noqa: B023
        after = simplify(before, [None])
        for seed in range(6):
            values = arrays(start, 1, seed)
            assert_bits_equal(in_numpy(after, values), in_numpy(before, values), f"{start} → {through} → {last}")


@pytest.mark.parametrize(
    ("dtype", "pattern"),
    [
        ("float32", lambda x: add(x, 0.0)), ("float32", lambda x: multiply(x, 0)), ("float64", lambda x: x - x),
        ("float32", lambda x: x / 3.0), ("float32", lambda x: x / 0.0), ("float32", lambda x: x / 2.0**-149),
        ("complex64", lambda x: multiply(x, 1)), ("float64", lambda x: cast(cast(x, dtype=tj.float32), dtype=tj.float64)),
    ],
)  # fmt: skip
def test_what_does_not_hold_to_the_last_bit_is_left_alone(dtype, pattern):
    before = graph_of(pattern, [TensorSpec(SHAPE, np.dtype(dtype))], {})
    assert simplify(before, [None]) == before


def simplified(text: str, layouts: Any = None) -> str:
    graph = parse_graph(text)
    return print_graph(simplify(graph, layouts or [None] * len(graph.inputs)), lines=False)


def test_before_and_after():
    assert simplified(
        'def graph(x0: "f32[3,4]", x1: "f32[4]"):\n'
        "    t0 = negative(x0)\n"
        "    t1 = negative(t0)\n"
        "    t2 = constant(1.0, float32)\n"
        "    t3 = multiply(t1, t2)\n"
        "    t4 = broadcast(x1, shape=(3, 4,))\n"
        "    t5 = negative(t4)\n"
        "    t6 = add(t3, t5)\n"
        "    t7 = constant(8.0, float32)\n"
        "    t8 = divide(t6, t7)\n"
        "    return (t8,)\n"
    ) == (
        'def graph(x0: "f32[3,4]", x1: "f32[4]"):\n'
        "    t0 = subtract(x0, x1)\n"
        "    t1 = constant(0.125, float32)\n"
        "    t2 = multiply(t0, t1)\n"
        "    return (t2,)\n"
    )


def test_views_of_views():
    assert simplified(
        'def graph(x0: "f32[3,4,5]"):\n'
        "    t0 = permute(x0, axes=(2, 0, 1,))\n"
        "    t1 = permute(t0, axes=(1, 2, 0,))\n"
        "    t2 = reshape(t1, shape=(12, 5,))\n"
        "    t3 = reshape(t2, shape=(60,))\n"
        "    t4 = max(t3, axes=(), keepdims=False)\n"
        "    return (t4,)\n"
    ) == 'def graph(x0: "f32[3,4,5]"):\n    t0 = reshape(x0, shape=(60,))\n    return (t0,)\n'


def test_constants_are_folded():
    assert simplified(
        'def graph(x0: "f32[2]"):\n'
        "    t0 = fill(shape=(2,), dtype=float32, value=3)\n"
        "    t1 = constant(0.5, float32)\n"
        "    t2 = multiply(t0, t1)\n"
        "    t3 = sqrt(t2)\n"
        "    t4 = add(x0, t3)\n"
        "    return (t4,)\n"
    ) == (
        'def graph(x0: "f32[2]"):\n'
        f"    t0 = fill(shape=(2,), dtype=float32, value={float(np.sqrt(np.float32(1.5)))!r})\n"
        "    t1 = add(x0, t0)\n"
        "    return (t1,)\n"
    )


def test_a_computed_copy_stays_where_a_library_op_sees_the_layout():
    text = 'def graph(x0: "f32[3,4]", x1: "f32[4,2]"):\n    t0 = copy(x0)\n    t1 = matmul(t0, x1)\n    return (t1,)\n'
    assert "copy" not in simplified(text)
    assert "copy" in simplified(text, [(1, 3), None])


def test_a_chain_of_any_length_is_walked_once():
    """Linear: as many steps for each node of a long chain as for each node of a short one."""

    def steps(length: int) -> int:
        count = 0

        class Counting(Rule):
            def match(self, node, given):
                nonlocal count
                count += 1
                return super().match(node, given)

        rules = [Counting(r.dtypes, r.pattern, r.replacement) for r in RULES]

        def chain(x):
            for k in range(length):
                x = add(negative(negative(x)), float(k + 1))
            return x

        after = rewrite(graph_of(chain, [TensorSpec(SHAPE, np.dtype("float32"))], {}), rules, [None])
        assert not any(n.op is negative for n in after.nodes())
        return count

    assert steps(400) == 400 * (steps(2) - steps(1)) + (2 * steps(1) - steps(2))


def test_lines_of_the_user_are_kept():
    x = tj.ones(3)
    f = tj.compile(lambda x: (x * 1 + x / 2).exp())
    f(x)
    for line in f.graph(x).splitlines()[1:-1]:
        assert "test_rules.py" in line


def test_a_graph_is_not_looked_through_its_inputs():
    rewriter = Rewriter((), {})
    x = rewriter.make.input(TensorSpec(SHAPE, np.dtype("float32")))
    inner = rewriter.call(negative, [x], {})
    outer = rewriter.call(negative, [inner], {})
    cut = Graph((inner,), (outer,))
    assert simplify(cut, [None]) == cut
