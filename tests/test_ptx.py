"""Kernel text for NVIDIA's GPUs: what LLVM and the assembler make of it, and what it computes, by the same module made code for this processor."""

from __future__ import annotations

import ctypes
import math
import platform
import re
from functools import lru_cache

import numpy as np
import pytest
from bench import cuda_tasks, cuda_worker
from support import ATTRS, assert_bits_equal, elementwise_ops, values
from test_compile_ops import draw

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import backend as backends
from tracejit.backends.cuda import backend
from tracejit.backends.cuda.assembler import cubin
from tracejit.backends.cuda.assembler.ptx import PASSES, assembly_of, ptx_of
from tracejit.backends.cuda.text.schedule import SHARED, THREADS
from tracejit.backends.cuda.simulated.simulator import Simulator
from tracejit.backends.cuda.text.source import print_map
from tracejit.backends.cuda.assembler.words import wrap
from tracejit.backends.llvm import machine
from tracejit.backends.one_node import graph_of
from tracejit.backends.text import remainders
from tracejit.lowering.plan import make_plan
from tracejit.spec import DTYPES, SHORT_NAMES, bfloat16, bool_, complex64, float16, float32, float64, int8, int32
from tracejit.tensor import wrap as tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
FOREIGN = (".extern", ".approx", ".ftz", "ld.local", "st.local", "ld.b", "st.b", "ld.v", "st.v")  # calls outwards, inexact arithmetic, memory of unknown kind
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 3.0, -2.5, 1e-3, -7.0, 65.0, -300.0, 1e4, 3e-5, 1e-40, 1e30, math.inf, -math.inf, math.nan]
WHOLE = [0, 1, 2, 3, 7, 63, 64, 100, 127, 128, 255, 2**31, 2**63, 2**64 - 1]


def maps(dtype):
    """The texts of all elementwise ops of this dtype. Functions of floats take other numbers as floats: their texts are those of floats."""
    for op in elementwise_ops():
        if op.floats and dtype.kind in "iub":
            continue
        operands = tuple(np.zeros(64, bool_ if op.name == "where" and i == 0 else dtype) for i in range(op.arity))
        try:
            graph = graph_of(op, operands, ATTRS.get(op.name, {}))
        except TypeError:
            continue
        for kernel in make_plan(graph, [None] * op.arity).kernels():
            yield op.name, print_map(kernel, False).text


# What is made of the text


@pytest.mark.parametrize(("dtype", "arch"), [(d, "sm_80" if d in (bfloat16, int32) else "sm_90") for d in DTYPES], ids=str)
def test_maps_call_nothing_and_round_as_ieee_says(dtype, arch):
    for name, text in maps(dtype):
        ptx = ptx_of(text, arch)
        assert f".target {arch}\n" in ptx and "st.global" in ptx
        assert not [word for word in FOREIGN if word in ptx], name
        assert not re.search(r"\b(add|mul|sub|div|sqrt|fma)(\.f32|\.f64)", ptx), name  # without a rounding they may be contracted


class Unrun(Simulator):
    """A GPU that is given kernels, and runs none."""

    def __init__(self, number):
        super().__init__(number)
        self.launched = {}  # threads of a block, by text

    def load(self, text, code, symbol):
        return text

    def launch(self, function, blocks, threads, words):
        self.launched[function] = threads


@pytest.fixture
def unrun(monkeypatch, simulated_gpu):
    """The driver of device "cuda"."""
    monkeypatch.setattr(backend, "driver_of", Unrun)
    device = backend.Cuda(0)
    monkeypatch.setattr(backends, "_loaded", {**backends._loaded, device.name: device})
    return device.driver


def assert_fits(text, threads, arch, name):
    """Nothing is called from outside, no register is spilled, and a block takes no more registers and memory than a processor has."""
    ptx = ptx_of(text, arch)
    assert not [word for word in FOREIGN if word in ptx], name
    made = cubin.assemble(ptx, arch)
    assert made.code.startswith(b"\x7fELF") and made.spilled == 0, f"{name}: {made.log}"
    assert made.registers * threads <= 1 << 16 and made.shared <= SHARED, name


assembled = pytest.mark.skipif(cubin.assembler() is None, reason="nvJitLink is not installed")


@assembled
@pytest.mark.parametrize("op", [op for op in elementwise_ops() if op.vjp and "f" in op.accepts and op.name != "where"], ids=lambda op: op.name)
def test_ops_and_their_gradients_fit_in_registers(op, unrun):
    """float16, of which a thread takes most elements at a time."""

    def both(*xs):
        y, pull_back = tj.vjp(lambda *xs: op(*xs, **ATTRS.get(op.name, {})), *xs)
        return y, pull_back(y)

    tj.compile(both)(*[tensor(a).to("cuda") for a in values(op, float16, (64,))])
    assert unrun.launched
    for text, threads in unrun.launched.items():
        assert_fits(text, threads, "sm_90", op.name)


@assembled
def test_integers_fit_in_registers():
    for name, text in maps(int8):
        assert_fits(text, THREADS, "sm_80", name)


ROWS = {
    "sum": lambda x: x.sum(-1),
    "columns": lambda x: x.sum(0),
    "largest": lambda x: tj.max(x, -1),
    "softmax": lambda x: F.softmax(x, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:], x[0], x[1]),
    "rms_norm": lambda x: F.rms_norm(x, x.shape[-1:], x[0]),
    "gelu": lambda x: F.gelu(x).mean(),
}


@assembled
@pytest.mark.parametrize("shape", [(64, 8), (2, 9000)], ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_reductions_and_their_gradients_fit_in_registers(name, shape, unrun):
    dtype = {8: float16, 9000: float64}[shape[1]]

    def both(x):
        y, pull_back = tj.vjp(ROWS[name], x)
        return y, pull_back(y)

    tj.compile(both)(tensor(np.ones(shape, dtype)).to("cuda"))
    assert unrun.launched
    for text, threads in unrun.launched.items():
        assert_fits(text, threads, "sm_90", name)


@assembled
def test_a_training_step_fits_in_registers(unrun):
    (row,) = (row.name for row in cuda_tasks.WORKLOADS if row.name.startswith("training step: transformer") and "8×64" in row.name)
    assert "absent" not in cuda_worker.Session("compiled").prepare(row, tiny=True)
    for text, threads in unrun.launched.items():
        assert_fits(text, threads, "sm_80", row)


def test_code_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path))
    made = []
    monkeypatch.setattr(cubin, "assemble", lambda ptx, arch: made.append(arch) or cubin.Cubin(ptx.encode(), 1, 0, 0, ""))
    text = MAP.format("x[i]")
    found = [cubin.cubin_of(text, arch) for arch in ("sm_80", "sm_90", "sm_80", "sm_90")]
    assert made == ["sm_80", "sm_90"] and found[:2] == found[2:] and found[0] != found[1]


def test_without_an_assembler_the_driver_is_given_ptx(monkeypatch):
    monkeypatch.setattr(cubin, "assembler", lambda: None)
    text = MAP.format("x[i]")
    assert cubin.code_of(text, "sm_90") == ptx_of(text)
    with pytest.raises(tj.DeviceError, match="pip install"):
        cubin.assemble(ptx_of(text), "sm_90")


@assembled
def test_what_the_assembler_refuses_is_told():
    with pytest.raises(tj.DeviceError, match="nvJitLink refuses"):
        cubin.assemble(ptx_of(MAP.format("x[i]")).replace("ld.global", "ld.nowhere"), "sm_90")


MAP = """\
def kernel(args):
    x = {kind}_pointer(args, 0)
    y = {kind}_pointer(args, 1)
    s = shared_{kind}(64)
    for turn in range(block() * threads() + thread(), args[2], blocks() * threads()):
        first = turn * 4
        for lane in lanes(0, 4):
            i = first + lane
            y[i] = {{}}
""".format(kind="f32")  # fmt: skip
ONE = MAP.replace("        for lane in lanes(0, 4):\n            i = first + lane\n    ", "        i = first\n")
WORDS = [
    (MAP, "x[i] * x[i] + 1.0", ["ld.global.v4", "st.global.v4", "mul.rn.f32", "add.rn.f32"]),
    (MAP.replace("lanes(0", "loose(0"), "x[i]", ["ld.global.[bf]32", "st.global.[bf]32"]),
    (MAP, "sqrt(x[i]) / x[i]", ["sqrt.rn.f32", "div.rn.f32"]),
    (MAP, "fma(x[i], x[i], x[i])", ["fma.rn.f32"]),
    (MAP, "rint(x[i])", ["cvt.rni.f32.f32"]),
    (MAP, "floor(x[i]) - ceil(x[i]) + trunc(x[i])", ["cvt.rmi.f32.f32", "cvt.rpi.f32.f32", "cvt.rzi.f32.f32"]),
    (MAP, "copysign(abs(x[i]), y[i])", ["copysign.f32"]),
    (MAP, "fmod(x[i], y[i])", ["fma.rn.f32", "rem.u64"]),
    (MAP, "f16_round(x[i])", ["cvt.rn.f16.f32", "cvt.f32.f16"]),
    (MAP, "bf16_round(x[i])", ["cvt.rn.bf16x2.f32"]),
    (MAP, "x[divided(turn, 3) + left(turn, args[3])]", ["rem.u32", "kernel_param_3"]),
    (MAP.replace("    s =", "    threads_at_most(1024)\n    s ="), "x[i]", [".maxntid 1024"]),
    (ONE, "swapped(x[i], 16)", ["shfl.sync.bfly.b32", ", 16, 31, -1;"]),
    (ONE, "from_thread(x[i], 3)", ["shfl.sync.idx.b32", ", 3, 31, -1;"]),
    (ONE.replace("y[i]", "s[thread()] = x[i]\n        together()\n        y[i]"), "s[i + 1]", ["st.shared.[bf]32", "ld.shared.[bf]32", "bar.sync", r"\[256\]"]),
]


@pytest.mark.parametrize(("kernel", "value", "wanted"), WORDS, ids=[value for _, value, _ in WORDS])
def test_words_are_instructions(kernel, value, wanted):
    ptx = ptx_of(kernel.format(value))
    assert not [word for word in wanted if not re.search(word, ptx)], ptx
    assert not [word for word in FOREIGN if word in ptx]


@pytest.mark.parametrize("kind", SHORT_NAMES.values())
def test_threads_exchange_values_of_every_kind(kind):
    stored = "u16" if kind in ("f16", "bf16") else kind
    text = ONE.replace("f32", "u8" if stored == "bool" else stored).format("u8(swapped(x[i] != 0, 1))" if stored == "bool" else "swapped(x[i], 1)")
    words = {"f64": 2, "i64": 2, "u64": 2, "c64": 2, "c128": 4}.get(stored, 1)
    assert ptx_of(text).count("shfl.sync.bfly.b32") == words


@pytest.mark.parametrize("text", ["for lane in lanes(0, args[2]):\n        x[lane] = 0", "y = lanes_f32(args[1])", "y = shared_f32(args[1])"])
def test_what_must_be_told_by_the_text(text):
    with pytest.raises(TypeError, match="text tells"):
        ptx_of(f"def kernel(args):\n    x = f32_pointer(args, 0)\n    {text}\n")


# What it computes


class HostThreads(Simulator):
    """A GPU whose threads are run one after another by this processor, which has machine code of a GPU's modules. They do not meet."""

    def load(self, text, code, symbol):
        module = assembly_of(text)
        for name in ("tid", "ctaid", "ntid", "nctaid"):
            call = f"call i32 @llvm.nvvm.read.ptx.sreg.{name}.x()"
            module = module.replace(call, f"add i32 0, %{name}").replace(f"declare i32 {call[9:]}", "")
        module = re.sub(r"target triple.*|ptx_kernel| addrspace\(1\)", "", module).replace("addrspacecast", "bitcast")
        head = re.search(r"@kernel\((.*?)\)", module)
        places = [*filter(None, [head[1]]), *(f"i32 %{name}" for name in ("tid", "ctaid", "ntid", "nctaid"))]
        address = machine.load(machine.object_code(module.replace(head[0], f"@kernel({', '.join(places)})"), PASSES), "kernel")
        words = head[1].count("i64")
        return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * words, *[ctypes.c_int32] * 4)(address)

    def launch(self, function, blocks, threads, words):
        for block in range(blocks):
            for thread in range(threads):
                function(*words[: len(function.argtypes) - 4], thread, block, threads, blocks)


@pytest.fixture
def host_threads(monkeypatch, simulated_gpu):
    """Device "cuda:5" is run by this processor."""
    monkeypatch.setattr(backend, "driver_of", HostThreads)
    device = backend.Cuda(5)
    monkeypatch.setattr(backends, "_loaded", {**backends._loaded, device.name: device})


@lru_cache(maxsize=None)
def inputs(op, dtype):
    """Values of the op's domain, and extreme ones."""
    rng = np.random.default_rng(1)
    found = []
    for i, (low, high) in enumerate(op.domain):
        kind = bool_ if op.name == "where" and i == 0 else dtype
        extreme = np.array(WHOLE, np.uint64) if kind.kind in "iub" else np.array(SPECIAL)
        found.append(np.concatenate([draw(kind, (32,), low, high, i), rng.choice(extreme, 96).astype(kind)]))
    return found


@pytest.mark.parametrize("dtype", [float32, float64, int8, int32, complex64], ids=str)
def test_maps_have_the_bits_of_the_cpu(dtype, host_threads):
    for op in elementwise_ops():
        if op.floats and dtype.kind in "i":
            continue
        arrays, attrs = inputs(op, dtype), ATTRS.get(op.name, {})
        try:
            wanted = op(*map(tensor, arrays), **attrs)
        except (TypeError, ValueError):
            continue
        assert_bits_equal(op(*[tensor(a).to("cuda:5") for a in arrays], **attrs).cpu(), wanted, op.name)


def has_half_precision():
    """Whether this processor has instructions for float16."""
    return "x86" not in platform.machine() or machine.compiler().get_host_cpu_features().get("f16c")


@pytest.mark.skipif(not has_half_precision(), reason="this processor converts no float16")
def test_float16_is_converted_as_numpy_does(host_threads):
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    single = halves.astype(np.float32)
    between = (single[:-1].astype(np.float64) + single[1:]) / 2  # ties
    singles = np.concatenate([single, between.astype(np.float32), np.nextafter(between.astype(np.float32), np.float32(0)), single * np.float32(1e-3)])
    with np.errstate(all="ignore"):
        for x, dtype in ((halves, np.float32), (singles, np.float16)):
            assert_bits_equal(tensor(x).to("cuda:5").to(dtype).cpu(), x.astype(dtype))


SUMS = """\
def kernel(args):
    x = f32_pointer(args, 0)
    y = f32_pointer(args, 1)
    sums = lanes_f32(4)
    for lane in lanes(0, 4):
        sums[lane] = 0.0
    for first in range(thread() * 4, args[2], {step}):
        for lane in lanes(0, 4):
            i = first + lane
            sums[lane] = sums[lane] + {value}
    for lane in lanes(0, 4):
        i = thread() * 4 + lane
        y[i] = sums[lane]
"""


@pytest.mark.parametrize(("value", "step", "reads"), [("x[i]", "8", 3), ("exp(x[i])", "8", 1), ("x[i]", "4 * threads()", 1)])
def test_turns_that_only_read_are_taken_by_twos_in_their_order(value, step, reads):
    text = SUMS.format(value=value, step=step)
    assert ptx_of(text).count("ld.global.v4") == reads
    device = HostThreads(0)
    address = device.allocate(4096)
    function = device.load(text, None, "kernel")
    x = np.random.default_rng(0).normal(size=(40, 2, 4)).astype(np.float32)
    device.upload(address, x)
    wanted, found = np.zeros((2, 4), np.float32), np.empty((2, 4), np.float32)
    for turns in range(12):
        device.launch(function, 1, 2, [address, address + 2048, turns * 8])
        device.download(address + 2048, found)
        assert_bits_equal(found, wanted) if value == "x[i]" else np.testing.assert_allclose(found, wanted, 1e-5)
        wanted = wanted + (x[turns] if value == "x[i]" else np.exp(x[turns]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=str)
def test_the_remainder_is_exact(dtype):
    """Of any bits, of extreme values, and of values near a multiple of the divisor."""
    unsigned, limits = np.dtype(f"u{np.dtype(dtype).itemsize}"), np.finfo(dtype)
    rng = np.random.default_rng(0)
    line = [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, limits.max, -limits.max, limits.tiny, limits.smallest_subnormal, 2**24, 2**23 - 1, 2**53, 3.3, 1e10, 0.1]
    with np.errstate(all="ignore"):
        extreme = [g.reshape(-1) for g in np.meshgrid(*[np.array(line, dtype)] * 2)]
        anything = rng.integers(0, np.iinfo(unsigned).max, (2, 1000), unsigned).view(dtype)
        divisors = rng.normal(size=1000).astype(dtype)
        multiples = (divisors * rng.integers(1, 2000, 1000)).astype(dtype)
        a = np.concatenate([extreme[0], anything[0], multiples, np.nextafter(multiples, dtype(9e9))])
        b = np.concatenate([extreme[1], anything[1], divisors, divisors])
        assert_bits_equal(np.array([remainders.fmod(x, y) for x, y in zip(a, b)]), np.fmod(a, b))


def test_indices_stay_within_their_axis():
    found = [[wrap(i, n) for i in range(-9, 9)] for n in (1, 4)]
    assert found == [[min(max(i + n if i < 0 else i, 0), n - 1) for i in range(-9, 9)] for n in (1, 4)]
