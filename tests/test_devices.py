"""Devices as code written for PyTorch names them and moves tensors between them: on the CPU, and on a simulated GPU."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn
from tracejit.errors import DeviceError

HERE, THERE = tj.device("cpu"), tj.device("cuda")


@pytest.fixture(params=[HERE, THERE], ids=["cpu", "cuda"])
def device(request, monkeypatch):
    """The CPU, and a GPU."""
    monkeypatch.setenv("TRACEJIT_CUDA", "simulator")
    return request.param


def numbers():
    return tj.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))


# Names


@pytest.mark.parametrize(
    "given, name, kind, index",
    [
        (("cpu",), "cpu", "cpu", None),
        ((), "cpu", "cpu", None),
        (("cuda",), "cuda:0", "cuda", 0),
        (("cuda:0",), "cuda:0", "cuda", 0),
        (("cuda:3",), "cuda:3", "cuda", 3),
        (("cuda", 1), "cuda:1", "cuda", 1),
        ((1,), "cuda:1", "cuda", 1),
        ((tj.device("cuda"),), "cuda:0", "cuda", 0),
    ],
)
def test_a_device_is_its_name_and_has_the_parts_of_it(given, name, kind, index):
    device = tj.device(*given)
    assert device == name and str(device) == f"{device}" == name and hash(device) == hash(name)
    assert (device.type, device.index) == (kind, index)
    for again in (tj.device(name), pickle.loads(pickle.dumps(device)), copy.deepcopy(device)):
        assert again == device and isinstance(again, tj.device) and again.type == kind


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cpu:1", ""])
def test_a_name_that_no_device_has_is_an_error_that_says_which_there_are(name):
    for wrong in (tj.device, numbers().to, lambda name: tj.zeros(2, device=name), lambda name: nn.Linear(2, 2).to(device=name)):
        with pytest.raises(DeviceError, match='"cuda"'):
            wrong(name)


# Tensors: what is called of `x`, a tensor on the CPU, and `d`, the same on the device, gives a tensor there

MOVED = {
    "to a name": lambda x, d, device: x.to(str(device)),
    "to a kind": lambda x, d, device: x.to(device.type),
    "to a device": lambda x, d, device: x.to(device),
    "to where another is": lambda x, d, device: x.to(d),
    "to another's device": lambda x, d, device: x.to(d.device),
    "to, waiting for nothing": lambda x, d, device: x.to(device, non_blocking=True),
    "to, by keywords": lambda x, d, device: x.to(device=device, dtype=tj.float32, non_blocking=True, copy=True, memory_format=None),
    "to a dtype too": lambda x, d, device: x.to(device, tj.float64),
    "to a dtype too, all by position": lambda x, d, device: x.to(device, tj.float64, True),
    "to a dtype by name": lambda x, d, device: x.to(device, "float16"),
    "by number": lambda x, d, device: x.cpu() if device.index is None else x.cuda(device.index),
    "by method": lambda x, d, device: getattr(x, device.type)(),
    "from there": lambda x, d, device: d.cpu().to(device),
    "pinned": lambda x, d, device: x.pin_memory().to(device, non_blocking=True),
    "arithmetic": lambda x, d, device: d * 2 + 1,
    "beside a number of the CPU's": lambda x, d, device: d * tj.tensor(2.0),
    "where": lambda x, d, device: tj.where(d > 2, d, 0.0),
    "joined": lambda x, d, device: tj.cat([d, d]),
    "indexed from the CPU": lambda x, d, device: d[tj.tensor([1, 0])],
    "masked": lambda x, d, device: d[d > 2],
    "data": lambda x, d, device: d.data,
    "clone": lambda x, d, device: d.clone(),
    "pickled": lambda x, d, device: pickle.loads(pickle.dumps(d)),
    "deep copy": lambda x, d, device: copy.deepcopy(d),
    "written to from the CPU": lambda x, d, device: tj.zeros(2, 3, device=device).copy_(x),
    "parameter": lambda x, d, device: nn.Parameter(d),
    "as_tensor": lambda x, d, device: tj.as_tensor(x, device=device),
    "as_tensor of a dtype": lambda x, d, device: tj.as_tensor(d, dtype=tj.float64),
    **{f"new_{name}": lambda x, d, device, name=name: getattr(d, f"new_{name}")((2, 3)) for name in ("zeros", "ones", "empty")},
    "new_full": lambda x, d, device: d.new_full((2,), 3.0),
    "new_tensor": lambda x, d, device: d.new_tensor([1.0, 2.0]),
    **{
        f"{name}_like": lambda x, d, device, name=name: getattr(tj, f"{name}_like")(d)
        for name in ("zeros", "ones", "empty", "rand", "randn")
    },
    "full_like": lambda x, d, device: tj.full_like(d, 2.0),
    "randint_like": lambda x, d, device: tj.randint_like(d, 0, 5),
    "zeros like one elsewhere": lambda x, d, device: tj.zeros_like(x, device=device),
    "drawn by a generator": lambda x, d, device: tj.randn(2, device=device, generator=tj.Generator(device=device).manual_seed(0)),
    "layer": lambda x, d, device: nn.Linear(3, 4, device=device)(d),
}  # fmt: skip

CREATED = {
    "zeros": ((2, 3),), "ones": ((2, 3),), "empty": ((2, 3),), "full": ((2, 3), 1.5), "arange": (5,), "linspace": (0, 1, 5), "logspace": (0, 1, 3),
    "eye": (3,), "rand": (2, 3), "randn": (2, 3), "randint": (0, 5, (2,)), "randperm": (5,), "normal": (0.0, 1.0, (2,)), "tensor": ([1.0, 2.0],),
    "asarray": ([1.0, 2.0],), "as_tensor": ([1.0, 2.0],),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVED)
def test_a_tensor_is_where_it_is_asked_for(name, device):
    x = numbers()
    result = MOVED[name](x, x.to(device), device)
    assert result.device == device and isinstance(result.device, tj.device)
    assert (result.is_cuda, result.is_cpu, result.get_device()) == ((True, False, 0) if device.type == "cuda" else (False, True, -1))


@pytest.mark.parametrize("name", CREATED)
def test_functions_that_make_tensors_take_a_device(name, device):
    for given in (device, str(device), device.type):
        assert getattr(tj, name)(*CREATED[name], device=given).device == device


def test_a_tensor_that_is_there_is_itself_unless_a_copy_is_asked_for(device):
    d = numbers().to(device)
    assert d.to(device) is d and d.to(d) is d and tj.as_tensor(d, device=device) is d and getattr(d, device.type)() is d
    assert d.to(device, copy=True) is not d and not d.is_pinned()


def test_values_are_read_where_they_are(device):
    d = numbers().to(device)
    assert d.tolist() == numbers().tolist() == [row.tolist() for row in d] and d.cpu().numpy().tolist() == d.tolist()
    assert d[1, 1].item() == float(d[1, 1]) == int(d[1, 1]) == 4 and bool(d[1, 1])
    assert ("cuda:0" in repr(d)) == d.is_cuda
    back = tj.zeros(2, 3).copy_(d)
    assert back.device == "cpu" and back.tolist() == d.tolist()


def test_gradients_come_back_to_where_the_leaf_is(device):
    leaf = numbers().requires_grad_()
    (leaf.to(device) ** 2).sum().backward()
    assert leaf.grad.device == "cpu" and leaf.grad.tolist() == (2 * numbers()).tolist()
    there = tj.ones(3, device=device, requires_grad=True)
    (there.cpu() * 2).sum().backward()
    assert there.is_leaf and there.grad.device == device and there.grad.tolist() == [2, 2, 2]


# Modules and optimisers


def model():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


MODULES = {
    "to a name": lambda m, device: m.to(str(device)),
    "to a device": lambda m, device: m.to(device),
    "to, by keywords": lambda m, device: m.to(device=device, non_blocking=True),
    "to a dtype too": lambda m, device: m.to(device, tj.float32),
    "to where a tensor is": lambda m, device: m.to(tj.zeros(1, device=device)),
    "by method": lambda m, device: getattr(m, device.type)(),
    "to_empty": lambda m, device: m.to_empty(device=device),
    "there and back and there": lambda m, device: m.to(device).cpu().to(device),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_moves_in_place_with_all_it_holds(name, device):
    module = model()
    held = list(module.parameters())
    module(numbers()).sum().backward()
    assert MODULES[name](module, device) is module
    assert all(a is b and b.device == device and b.is_leaf and b.requires_grad and b.grad.device == device for a, b in zip(held, module.parameters()))
    assert all(buffer.device == device for buffer in module.buffers())
    assert all(value.device == device for value in module.state_dict().values())
    assert module(numbers().to(device)).device == device


def test_an_optimiser_goes_where_its_parameters_go(device):
    module, x = model(), numbers()
    optimizer = tj.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for place in (device, tj.device("cpu"), device):
        module.to(place)
        module(x.to(place)).sum().backward()
        optimizer.step()
        assert all(value.device == place for state in optimizer.state.values() for value in state.values())


def test_a_state_is_loaded_from_any_device_into_any(device):
    here, there = model(), model().to(device)
    here.load_state_dict(there.state_dict())
    assert all(p.device == "cpu" and p.tolist() == q.tolist() for p, q in zip(here.parameters(), there.parameters()))
    there.load_state_dict({name: value * 2 for name, value in here.state_dict().items()})
    assert all(q.device == device and q.tolist() == (p * 2).tolist() for p, q in zip(here.parameters(), there.parameters()))


# Compiled


def test_a_compiled_function_sees_the_devices_that_it_would_see_eagerly(device):
    name = str(device)

    @tj.compile
    def function(x, place):
        scale = 3.0 if x.device.type == "cuda" else 2.0
        made = tj.zeros(3, device=x.device)
        assert made.device == x.device == tj.device(name) and made.is_cuda == x.is_cuda
        return x * scale + made + tj.ones(3, device=place)

    d = numbers().to(device)
    for place in (d.device, name):
        assert function(d, place).tolist() == function.__wrapped__(d, place).tolist()
        assert function(d, place).device == device and function.explain(d, place).mode == "graph"
    assert function.trace_count == 2


# What `tj.cuda` says


def test_a_gpu_tells_what_it_is_and_what_it_holds(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "simulator")
    gc.collect()  # what other tests have left
    cuda = tj.cuda
    held = cuda.memory_allocated()
    x = tj.zeros(1024, device="cuda")
    for device in (None, 0, "cuda", x.device):
        assert cuda.memory_allocated(device) == held + x.nbytes <= cuda.max_memory_allocated(device)
        assert cuda.memory_reserved(device) >= cuda.memory_allocated(device)
        assert cuda.get_device_name(device) and cuda.get_device_capability(device) >= (8, 0)
    del x
    cuda.empty_cache()
    assert cuda.memory_allocated() == held
    draws = []
    for seed in (cuda.manual_seed, cuda.manual_seed_all, tj.manual_seed):
        seed(3)
        draws.append(tj.randn(4, device="cuda").tolist())
    assert draws == [draws[0]] * 3
