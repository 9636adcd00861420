"""Arrays shown to other libraries and taken from them without a copy. The host's memory stands for a GPU's: the structures are the same."""

from __future__ import annotations

import sys
import weakref
from typing import Any, Iterator

import numpy as np
import pytest
from fake_cuda import FakeCuda
from support import forget_gpus

import tracejit as tj
from tracejit.backends.cuda.driver.exchange import GPU, HOST, MANAGED, Shown, array_of, asked, capsule_of, interface_of, read, read_interface
from tracejit.backends.cuda.driver.streams import LEGACY
from tracejit.spec import DTYPES

LAYOUTS = {
    "scalar": lambda a: a[0, 0, 0],
    "whole": lambda a: a,
    "transposed": lambda a: a.T,
    "with steps": lambda a: a[1:, ::2, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "empty": lambda a: a[:0],
}
OF_NUMPY = [dtype for dtype in DTYPES if dtype != tj.bfloat16]


class Owner:
    """What keeps an array's memory."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


def shown(array: np.ndarray, device: tuple[int, int] = (HOST, 0)) -> Shown:
    return Shown(array.ctypes.data, array.shape, array.strides, array.dtype, device, Owner(array))


def at(what: Shown) -> np.ndarray:
    """The array that is shown."""
    view = {"shape": what.shape, "typestr": what.dtype.str, "data": (what.address, what.read_only), "strides": what.strides, "version": 3}
    return np.asarray(type("Seen", (), {"__array_interface__": view})())


def laid_out(layout: str, dtype: np.dtype) -> np.ndarray:
    return np.asarray(LAYOUTS[layout](np.arange(24).reshape(2, 3, 4).astype(dtype)))


class Newer:
    """An object of a library that has DLPack 1.0. `asked_for`: the stream it was asked for."""

    def __init__(self, what: Shown) -> None:
        self.what, self.asked_for = what, None

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.what.device

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
        self.asked_for = stream
        return capsule_of(self.what)


class Older(Newer):
    """An object of a library that has not."""

    def __dlpack__(self, stream: Any = None) -> Any:  # type: ignore[override]
        self.asked_for = stream
        return capsule_of(self.what, versioned=False)


# Capsules


@pytest.mark.parametrize("kind", [Newer, Older])
@pytest.mark.parametrize("dtype", OF_NUMPY, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_numpy_reads_what_we_show(layout: str, dtype: np.dtype, kind: Any) -> None:
    array = laid_out(layout, dtype)
    found = np.from_dlpack(kind(shown(array)))
    assert found.dtype == dtype and found.shape == array.shape and np.array_equal(found, array)
    assert not array.size or (found.ctypes.data == array.ctypes.data and found.strides == array.strides)


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("dtype", OF_NUMPY, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_we_read_what_numpy_shows(layout: str, dtype: np.dtype, versioned: bool) -> None:
    array = laid_out(layout, dtype)
    if layout == "broadcast" and not versioned:
        array = array.copy()  # the older protocol cannot say that it may not be written to
    what = asked(array, None) if versioned else read(array.__dlpack__())
    assert what.device == (HOST, 0) and what.dtype == dtype and what.shape == array.shape and what.read_only != array.flags.writeable
    assert np.array_equal(at(what), array) and (not array.size or what.address == array.ctypes.data)


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("device", [(HOST, 0), (GPU, 0), (GPU, 3), (MANAGED, 1)])
def test_what_is_shown_is_read_again(device: tuple[int, int], dtype: np.dtype, versioned: bool) -> None:
    what = shown(np.arange(6).reshape(2, 3).astype(dtype).T, device)._replace(read_only=versioned)
    assert read(capsule_of(what, versioned))._replace(owner=what.owner) == what


@pytest.mark.parametrize("versioned", [False, True])
def test_memory_stays_until_the_last_who_reads_it_lets_go(versioned: bool) -> None:
    what = shown(np.arange(6.0))
    owner = weakref.ref(what.owner)
    capsule = capsule_of(what, versioned)
    del what
    assert owner() is not None
    found = read(capsule)
    del capsule
    assert owner() is not None and np.array_equal(at(found), np.arange(6.0))
    del found
    assert owner() is None


def test_a_capsule_that_nobody_takes_keeps_nothing() -> None:
    what = shown(np.arange(6.0))
    owner, capsule = weakref.ref(what.owner), capsule_of(what)
    del what, capsule
    assert owner() is None


def test_a_capsule_is_taken_once() -> None:
    capsule = capsule_of(shown(np.arange(6.0)))
    read(capsule)
    for wrong in (capsule, 3):
        with pytest.raises(tj.ArgumentError, match="no DLPack capsule"):
            read(wrong)


@pytest.mark.parametrize("dtype", ["U3", "m8[s]"])
def test_what_tensors_cannot_hold_is_refused(dtype: str) -> None:
    view = {"shape": (1,), "typestr": np.dtype(dtype).str, "data": (0, False), "version": 3}
    with pytest.raises(tj.DTypeError):
        tj.ops.convert.supported(array_of(read_interface(type("X", (), {"__cuda_array_interface__": view})())[0], "cuda:0"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_cuda_array_interface_tells_the_same(layout: str) -> None:
    array = laid_out(layout, tj.float32)
    what = shown(array, (GPU, 0))
    view = interface_of(what, 7)
    found, stream = read_interface(type("X", (), {"__cuda_array_interface__": view})())
    assert stream == 7 and view["version"] == 3
    assert found._replace(owner=None) == what._replace(owner=None, address=array.ctypes.data if array.size else 0)
    assert read_interface(type("X", (), {"__cuda_array_interface__": {**view, "strides": None}})())[0].strides == np.empty(array.shape, array.dtype).strides or not array.size


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_of_ours_knows_the_bytes_it_lies_in(layout: str) -> None:
    array = laid_out(layout, tj.float64)
    ours = array_of(shown(array), "cuda:0")
    first, end = np.lib.array_utils.byte_bounds(array)
    assert ours.address == array.ctypes.data and ours.strides == array.strides
    assert not array.size or (ours.memory.address, ours.memory.size) == (first, end - first)


# Tensors


@pytest.fixture
def cu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    """A GPU whose driver is played in the host's memory."""
    monkeypatch.delenv("TRACEJIT_CUDA", raising=False)
    cu = FakeCuda()
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", cu)  # type: ignore[arg-type]
    forget_gpus()
    yield cu
    forget_gpus()


def on_gpu(cu: FakeCuda, array: np.ndarray) -> Shown:
    """An array that another library has put into the GPU's memory."""
    cu.blocks[array.ctypes.data] = array.reshape(-1).view(np.uint8)
    return shown(array, (GPU, 0))


class Interface:
    def __init__(self, what: Shown) -> None:
        self.__cuda_array_interface__ = interface_of(what, LEGACY)
        self.what = what


@pytest.mark.parametrize("make, kind", [(tj.asarray, Newer), (tj.asarray, Older), (tj.asarray, Interface), (tj.from_dlpack, Newer), (tj.from_dlpack, Older)])
def test_a_gpus_array_becomes_a_tensor_on_its_memory(cu: FakeCuda, make: Any, kind: Any) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    theirs = kind(on_gpu(cu, array))
    x = make(theirs)
    assert x.device == "cuda:0" and x.shape == (3, 4) and x._value.address == array.ctypes.data
    assert kind is Interface or theirs.asked_for == LEGACY
    array[1] = 7
    assert np.array_equal(x.cpu().numpy(), array)


@pytest.mark.parametrize("stream, waits", [(None, False), (LEGACY, False), (-1, False), (2, True)])
def test_the_readers_stream_waits_for_ours(cu: FakeCuda, stream: int | None, waits: bool) -> None:
    x = tj.asarray(Newer(on_gpu(cu, np.arange(4.0))))
    assert x.__dlpack_device__() == (GPU, 0)
    cu.streams[2] = cu.streams[LEGACY].__class__()
    cu.called.clear()
    what = read(x.__dlpack__(stream=stream, max_version=(1, 0)))
    assert what.address == x._value.address and what.device == (GPU, 0)
    assert ("cuStreamWaitEvent" in cu.called) == waits == bool(cu.streams[2].work)


def test_our_stream_waits_for_the_one_that_an_interface_names(cu: FakeCuda) -> None:
    theirs = Interface(on_gpu(cu, np.arange(4.0)))
    theirs.__cuda_array_interface__["stream"] = 2
    cu.streams[2] = cu.streams[LEGACY].__class__()
    x = tj.asarray(theirs)
    assert cu.streams[LEGACY].work and cu.streams[2].work
    assert np.array_equal(x.cpu().numpy(), np.arange(4.0)) and not cu.streams[2].work
    assert x.__cuda_array_interface__["stream"] == LEGACY


def test_what_cannot_be_shown_is_refused(cu: FakeCuda) -> None:
    x = tj.asarray(Newer(on_gpu(cu, np.arange(4.0))))
    for error, arguments in ((tj.ArgumentError, {"stream": 0}), (tj.ArgumentError, {"dl_device": (HOST, 0), "copy": False}), (tj.ArgumentError, {"dl_device": (GPU, 1)})):
        with pytest.raises(error):
            x.__dlpack__(**arguments)
    with pytest.raises(tj.GradError):
        x.requires_grad_().__dlpack__()
    assert not hasattr(tj.ones(2), "__cuda_array_interface__")


def test_a_copy_for_the_host_is_shown_where_the_host_is_asked_for(cu: FakeCuda) -> None:
    x = tj.asarray(Newer(on_gpu(cu, np.arange(4.0))))
    what = read(x.__dlpack__(dl_device=(HOST, 0), max_version=(1, 0)))
    assert what.device == (HOST, 0) and np.array_equal(at(what), np.arange(4.0)) and what.address != x._value.address


def test_numpy_reads_the_memory_of_a_simulated_gpu(simulated_gpu: None) -> None:
    x = tj.arange(12.0, device="cuda").reshape(3, 4).T
    found = np.from_dlpack(x)
    assert np.array_equal(found, np.arange(12.0).reshape(3, 4).T) and found.ctypes.data == x._value.address
    copied = read(x.__dlpack__(max_version=(1, 0), copy=True))
    assert copied.address != x._value.address and np.array_equal(at(copied), found)


def test_bfloat16_and_torch() -> None:
    torch = pytest.importorskip("torch")
    array = np.arange(6).reshape(2, 3).astype(tj.bfloat16).T
    theirs = torch.from_dlpack(capsule_of(shown(array), versioned=False))
    assert theirs.dtype == torch.bfloat16 and theirs.tolist() == array.astype(np.float32).tolist() and theirs.data_ptr() == array.ctypes.data
    what = asked(theirs, None)
    assert what.dtype == tj.bfloat16 and what.strides == array.strides and what.address == array.ctypes.data
