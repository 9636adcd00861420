"""Every misuse a user can meet: an error of the library that is also the built-in one, on the user's line, and says what to write.

The same eagerly and under `@tj.compile`, at the first call and at the next.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import bits

import tracejit as tj
import tracejit.nn.functional as F
from tracejit import nn, optim
from tracejit.errors import StateError


def ones(*shape: int) -> tj.Tensor:
    return tj.ones(shape)


def leaf(*shape: int) -> tj.Tensor:
    return tj.ones(shape, requires_grad=True)


def ints(*values: int) -> tj.Tensor:
    return tj.asarray(list(values))


class Bare(nn.Module):
    pass


class OneWay(tj.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: tj.Tensor) -> tj.Tensor:
        return x * 2


# what is done: (how, the library's class, the built-in one, what was met, what to write)
Case = tuple[Callable[[], Any], type, type, str, str]
SHAPES: dict[str, Case] = {
    "add": (lambda: ones(2, 3) + ones(4), tj.ShapeError, ValueError, r"\(2, 3\) and \(4,\)", "Insert an axis"),
    "matmul": (lambda: ones(2, 3) @ ones(4, 5), tj.ShapeError, ValueError, "matmul of f32", r"\.mT"),
    "reshape": (lambda: ones(2, 3).reshape(4, 2), tj.ShapeError, ValueError, r"\(2, 3\).*\(4, 2\)", "may be -1"),
    "concat": (lambda: tj.concat([ones(2, 3), ones(2, 4)]), tj.ShapeError, ValueError, "along axis 0", "stack"),
    "stack": (lambda: tj.stack([ones(2), ones(3)]), tj.ShapeError, ValueError, "stack of shapes", "concat"),
    "broadcast": (lambda: tj.broadcast_to(ones(3), (2, 4)), tj.ShapeError, ValueError, "do not broadcast", "equal or hold a 1"),
    "squeeze": (lambda: tj.squeeze(ones(2, 3), axis=0), tj.ShapeError, ValueError, "axis 0", "one-long"),
    "zeros": (lambda: tj.zeros(-1), tj.ShapeError, ValueError, "negative extent", "0 or more"),
    "zeros of floats": (lambda: tj.zeros((2.5,)), tj.ShapeError, ValueError, r"\(2\.5,\)", "tuple of ints"),
    "ragged": (lambda: tj.asarray([[1, 2], [3]]), tj.ShapeError, ValueError, "unequal lengths", "equally long"),
    "set items": (lambda: ones(3).__setitem__(slice(0, 2), ones(3)), tj.ShapeError, ValueError, r"\(3,\).*\(2,\)", "broadcast"),
    "einsum": (lambda: tj.einsum("ij,jk->ik", ones(2, 3), ones(4, 5)), tj.ShapeError, ValueError, "'j' of 3 and 4", "equally long"),
    "inverse": (lambda: tj.linalg.inv(ones(2, 3)), tj.LinAlgError, np.linalg.LinAlgError, "not square", "pinv"),
    "singular": (lambda: tj.linalg.inv(tj.zeros((2, 2))), tj.LinAlgError, np.linalg.LinAlgError, "Singular", r"eps \* eye"),
    "maximum of nothing": (lambda: tj.zeros((0,)).max(), tj.ShapeError, ValueError, "no elements", "test the shape"),
    "length": (lambda: len(tj.asarray(1.0)), tj.ArgumentError, TypeError, "0-d", r"\.item\(\)"),
    "iteration": (lambda: list(tj.asarray(1.0)), tj.ArgumentError, TypeError, "0-d", r"\.item\(\)"),
    "truth": (lambda: bool(ones(3)), tj.ArgumentError, ValueError, "not one number", r"\.any\(\)"),
}  # fmt: skip
DTYPES: dict[str, Case] = {
    "no dtype": (lambda: tj.zeros(3, dtype="float33"), tj.DTypeError, TypeError, "'float33'", "tj.float32"),
    "objects": (lambda: tj.asarray(np.array([object()])), tj.DTypeError, TypeError, "dtype object", "Tensors hold"),
    "text": (lambda: tj.asarray("abc"), tj.DTypeError, TypeError, "a str: 'abc'", "numbers"),
    "bits of floats": (lambda: ones(3) & ones(3), tj.DTypeError, TypeError, "bitwise_and of float32", r"\.astype"),
    "an operand": (lambda: ones(3) + "a", tj.ArgumentError, TypeError, "a str: 'a'", r"tj\.asarray"),
    "a list": (lambda: tj.exp([1.0]), tj.ArgumentError, TypeError, "a list", r"tj\.asarray"),
    "a missing operand": (lambda: tj.where(ones(3), 1), tj.ArgumentError, TypeError, "where of 2", "takes 3"),
    "an unknown argument": (lambda: tj.exp(ones(3), foo=1), tj.ArgumentError, TypeError, "'foo'", "operands only"),
    "grad of integers": (lambda: ints(1).requires_grad_(), tj.DTypeError, TypeError, "int64 cannot", r"\.astype"),
    "a default": (lambda: tj.set_default_dtype(tj.int64), tj.DTypeError, TypeError, "int64", "tj.float64"),
    "a seed": (lambda: tj.manual_seed("a"), tj.ArgumentError, ValueError, "'a'", "integer"),
    "a generator": (lambda: tj.randn(3, generator=3), tj.ArgumentError, TypeError, "an? int", "tj.Generator"),
    "a device": (lambda: tj.zeros(3, device="tpu"), tj.DeviceError, RuntimeError, "'tpu'", "cpu"),
    "another device": (lambda: ones(3).to("cuda:one"), tj.DeviceError, ValueError, "'cuda:one'", "cpu"),
}  # fmt: skip
INDICES: dict[str, Case] = {
    "axis": (lambda: ones(2, 3).sum(axis=2), tj.AxisError, ValueError, "axis 2 .* 2 axes", "-2 to 1"),
    "no axis": (lambda: ones(2, 3).sum(axis="a"), tj.AxisError, IndexError, "'a'", "as an int"),
    "dim": (lambda: F.softmax(ones(2, 3), dim=2), tj.AxisError, IndexError, "axis 2", "-2 to 1"),
    "permutation": (lambda: tj.permute_dims(ones(2, 3), (0, 0)), tj.AxisError, ValueError, r"\(0, 0\)", "once"),
    "index": (lambda: ones(3)[5], tj.IndexingError, IndexError, "index 5 on axis 0", "-3 to 2"),
    "too many": (lambda: ones(3)[0, 0], tj.IndexingError, IndexError, "2 indices", "at most 1"),
    "a float": (lambda: ones(3)[1.5], tj.IndexingError, IndexError, "float: 1.5", "integers"),
    "tensor": (lambda: ones(3)[ints(0, 7)], tj.IndexingError, IndexError, "index 7", "-3 to 2"),
    "mask": (lambda: ones(3)[tj.asarray([True, False])], tj.IndexingError, IndexError, r"\(2,\)", "extents"),
    "take": (lambda: tj.take(ones(3), ints(9)), tj.IndexingError, IndexError, "index 9", "-3 to 2"),
    "one hot": (lambda: tj.one_hot(ints(0, 5), 3), tj.IndexingError, IndexError, "index 5", "2"),
    "topk": (lambda: tj.topk(ones(3), 5), tj.ArgumentError, ValueError, "5 out of 3", "0 to 3"),
}  # fmt: skip
AUTOGRAD: dict[str, Case] = {
    "backward of many": (lambda: (leaf(3) * 2).backward(), tj.GradError, RuntimeError, r"f32\[3\]", "gradient="),
    "backward of a constant": (lambda: ones(1).sum().backward(), tj.GradError, RuntimeError, "no history", "requires_grad=True"),
    "gradient": (lambda: (leaf(3) * 2).backward(ones(2)), tj.ShapeError, ValueError, r"\(2,\).*\(3,\)", "equal"),
    "numpy": (lambda: leaf(3).numpy(), tj.GradError, RuntimeError, "requires grad", r"detach\(\)"),
    "in place": (lambda: leaf(3).add_(1), tj.GradError, RuntimeError, "leaf", "no_grad"),
    "unused": (lambda: tj.autograd.grad(leaf(3).sum(), leaf(3)), tj.GradError, RuntimeError, "not used", "allow_unused"),
    "by no tensor": (lambda: tj.autograd.grad(leaf(3).sum(), 3.0), tj.ArgumentError, TypeError, "a float", "tensors"),
    "grad of a vector": (lambda: tj.grad(lambda a: a * 2)(ones(3)), tj.GradError, RuntimeError, r"f32\[3\]", "jacobian"),
    "grad of no function": (lambda: tj.grad(3), tj.ArgumentError, TypeError, "an? int", "function"),
    "no backward": (lambda: OneWay.apply(leaf(2)).sum().backward(), tj.GradError, RuntimeError, "no backward", "static"),
    "hook on a constant": (lambda: ones(3).register_hook(print), tj.GradError, RuntimeError, "register_hook", "requires_grad_"),
    "hook": (lambda: leaf(3).register_hook(3), tj.ArgumentError, TypeError, "an? int", "function"),
    ".grad": (lambda: setattr(leaf(3), "grad", ones(2)), tj.GradError, RuntimeError, r"f32\[3\].*f32\[2\]", "shape"),
}  # fmt: skip
LAYERS: dict[str, Case] = {
    "linear": (lambda: nn.Linear(3, 4)(ones(2, 5)), tj.ShapeError, ValueError, r"\(2, 5\)", "must be 3"),
    "conv": (lambda: nn.Conv2d(3, 4, 3)(ones(1, 2, 8, 8)), tj.ShapeError, ValueError, r"f32\[1,2,8,8\]", "in channels"),
    "groups": (lambda: nn.Conv2d(3, 4, 3, groups=2), tj.ArgumentError, ValueError, "2 groups", "divisible"),
    "window": (lambda: F.max_pool2d(ones(1, 1, 2, 2), 3), tj.ShapeError, RuntimeError, "window of 3", "smaller"),
    "batch norm": (lambda: nn.BatchNorm1d(3)(ones(2, 4)), tj.ShapeError, ValueError, r"\(2, 4\).*\(3,\)", "channels"),
    "batch of one": (lambda: nn.BatchNorm1d(3)(ones(1, 3)), tj.ShapeError, ValueError, r"\(1, 3\)", "larger batch"),
    "layer norm": (lambda: nn.LayerNorm(4)(ones(2, 3)), tj.ShapeError, RuntimeError, r"\(2, 3\)", "normalized_shape"),
    "embedding": (lambda: nn.Embedding(4, 2)(ints(7)), tj.IndexingError, IndexError, "index 7", "3"),
    "embedding of floats": (lambda: nn.Embedding(4, 2)(ones(2)), tj.DTypeError, RuntimeError, "float32", r"\.astype"),
    "dropout": (lambda: nn.Dropout(1.5), tj.ArgumentError, ValueError, "1.5", "between 0 and 1"),
    "lstm": (lambda: nn.LSTM(3, 4)(ones(5, 2, 7)), tj.ShapeError, RuntimeError, r"\(5, 2, 7\)", r"\(L, N, 3\)"),
    "heads": (lambda: nn.MultiheadAttention(5, 2), tj.ArgumentError, ValueError, "2 heads", "divisible"),
    "a part": (lambda: nn.Sequential(3), tj.ArgumentError, TypeError, "int", "nn.Module"),
    "state": (lambda: nn.Linear(2, 3).load_state_dict({}), StateError, RuntimeError, "Missing", "same struc"),
    "cast": (lambda: nn.Linear(2, 3).to("int64"), tj.ArgumentError, TypeError, "int64", "floating"),
    "targets": (lambda: F.cross_entropy(ones(2, 3), ints(0, 1, 2)), tj.ShapeError, ValueError, r"\(3,\).*\(2, 3\)", r"\(2,\)"),
    "class": (lambda: F.cross_entropy(ones(2, 3), ints(0, 3)), tj.IndexingError, IndexError, "Target 3", "0 to 2"),
    "class weights": (lambda: F.cross_entropy(ones(2, 3), ints(0, 1), weight=ones(2)), tj.ShapeError, RuntimeError, r"\(2,\)", r"\(3,\)"),
    "reduction": (lambda: F.nll_loss(ones(2, 3), ints(0, 1), reduction="avg"), tj.ArgumentError, ValueError, "'avg'", "mean"),
    "fans": (lambda: nn.init.xavier_uniform_(ones(3)), tj.ShapeError, ValueError, r"\(3,\)", "two axes"),
}  # fmt: skip
TRAINING: dict[str, Case] = {
    "no parameters": (lambda: optim.SGD([], lr=0.1), tj.ArgumentError, ValueError, "no parameters", r"model\.parameters"),
    "one tensor": (lambda: optim.Adam(leaf(3)), tj.ArgumentError, TypeError, "one tensor", "list"),
    "not a leaf": (lambda: optim.Adam([leaf(3) * 2]), tj.GradError, RuntimeError, "not a leaf", "detach"),
    "no tensor": (lambda: optim.Adam(["a"]), tj.ArgumentError, TypeError, "a str", "parameters"),
    "negative rate": (lambda: optim.SGD([leaf(2)], lr=-1), tj.ArgumentError, ValueError, "lr=-1", "0 or more"),
    "no rate": (lambda: optim.Adam([leaf(2)], lr="a"), tj.ArgumentError, TypeError, "lr='a'", "number"),
    "momentum": (lambda: optim.SGD([leaf(2)], 0.1, momentum=-1), tj.ArgumentError, ValueError, "momentum=-1", "0 or more"),
    "Nesterov": (lambda: optim.SGD([leaf(2)], 0.1, nesterov=True), tj.ArgumentError, ValueError, "Nesterov", "momentum > 0"),
    "betas": (lambda: optim.Adam([leaf(2)], betas=(1.0, 0.9)), tj.ArgumentError, ValueError, r"1\.0", "not including"),
    "schedule": (lambda: optim.lr_scheduler.StepLR(3, 1), tj.ArgumentError, TypeError, "an? int", "optimiser first"),
    "step size": (lambda: optim.lr_scheduler.StepLR(optim.SGD([leaf(2)], 0.1), 0), tj.ArgumentError, ValueError, "step_size=0", "1 or more"),
    "compile": (lambda: tj.compile(3), tj.ArgumentError, TypeError, "an? int", "function"),
    "save": (lambda: nn.save_file({"a": 3}, "never written"), tj.ArgumentError, TypeError, "'a', an? int", "state_dict"),
}  # fmt: skip
TABLES = {"shape": SHAPES, "dtype": DTYPES, "index": INDICES, "autograd": AUTOGRAD, "layer": LAYERS, "training": TRAINING}
CASES = {f"{table}: {name}": case for table, cases in TABLES.items() for name, case in cases.items()}


@pytest.mark.parametrize("name", CASES)
def test_misuse_is_an_error_that_teaches(name: str) -> None:
    misuse, kind, builtin, met, instead = CASES[name]
    compiled = tj.compile(misuse)
    messages = []
    for run in (misuse, compiled, compiled):
        with pytest.raises(kind) as caught:
            run()
        assert issubclass(kind, tj.TracejitError) and isinstance(caught.value, builtin)
        messages.append(str(caught.value))
    assert len(set(messages)) == 1, "compiled, it is the same error"
    told, place = messages[0].split("\n  at ")
    line, advice, page = place.rsplit("\n  ", 2)
    assert line.startswith(f"{__file__}:")
    assert page == f"docs/errors.md#{kind.__name__.lower()}"
    assert re.search(met, told, re.DOTALL) and re.search(instead, advice), messages[0]


# What was done before the error stays done

Program = Callable[[Any, Any, Any, list[Any]], Any]


def count_and_index(x: Any, k: Any, counter: Any, log: list[Any]) -> Any:
    counter += 1
    log.append("before")
    return (x * 2)[k].sum()


def count_and_invert(x: Any, k: Any, counter: Any, log: list[Any]) -> Any:
    counter += 1
    return tj.linalg.inv(tj.stack([x[:2], tj.where(k[1:] == 2, x[1:3], x[:2])])).sum()


def count_and_observe(x: Any, k: Any, counter: Any, log: list[Any]) -> Any:
    counter += 1
    log.append("before")
    y = x[k] * 2
    if y.sum() > 1e6:
        log.append("large")
    return y


@pytest.mark.parametrize("program", [count_and_index, count_and_invert, count_and_observe], ids=lambda f: f.__name__)
@pytest.mark.parametrize("calls", [(2, 9), (9, 2), (9, 9, 2)], ids=str)
def test_values_that_an_op_refuses_raise_at_the_users_line_and_leave_what_came_before(program: Program, calls: tuple[int, ...]) -> None:
    outcomes = []
    for run in (program, tj.compile(program)):
        seen: list[Any] = []
        log: list[Any] = []
        counter = tj.asarray(0)
        for k in calls:
            try:
                seen.append(bits(run(tj.asarray(np.arange(5.0)) + 1, tj.asarray([1, k]), counter, log).numpy()).tolist())
            except tj.TracejitError as error:
                seen.append((type(error), str(error)))
            seen.append((counter.item(), list(log)))
        outcomes.append(seen)
    assert outcomes[0] == outcomes[1]
    assert any(isinstance(part[0], type) for part in outcomes[0] if isinstance(part, tuple))


def test_a_copy_of_what_is_no_leaf_is_an_error() -> None:
    with pytest.raises(tj.GradError, match=r"detach\(\)\.clone"):
        copy.deepcopy(leaf(3) * 2)
