"""Bundles: what is launched as one gives what its launches give one by one, and nothing passes what it depends on."""

from __future__ import annotations

import re
from functools import partial
from types import SimpleNamespace
from typing import Any, Callable, Iterator, Sequence

import numpy as np
import pytest

import tracejit as tj
from tracejit.backend import get_backend
from tracejit.backends.cuda import bundles, graphs
from tracejit.backends.cuda.assembler import cubin
from tracejit.backends.cuda.backend import Cuda
from tracejit.backends.cuda.bundles import Bundle, bundled
from tracejit.backends.cuda.text.kernels import print_kernel
from tracejit.backends.cuda.launches import Launch, Places, Segment
from tracejit.backends.cuda.assembler.ptx import ptx_of
from tracejit.backends.cuda.simulated.simulator import Simulator
from tracejit.backends.recent import Recent
from tracejit.lowering.index import variable
from tracejit.lowering.kernel import Axis, Kernel, Let, Load, Slot, Stage, Store
from tracejit.spec import float32

pytestmark = pytest.mark.usefixtures("simulated_gpu")


class Launched:
    """The texts and the words of what is launched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.launches: list[tuple[str, int, Sequence[int]]] = []
        texts: dict[Any, str] = {}
        load, launch = Simulator.load, Simulator.launch

        def loaded(driver: Simulator, text: str, *rest: Any) -> Any:
            function = load(driver, text, *rest)
            texts[function] = text
            return function

        def launched(driver: Simulator, function: Any, blocks: int, threads: int, words: Sequence[int]) -> None:
            if driver.capturing.graph is None:
                self.launches.append((texts.get(function, ""), blocks, words))
            launch(driver, function, blocks, threads, words)

        monkeypatch.setattr(Simulator, "load", loaded)
        monkeypatch.setattr(Simulator, "launch", launched)

    def bundles(self) -> Iterator[tuple[str, int, Sequence[int]]]:
        return (launch for launch in self.launches if "words_at_most" in launch[0])


def rows_of(text: str, words: Sequence[int]) -> np.ndarray:
    """The words of a bundle, a row for each of its launches."""
    return np.reshape(words, (-1, int(re.search(r"range\((\d+)", text)[1])))  # type: ignore[index]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    gpu = get_backend("cuda:0")
    for name in ("executables", "functions"):  # nothing that was built before is found
        monkeypatch.setattr(gpu, name, Recent(64) if name == "executables" else {})
    monkeypatch.setattr(graphs, "FEWEST", 1)
    return Launched(monkeypatch)


# Programs of equal texts


class Memory:
    """Four arrays and an arena in which temporaries share rooms; a cell points to the first array."""

    def __init__(self) -> None:
        self.arrays = [Slot(float32, (32,), (1,), home=n) for n in range(4)]
        self.rooms = {Slot(float32, (n,), (1,)): 64 * room for n, last in ((16, 6), (32, 5)) for room in range(last) for _ in range(2)}
        self.moved = Slot(float32, (32,), (1,), home=-1)
        self.plan: Any = SimpleNamespace(places=self.rooms, inputs=self.arrays)

    def slots(self) -> list[Slot]:
        return [*self.arrays, *self.rooms, self.moved]

    def where(self, slot: Slot, n: int) -> range:
        """The elements of all memory that the first n of a slot are."""
        home = 0 if slot is self.moved else slot.home
        first = self.rooms[slot] // 4 if home is None else 96 + 32 * home
        return range(first, first + n)


def program(memory: Memory, gpu: Cuda, seed: int) -> list[Any]:
    """Launches of sums of two slots, of two lengths: all have one text, but those of one operand."""
    draw = np.random.default_rng(seed)
    places, made = Places(memory.plan), list[Any]()
    while len(made) < 20:
        n = int(draw.choice([16, 32]))
        fit = [slot for slot in memory.slots() if slot.shape[0] >= n and (slot is not memory.moved or draw.random() < 0.3)]
        *read, out = (fit[k] for k in draw.integers(len(fit), size=3))
        ranges = [memory.where(slot, n) for slot in (*read, out)]
        if any(r != ranges[-1] and set(r) & set(ranges[-1]) for r in ranges[:-1]):
            continue  # what such a kernel gives depends on its own order
        i = variable("i")
        body = [*[Load(f"t{k}", slot, i) for k, slot in enumerate(read)], Let("t2", "{0} + {1}", ("t0", "t1"), float32, float32), Store(out, i, "t2", float32)]
        kernel = Kernel([Axis("i", n, "space")], [Stage([], body)], [])
        made.append(Launch(gpu, kernel, places, partial(print_, kernel)))
    return made


def print_(kernel: Kernel, packed: bool) -> Any:
    return print_kernel(kernel, False, frozenset(), packed)


def outcome(gpu: Cuda, steps: list[Any]) -> np.ndarray:
    """All memory after the steps."""
    values = np.random.default_rng(0).integers(1, 4, 96 + 4 * 32).astype(np.float32)
    room = gpu.upload(values)
    arrays = tuple(room.address + 4 * (96 + 32 * n) for n in range(4))
    segment = Segment(gpu, 4, False)
    segment.steps = steps
    segment.function()((None,) * 4, arrays, room.address, (arrays[0],), gpu.driver.launch)
    return room.copy() if isinstance(room, np.ndarray) else np.frombuffer(room.tobytes(), np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_bundles_give_what_launches_give_in_any_order_of_theirs(seed: int, launched: Launched) -> None:
    gpu, memory = get_backend("cuda:0"), Memory()
    steps = program(memory, gpu, seed)
    order = bundled(steps, memory.plan)
    assert any(isinstance(step, Bundle) for step in order)
    apart = [launch for step in order for launch in (reversed(step.launches) if isinstance(step, Bundle) else [step])]
    assert sorted(map(id, apart)) == sorted(map(id, steps))
    wanted = outcome(gpu, steps)
    np.testing.assert_array_equal(outcome(gpu, order), wanted)
    np.testing.assert_array_equal(outcome(gpu, apart), wanted)
    for text, blocks, words in launched.bundles():
        rows = rows_of(text, words)
        assert f"words_at_most({len(words)})" in text
        assert np.array_equal(rows[:, 0], np.cumsum(rows[:, 1]) - rows[:, 1]) and rows[:, 1].sum() == blocks


def test_what_depends_on_nothing_between_is_moved_up_or_waited_for(launched: Launched) -> None:
    gpu, memory = get_backend("cuda:0"), Memory()
    a, b, c, d = memory.arrays

    def copy(source: Slot, target: Slot, text: str = "{0}") -> Launch:
        i = variable("i")
        kernel = Kernel([Axis("i", 32, "space")], [Stage([], [Load("t0", source, i), Let("t1", text, ("t0",), float32, float32), Store(target, i, "t1", float32)])], [])
        return Launch(gpu, kernel, Places(memory.plan), partial(print_, kernel))

    def shape(*steps: Launch) -> list[int]:
        return [len(step.launches) if isinstance(step, Bundle) else 1 for step in bundled(steps, memory.plan)]

    twice = "{0} + {0}"
    assert shape(copy(a, b), copy(a, c, twice), copy(a, d)) == [2, 1]  # up
    assert shape(copy(a, b), copy(a, c, twice), copy(c, d)) == [1, 2]  # the first one waits
    assert shape(copy(a, b), copy(b, c, twice), copy(c, d)) == [1, 1, 1]
    assert shape(copy(a, b), copy(b, c), copy(c, d)) == [1, 1, 1]
    assert shape(copy(a, b), copy(memory.moved, c, twice), copy(a, d)) == [1, 1, 1]


# Optimisers

SHAPES = [(8, 4), (8,), (4, 8), (4,), (3, 12), (3,)]
CALLS = 5
OPTIMISERS = [tj.optim.Adam, partial(tj.optim.SGD, lr=0.1, momentum=0.9)]


def on_gpu(array: np.ndarray) -> tj.Tensor:
    return tj.asarray(array.astype(np.float32)).to("cuda")


def trained(optimiser: Callable[..., Any], compiled: bool, shift: int = 0) -> list[np.ndarray]:
    """Parameters after some steps, with gradients that lie elsewhere each time, `shift` elements behind where packs begin."""
    draw = np.random.default_rng(0)
    parameters = [tj.nn.Parameter(on_gpu(draw.normal(size=shape))) for shape in SHAPES]
    rule = optimiser(parameters)

    def step(*gradients: tj.Tensor) -> None:
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
        rule.step()

    run, kept = tj.compile(step) if compiled else step, []
    for _ in range(CALLS):
        kept.append([on_gpu(draw.normal(size=int(np.prod(shape)) + shift))[shift:].reshape(shape) for shape in SHAPES])
        run(*kept[-1])
    return [p.detach().cpu().numpy() for p in parameters]


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=["Adam", "SGD"])
def test_an_update_of_many_parameters_is_one_launch_with_the_bits_of_many(optimiser: Any, shift: int, launched: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = trained(optimiser, False, shift)
    launched.launches.clear()
    together = trained(optimiser, True, shift)
    count = len(launched.launches)
    spared = sum(len(rows_of(text, words)) - 1 for text, _, words in launched.bundles())
    assert spared == 0 if shift else spared == CALLS * 4  # those of five shapes are one; arrays that lie anywhere are launched one by one
    monkeypatch.setattr(bundles, "MOST", 0)
    monkeypatch.setattr(get_backend("cuda:0"), "executables", Recent(64))
    launched.launches.clear()
    alone = trained(optimiser, True, shift)
    assert not list(launched.bundles()) and len(launched.launches) == count + spared
    for one, many, eager in zip(together, alone, wanted, strict=True):
        np.testing.assert_array_equal(one, many)
        np.testing.assert_array_equal(one, eager)


@pytest.mark.parametrize("most", [24, 36, 512])
def test_a_bundle_has_no_more_words_than_a_kernel_takes(most: int, launched: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MOST", most)
    trained(tj.optim.Adam, True)
    lengths = {len(words) for *_, words in launched.bundles()}
    assert lengths and max(lengths) <= most


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=["Adam", "SGD"])
def test_the_words_of_a_bundle_stay_where_they_are_given(optimiser: Any, launched: Launched) -> None:
    trained(optimiser, True)
    for text in {text for text, *_ in launched.bundles()}:
        for arch in ("sm_80", "sm_90"):
            ptx = ptx_of(text, arch)
            size = 8 * int(re.search(r"words_at_most\((\d+)\)", text)[1])  # type: ignore[index]
            assert f".b8 kernel_param_0[{size}]" in ptx and "ld.param" in ptx and ".local" not in ptx
            if cubin.assembler() is not None:
                made = cubin.assemble(ptx, arch)
                assert made.spilled == 0 and "0 bytes stack frame" in made.log
