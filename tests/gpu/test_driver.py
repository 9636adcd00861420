"""The driver of a real GPU: the laws of tests/driver_laws.py, and what only a GPU and its libraries can show."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pytest
from driver_laws import STORE, Blocks, DriverLaws

import tracejit as tj
from tracejit.backend import get_backend
from tracejit.backends.cuda.driver.calls import driver_calls
from tracejit.backends.cuda.assembler.cubin import code_of
from tracejit.backends.cuda.driver.driver import Driver
from tracejit.spec import DTYPES


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    """A driver that nobody has used, which `tj.cuda` means too."""
    driver = Driver(0, driver_calls())
    monkeypatch.setattr(tj.cuda, "driver_of", lambda number: driver)
    monkeypatch.setattr(tj.cuda, "_known", WeakValueDictionary())
    return Blocks(driver, partial(code_of, STORE, driver.arch))


class TestGPU(DriverLaws):
    """The laws."""


# Kernels


def test_a_kernel_is_loaded_as_ptx_too(blocks: Blocks) -> None:
    from_ptx = pytest.importorskip("tracejit.backends.cuda.assembler.ptx").ptx_of(STORE, blocks.driver.arch)
    again = Blocks(Driver(0, driver_calls()), lambda: from_ptx)
    assert again.values(again.new(-3)) == (-3,)


def test_a_fault_is_told(tmp_path: Any) -> None:
    program = tmp_path / "fault.py"
    program.write_text(
        "from functools import partial\n"
        "from driver_laws import STORE, Blocks\n"
        "from tracejit.backends.cuda.assembler.cubin import code_of\n"
        "from tracejit.backends.cuda.devices import driver_of\n"
        "blocks = Blocks(driver_of(0), partial(code_of, STORE, driver_of(0).arch))\n"
        "blocks.set(8, 1)\n"
        "blocks.driver.synchronize()\n"
    )
    run = subprocess.run([sys.executable, program], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert "DeviceError: the GPU's driver reports CUDA_ERROR_ILLEGAL_ADDRESS" in run.stderr and "start another" in run.stderr


# Values


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_come_back_as_they_went(dtype: np.dtype) -> None:
    values = np.arange(-500, 500).astype(np.float32).astype(dtype).reshape(20, 50)
    x = tj.asarray(values, device="cuda")
    assert x.device == "cuda:0" and x.cpu().numpy().tobytes() == values.tobytes()
    assert x.T.cpu().numpy().tobytes() == values.T.tobytes()


def test_values_larger_than_what_is_on_the_way_at_once() -> None:
    values = np.random.default_rng(0).integers(0, 256, 70 << 20).astype(np.uint8)
    x = tj.asarray(values, device="cuda")
    kept = values.copy()
    values[...] = 0
    assert np.array_equal(x.cpu().numpy(), kept)


def test_tensors_that_fill_the_memory_make_room_for_others() -> None:
    capacity, part = tj.cuda.memory_stats()["capacity"], 1 << 30
    held = []
    with pytest.raises(tj.OutOfMemoryError):
        for _ in range(capacity // part + 1):
            held.append(tj.empty(part, dtype=tj.uint8, device="cuda"))
    held.clear()
    assert float(tj.ones(part, dtype=tj.uint8, device="cuda").float().mean()) == 1


# Libraries in a graph


def test_a_librarys_work_is_captured_with_ours() -> None:
    backend = get_backend("cuda:0")
    a, b = (tj.asarray(np.random.default_rng(n).standard_normal((64, 64)).astype(np.float32), device="cuda") for n in (0, 1))
    wanted = (tj.relu(a @ b) + 1).cpu().numpy()  # whatever has to be loaded, is
    backend.driver.begin_capture()
    try:
        found = tj.relu(a @ b) + 1
    finally:
        graph = backend.driver.end_capture()
    for _ in range(2):
        graph.replay()
    assert np.array_equal(found.cpu().numpy(), wanted)


# Other libraries' arrays


def test_cupy_and_we_share_memory() -> None:
    cupy = pytest.importorskip("cupy")
    theirs = cupy.arange(12, dtype=cupy.float32).reshape(3, 4)
    for x in (tj.asarray(theirs), tj.from_dlpack(theirs), tj.asarray(theirs.T).T):
        assert x.device == "cuda:0" and x._value.address == theirs.data.ptr and x.shape == (3, 4)
        assert np.array_equal((x + 1).cpu().numpy(), theirs.get() + 1)
    x = tj.arange(6.0, device="cuda").reshape(2, 3).T
    for back in (cupy.from_dlpack(x), cupy.asarray(x)):
        assert back.data.ptr == x._value.address and np.array_equal(back.get(), x.cpu().numpy())
        back += 1
    assert x.flatten().tolist() == [2, 5, 3, 6, 4, 7]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "bool", "complex64"])
def test_torch_and_we_share_memory(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    theirs = torch.arange(12, device="cuda").reshape(3, 4).to(getattr(torch, dtype)).T
    x = tj.asarray(theirs)
    assert x.device == "cuda:0" and x._value.address == theirs.data_ptr() and x.dtype.name == dtype
    assert x.float().tolist() == theirs.float().tolist() if dtype != "complex64" else x.real.tolist() == theirs.real.tolist()
    back = torch.from_dlpack(x)
    assert back.data_ptr() == theirs.data_ptr() and back.dtype == theirs.dtype and torch.equal(back, theirs)


def test_their_streams_and_ours_wait_for_each_other() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    side, ours = torch.cuda.Stream(), tj.cuda.Stream()
    for n in range(20):
        with torch.cuda.stream(side):
            theirs = torch.full((1 << 22,), float(n), device="cuda")
            theirs = theirs.sqrt().square().round() + 1
            with tj.cuda.stream(ours):
                x = tj.from_dlpack(theirs) * 2
                back = torch.from_dlpack(x)
            assert float(back.sum()) == 2 * (n + 1) * (1 << 22)
