"""CUDA graphs: a replay does what the launches that were captured do, for arrays that lie elsewhere too."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import tracejit as tj
from tracejit.backend import get_backend
from tracejit.backends.cuda import graphs
from tracejit.backends.cuda.executor import WARM
from tracejit.backends.cuda.graphs import Captured
from tracejit.backends.recent import Recent

pytestmark = pytest.mark.usefixtures("simulated_gpu")


def tensor(*shape: int, seed: int = 0, dtype: Any = tj.float64) -> tj.Tensor:
    return tj.asarray(np.random.default_rng([seed, *shape]).uniform(0.5, 2, shape), dtype=dtype).to("cuda")


W: list[tj.Tensor] = []


@pytest.fixture(autouse=True)
def weights(simulated_gpu: None) -> None:
    W[:] = [tensor(4, 4, seed=5), tensor(4, 4, seed=6)]


def turns(x: Any, y: Any) -> Any:
    return tj.fori_loop(0, 3, lambda i, s: (s[1], s[0] * y + i), (x, x + 1))


def slices(x: Any, y: Any) -> Any:
    return tj.scan(lambda c, u: (c * u, c + u), y, x)


def written(x: Any, y: Any) -> Any:
    x[1:] = x[:-1] * y
    x[0] += 1
    y *= 2
    x[:, 1] = y
    return x[2] + y


def products(x: Any, y: Any) -> Any:
    h = tj.tanh(x @ W[0] + y)
    return h @ W[1], h.T


def product_alone(x: Any, y: Any) -> Any:
    return [x @ W[0], x @ W[1], y * 2, (x + 1) @ W[0]]


def numbers(x: Any, y: Any) -> Any:
    return tj.fori_loop(0, 4, lambda i, v: v * y + i, x)


FUNCTIONS = [turns, slices, written, products, product_alone, numbers]


class Seen:
    """The graphs that were captured, and those that were replayed, each time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.captured: list[Captured] = []
        self.replayed: list[Captured] = []
        replay, capture = Captured.replay, Captured.__init__

        def replayed(graph: Captured, *args: Any) -> None:
            self.replayed.append(graph)
            replay(graph, *args)

        def captured(graph: Captured, *args: Any) -> None:
            self.captured.append(graph)
            capture(graph, *args)

        monkeypatch.setattr(Captured, "replay", replayed)
        monkeypatch.setattr(Captured, "__init__", captured)

    def captures(self, compiled: Any) -> list[Captured]:
        """Those of a compiled function; eager ops have their own."""
        return [graph for graph in self.captured if graph.graphs.executable in executables(compiled)]

    def replays(self, compiled: Any) -> int:
        return sum(graph.graphs.executable in executables(compiled) for graph in self.replayed)


def executables(compiled: Any) -> list[Any]:
    return [executable for kept in compiled._entries.values() for entry in kept for executable in entry.executables()]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    monkeypatch.setattr(graphs, "FEWEST", 1)
    monkeypatch.setattr(get_backend("cuda:0"), "executables", Recent(64))  # tests that compile the same have graphs of their own
    return Seen(monkeypatch)


def values(found: Any) -> list[Any]:
    return [t.cpu().numpy() for t in tj.tree.flatten(found)[0]]


def given(seed: int) -> tuple[tj.Tensor, tj.Tensor]:
    return tensor(4, 4, seed=seed), tensor(4, seed=seed)


def agree(function: Callable, compiled: Callable, make: Callable[[], tuple[Any, ...]]) -> list[Any]:
    """The compiled function's results, which are those of the function; so are its arguments then."""
    here, there = make(), make()
    wanted = values([function(*here), here])
    results = compiled(*there)
    for found, value in zip(values([results, there]), wanted, strict=True):
        np.testing.assert_array_equal(found, value)
    return results


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_replay_does_what_launches_do_wherever_arrays_lie(function: Callable, seen: Seen) -> None:
    compiled, kept = tj.compile(function), []
    for call in range(8):
        results = agree(function, compiled, lambda call=call: given(call))
        kept.append((results, values(results)))  # so that nothing lies where it lay before
    assert seen.replays(compiled) == 8 - WARM and seen.captures(compiled)
    for results, before in kept:  # outputs are new at each call
        for found, value in zip(values(results), before):
            np.testing.assert_array_equal(found, value)


def test_what_a_routine_reads_is_copied_only_if_it_moves(seen: Seen) -> None:
    compiled, (x, y) = tj.compile(products), given(1)
    for _ in range(3 + WARM):
        compiled(x, y)
    (graph,) = seen.captures(compiled)
    fixed = {copy.home for copy in graph.copies}
    assert all(home >= graph.graphs.given for home in fixed)
    agree(products, compiled, lambda: given(2))
    _, again = seen.captures(compiled)
    assert len(again.copies) == len(fixed) + 1  # x, not the weights
    agree(products, compiled, lambda: given(3))
    assert len(seen.captures(compiled)) == 2


def test_layouts_have_graphs_of_their_own(seen: Seen) -> None:
    compiled = tj.compile(turns)
    for call in range(4):
        agree(turns, compiled, lambda: (tensor(4, 4).T, tensor(8)[::2]))
        agree(turns, compiled, lambda: (tensor(4, 4), tensor(4)))
        agree(turns, compiled, lambda call=call: (tensor(4, 4), tensor(4 + call)[call:]))  # at any element: as launched, if not as captured
    assert len(seen.captures(compiled)) == 2 and seen.replays(compiled)


def test_numbers_and_arrays_of_the_host_are_given_anew(seen: Seen) -> None:
    compiled = tj.compile(numbers, device="cuda")
    for call in range(6):
        x = np.random.default_rng(call).uniform(size=4)
        y = np.float64(call / 3)
        np.testing.assert_array_equal(compiled(x.copy(), y).cpu().numpy(), numbers(tj.asarray(x), tj.asarray(y)).numpy())
    assert seen.replays(compiled) == 6 - WARM and len(seen.captures(compiled)) == 1


def test_streams_have_graphs_of_their_own(seen: Seen) -> None:
    compiled, other = tj.compile(turns), tj.cuda.Stream()
    for _ in range(2 + WARM):
        agree(turns, compiled, lambda: given(1))
    with tj.cuda.stream(other):
        agree(turns, compiled, lambda: given(2))
    first, second = seen.captures(compiled)
    assert first.arena.address != second.arena.address


@pytest.mark.parametrize(
    "function", [lambda x, y: tj.cond(x[0, 0] > 1, lambda x: x * 2, lambda x: x + 1, x), lambda x, y: tj.linalg.svd(x)[1] * tj.cumsum(y, axis=0)], ids=["a choice", "the host's"]
)
def test_what_the_host_decides_or_computes_is_no_graph(function: Callable, seen: Seen) -> None:
    compiled = tj.compile(function)
    for call in range(3 + WARM):
        agree(function, compiled, lambda call=call: given(call))
    assert not seen.captures(compiled)


def test_a_capture_that_is_too_long_is_left(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST", 3)
    compiled = tj.compile(turns)
    for call in range(4 + WARM):
        agree(turns, compiled, lambda call=call: given(call))
    assert len(seen.captures(compiled)) == 1 and not seen.replays(compiled) and not get_backend("cuda:0").driver.captured


def test_an_index_out_of_bounds_in_a_graph_is_told(seen: Seen) -> None:
    @tj.compile
    def pick(x: Any, i: Any) -> Any:
        x[i] = x[i] * 2
        return x + 1

    x, i = tj.arange(6).to("cuda"), tj.asarray([1, 4]).to("cuda")
    for _ in range(3 + WARM):
        pick(x, i).tolist()
    assert seen.replays(pick)
    pick(x, i + 2)
    with pytest.raises(tj.LateIndexingError):
        x.tolist()
