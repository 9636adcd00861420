"""Every op's kernels for a GPU, forward and backward, and those of every example: their PTX, and their machine code where it can be assembled.

A GPU's threads must keep what they compute in registers: none is spilled. How many they take is kept in `golden/cuda_registers.tsv`, for the
number of threads that a processor holds hangs on it; a quarter more than it was is told. Write the table anew with
`TRACEJIT_GOLDEN=write python -m pytest tests/test_cuda_kernels.py`, and read the difference.
"""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Sequence

import pytest
from gpu.laws import tensors, with_gradients
from op_samples import CONSTANT, SAMPLES
from support import ATTRS, elementwise_ops, takes, values
from test_examples import EXAMPLES, QUICK, SAYS

import tracejit as tj
from tracejit.backends.cpu import Cpu
from tracejit.backends.cuda import backend
from tracejit.backends.cuda.assembler import cubin
from tracejit.backends.cuda.executor import Incoming
from tracejit.backends.cuda.launches import Launch, Segment
from tracejit.backends.cuda.assembler.ptx import ptx_of
from tracejit.backends.cuda.simulated.simulator import Simulator
from tracejit.graph.ir import Graph
from tracejit.graph.text import parse_graph
from tracejit.op import OPS
from tracejit.spec import DTYPES, contiguous_strides, float32, is_inexact

TABLE = Path(__file__).parent / "golden" / "cuda_registers.tsv"
ARCHITECTURES = ("sm_80", "sm_90")
FOREIGN = (".extern", ".approx", ".ftz", "ld.local", "st.local")  # calls outwards, inexact arithmetic, memory of a thread's own
GROWTH = 1.25
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


# From functions to texts


class Reader(Simulator):
    """A GPU whose kernels are read, and never run."""

    def load(self, text: str, code: Callable[[], Any], symbol: str) -> Any:
        return text


@pytest.fixture(scope="module")
def gpu() -> Iterator[backend.Cuda]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "driver_of", Reader)
        yield backend.Cuda(0)


def texts_of(gpu: backend.Cuda, graph: Graph, writes: Sequence[int] = ()) -> list[str]:
    """The texts of a graph's kernels, for arrays that lie at multiples of a pack and for others."""
    executable = gpu.build(graph, [Incoming(contiguous_strides(node.shape)) for node in graph.inputs], writes)
    launches = [step for segment in executable.steps if isinstance(segment, Segment) for step in segment.steps if isinstance(step, Launch)]
    return list(dict.fromkeys(text for launch in launches for text in (launch.function(), *[other for other, _ in launch.otherwise()])))


def graph_of(function: Callable[..., Any], arguments: Sequence[Any]) -> Graph | None:
    """The graph of a function; None where it is none, for the function looks at values."""
    try:
        return parse_graph(tj.compile(function, fullgraph=True).graph(*arguments))
    except tj.FullGraphError:
        return None


# What is asked of them


@lru_cache(maxsize=None)
def ptx(text: str, arch: str) -> str:
    return ptx_of(text, arch)


@lru_cache(maxsize=None)
def assembled(text: str, arch: str) -> cubin.Cubin:
    return cubin.assemble(ptx(text, arch), arch)


@lru_cache(maxsize=None)
def recorded() -> dict[str, int]:
    """The most registers that a thread of a function's kernels takes, by the function's name, on the last of the architectures."""
    return {name: int(registers) for name, registers in (line.split("\t") for line in TABLE.read_text().splitlines())} if TABLE.exists() else {}


written: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    if os.environ.get("TRACEJIT_GOLDEN") == "write" and written:
        TABLE.write_text("".join(f"{name}\t{registers}\n" for name, registers in sorted((recorded() | written).items())))


def assert_sound(name: str, texts: Iterable[str]) -> None:
    texts = list(texts)
    for text in texts:
        for arch in ARCHITECTURES[-1:] if "loose(" in text else ARCHITECTURES:  # such a text differs from another in its accesses alone
            found = ptx(text, arch)
            assert f".target {arch}" in found and not [word for word in FOREIGN if word in found], f"{name}:\n{text}"
            if cubin.assembler() is not None:
                made = assembled(text, arch)
                assert made.spilled == 0, f"{name}, {arch}: {made.spilled} bytes are spilled\n{text}"
    if texts and cubin.assembler() is not None:
        own = written[name] = max(assembled(text, ARCHITECTURES[-1]).registers for text in texts)
        known = recorded().get(name, own)
        assert own <= max(GROWTH * known, 32) or os.environ.get("TRACEJIT_GOLDEN") == "write", f"{name}: a thread takes {own} registers, where {known} were enough"


# The laws


@pytest.mark.parametrize("op", elementwise_ops(), ids=lambda op: op.name)
def test_elementwise_ops(op, gpu):
    taken = [dtype for dtype in DTYPES if takes(op, dtype)]
    dtype, attrs = float32 if float32 in taken else taken[0], ATTRS.get(op.name, {})
    arguments = tensors(values(op, dtype, (8, 64)))
    for what, function in (("", lambda *xs: op(*xs, **attrs)), (", gradients", with_gradients(lambda *xs: op(*xs, **attrs)))):
        if not what or is_inexact(dtype):
            assert_sound(op.name + what, texts_of(gpu, graph_of(function, arguments)))


@pytest.mark.parametrize("name", [name for name, op in ((name, OPS[name]) for name in SAMPLES) if not op.dynamic and op.kind != "transfer"])
def test_other_ops(name, gpu):
    op, texts = OPS[name], dict[str, list[str]]({"": [], ", gradients": []})
    for sample in SAMPLES[name]:
        arguments, attrs = sample()
        functions = {"": lambda *xs: op(*xs, **attrs)}
        for n, a in enumerate(arguments):
            if isinstance(a, tj.Tensor) and is_inexact(a.dtype) and n not in CONSTANT.get(name, ()):
                a.requires_grad_(op.kind != "control")
                functions[", gradients"] = with_gradients(functions[""])
        for what, function in functions.items():
            graph = graph_of(function, arguments)
            texts[what] += texts_of(gpu, graph) if graph is not None else []
    for what, found in texts.items():
        assert_sound(name + what, found)


@pytest.mark.parametrize("example", SAYS)
def test_examples(example, gpu, monkeypatch, tmp_path):
    """Of every graph that is built on the CPU while an example runs."""
    built: list[tuple[Graph, tuple[int, ...]]] = []
    build = Cpu.build

    def building(own: Cpu, graph: Graph, layouts: Any, writes: Sequence[int] = (), *rest: Any) -> Any:
        built.append((graph, tuple(writes)))
        return build(own, graph, layouts, writes, *rest)

    path = EXAMPLES / f"{example}.py"
    monkeypatch.setattr(Cpu, "build", building)
    monkeypatch.setattr(sys, "argv", [str(path), *["--quick"] * (example in QUICK), *(["--out", str(tmp_path / "p.png")] if example == "digits" else [])])
    monkeypatch.syspath_prepend(str(path.parent))
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            assert not end.code
    monkeypatch.setattr(Cpu, "build", build)
    assert built
    assert_sound(example, [text for graph, writes in built for text in texts_of(gpu, graph, writes)])
