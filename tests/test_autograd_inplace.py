"""In-place operations: versions, leaves, views and their bases, expanded tensors; each rule as PyTorch has it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tracejit as tj
from tracejit import autograd


def leaf(*values: float) -> tj.Tensor:
    return tj.tensor(list(values), dtype=tj.float64, requires_grad=True)


def gradients(root, *inputs) -> list[list[float]]:
    return [g.tolist() for g in autograd.grad(root, inputs, materialize_grads=True)]


# Versions


def test_version_counts_changes_and_is_shared_by_views_and_detached_handles():
    x = tj.zeros(4)
    view, cut = x[1:3], x.detach()
    assert (x._version, view._version, cut._version) == (0, 0, 0)
    x += 1
    view *= 2
    cut[0] = 5
    x.zero_()
    assert (x._version, view._version, cut._version) == (4, 4, 4)
    assert x.clone()._version == 0


CHANGES = {
    "the tensor": lambda a: a.add_(1),
    "a view of it": lambda a: a[:1].add_(1),
    "its detached handle": lambda a: a.detach().add_(1),
    "an element of it": lambda a: a.__setitem__(0, 7.0),
}


@pytest.mark.parametrize("how", CHANGES)
def test_changing_a_saved_value_is_an_error_that_names_the_op_and_both_versions(how):
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    a = x * 2
    a.add_(0)
    y = (a * w).sum()
    CHANGES[how](a)
    with pytest.raises(tj.GradError, match="multiply.*version 1.*version 2"):
        y.backward()


def test_changing_a_saved_result_is_an_error():
    y = leaf(1.0, 2.0).exp()
    y += 1
    with pytest.raises(tj.GradError, match="exp.*version 0.*version 1"):
        y.sum().backward()


def test_changing_a_leaf_in_no_grad_between_forward_and_backward_is_an_error():
    x, w = leaf(1.0), leaf(2.0)
    y = (x * w).sum()
    with tj.no_grad():
        w -= 1
    with pytest.raises(tj.GradError, match="version"):
        y.backward()


def test_changing_what_was_not_saved_is_fine():
    x = leaf(1.0, 2.0)
    a = x * 2
    y = a + 1
    a += 5
    assert gradients(y.sum(), x) == [[2, 2]]


def test_only_what_the_wanted_gradients_read_is_saved():
    x, constant = leaf(1.0, 2.0), tj.tensor([3.0, 4.0], dtype=tj.float64)
    a = x * 1
    y = a * constant  # its gradient in `a` reads `constant`; none is wanted in `constant`, which would read `a`
    a += 5
    assert gradients(y.sum(), x) == [[3, 4]]


# In place on leaves


@pytest.mark.parametrize(
    "change", [lambda x: x.add_(1), lambda x: x.__setitem__(0, 7.0), lambda x: x[:1].mul_(2), lambda x: x.reshape((2, 1))[0].zero_()]
)
def test_in_place_on_a_leaf_that_requires_grad_is_an_error_also_through_a_view(change):
    x = leaf(1.0, 2.0)
    with pytest.raises(tj.GradError, match="leaf(?s:.*)no_grad"):
        change(x)
    assert x.tolist() == [1, 2], "and nothing is changed"
    with tj.no_grad():
        change(x)
    assert x.is_leaf and x.requires_grad and x.tolist() != [1, 2]


def test_in_place_operator_on_a_leaf_is_an_error():
    x = leaf(1.0)
    with pytest.raises(tj.GradError, match="a leaf that requires grad"):
        x += 1


def test_in_place_on_a_constant_with_a_tracked_value_gives_it_history():
    x, buffer = leaf(1.0, 2.0), tj.zeros(2, dtype=tj.float64)
    buffer += x * 3
    assert buffer.requires_grad and not buffer.is_leaf
    assert gradients((buffer * buffer).sum(), x) == [[18, 36]]


# An op in place: its own old value is at hand for the backward pass


IN_PLACE = {
    "add_": (lambda a, w: a.add_(w), lambda a, w: a + w),
    "mul_": (lambda a, w: a.mul_(w), lambda a, w: a * w),
    "div_": (lambda a, w: a.div_(w), lambda a, w: a / w),
    "*= itself": (lambda a, w: a.mul_(a), lambda a, w: a * a),
    "pow_": (lambda a, w: a.pow_(3), lambda a, w: a**3),
    "exp_": (lambda a, w: a.exp_(), lambda a, w: a.exp()),
    "log_": (lambda a, w: a.log_(), lambda a, w: a.log()),
    "sqrt_": (lambda a, w: a.sqrt_(), lambda a, w: a.sqrt()),
    "zero_": (lambda a, w: a.zero_(), lambda a, w: a * 0),
    "fill_": (lambda a, w: a.fill_(2.0), lambda a, w: a * 0 + 2),
    "copy_": (lambda a, w: a.copy_(w), lambda a, w: a * 0 + w),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_op_has_the_gradients_of_the_op_to_second_order(name):
    def through(change):
        def function(x, w):
            a = x * 1
            return (change(a, w) * w).sum()

        return function

    in_place, plain = IN_PLACE[name]
    for order in (1, 2):
        results = []
        for change in (in_place, plain):
            x, w = leaf(0.5, 2.0), leaf(3.0, 4.0)
            found = autograd.grad(through(change)(x, w), [x, w], create_graph=order == 2, materialize_grads=True)
            if order == 2:
                weighed = (found[0] * w + found[1] * x).sum()
                found = autograd.grad(weighed, [x, w], materialize_grads=True)
            results.append([g.tolist() for g in found])
        np.testing.assert_allclose(*results, rtol=1e-13)


# Views


def test_view_has_the_gradient_of_its_place():
    x = leaf(1.0, 2.0, 3.0)
    assert gradients((x[1:] * x[1:]).sum(), x) == [[0, 4, 6]]


def test_in_place_on_a_view_updates_the_history_of_the_base():
    x, w = leaf(1.0, 2.0, 3.0), leaf(10.0, 20.0)
    base = x * 1
    view = base[1:]
    view *= w
    assert base.tolist() == [1, 20, 60] and base.grad_fn.name == "put"
    assert gradients((base * base).sum(), x, w) == [[2, 2 * 20 * 10, 2 * 60 * 20], [2 * 20 * 2, 2 * 60 * 3]]


def test_in_place_on_a_base_updates_the_history_of_its_views():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    base = x * 1
    view = base[1:]
    base *= w
    assert view.tolist() == [8]
    assert gradients(view.sum(), x, w) == [[0, 4], [0, 2]]


def test_other_views_see_a_change_through_a_view():
    x, w = leaf(1.0, 2.0, 3.0), leaf(5.0)
    base = x * 1
    first, second, turned = base[:2], base[1:], base.reshape((3, 1))
    first[1:] *= w
    assert second.tolist() == [10, 3] and turned.tolist() == [[1], [10], [3]]
    assert [g.tolist() for g in autograd.grad(second.sum(), [x, w], retain_graph=True)] == [[0, 5, 1], [2]]
    assert gradients(turned.sum(), x, w) == [[1, 5, 1], [2]]


def test_view_of_a_constant_requires_grad_once_its_base_does():
    base, w = tj.zeros(3, dtype=tj.float64), leaf(5.0)
    view = base[:2]
    assert not view.requires_grad and view.is_leaf
    base += w
    assert view.requires_grad and not view.is_leaf and view.grad_fn is not None
    view.sum().backward()
    assert w.grad.tolist() == [2]


def test_stale_view_is_refreshed_even_when_first_read_in_no_grad():
    base, w = tj.zeros(3, dtype=tj.float64), leaf(5.0)
    view = base[:2]
    base += w
    with tj.no_grad():
        assert view.requires_grad
        view * 2
    assert gradients(view.sum(), w) == [[2]]


def test_view_can_be_a_root_or_an_input_after_a_change_of_its_base():
    base, w = tj.zeros(2, dtype=tj.float64), leaf(5.0, 6.0)
    view = base.reshape((2, 1))
    base += w * w
    view.backward(tj.ones((2, 1), dtype=tj.float64))
    assert w.grad.tolist() == [10, 12]


def test_rows_written_one_by_one():
    x = leaf(1.0, 2.0, 3.0)
    rows = tj.zeros((3, 2), dtype=tj.float64)
    for i in range(3):
        rows[i] = x[i] * tj.tensor([1.0, 10.0], dtype=tj.float64)
    rows[1, 1] = 0.0
    assert gradients((rows * rows).sum(), x) == [[202, 4, 606]]


def test_overlapping_write_reads_the_old_values():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:] = y[:-1]
    assert y.tolist() == [1, 1, 2]
    assert gradients((y * tj.tensor([1.0, 10.0, 100.0], dtype=tj.float64)).sum(), x) == [[11, 100, 0]]


def test_value_is_broadcast_and_cast_into_its_place():
    x = tj.tensor([2.0], requires_grad=True)
    y = tj.zeros((2, 3), dtype=tj.float64)
    y[:, 1:] = x
    y.sum().backward()
    assert x.grad.tolist() == [4] and x.grad.dtype == tj.float32


def test_detached_handle_sees_changes_but_takes_no_part_in_the_history():
    x, w = leaf(1.0, 2.0), leaf(3.0)
    y = x * 1
    cut = y.detach()
    y += 1
    assert cut.tolist() == [2, 3] and not cut.requires_grad
    cut += w * 2
    assert cut.requires_grad and y.tolist() == [8, 9]
    assert gradients(y.sum(), x, w) == [[1, 1], [0]]


# Views made in no_grad


def test_view_made_in_no_grad_is_not_written_in_grad_mode():
    x, w = leaf(1.0, 2.0), leaf(3.0)
    y, buffer = x * 1, tj.zeros(2, dtype=tj.float64)
    with tj.no_grad():
        views = [x[:1], y[:1], buffer[:1]]
        views[0] += 1
    for view, change in zip(views, (1, 1, w)):
        with pytest.raises(tj.GradError, match="made in no_grad mode"):
            view += change
    further = views[2][:]
    with pytest.raises(tj.GradError, match="made in no_grad mode"):
        further += w
    views[2].add_(1)
    assert buffer.tolist() == [1, 0] and x.tolist() == [2, 2]


# Expanded tensors


@pytest.mark.parametrize("write", [lambda t: t.add_(1), lambda t: t.__setitem__(0, 5.0), lambda t: t[1].zero_(), lambda t: t.copy_(t * 2)])
def test_writing_to_an_expanded_tensor_is_an_error(write):
    for expanded in (tj.broadcast_to(tj.ones(3), (2, 3)), tj.ones((1, 3)).expand(2, 3)):
        with pytest.raises(tj.GradError, match=re.compile("expanded.*clone", re.S)):
            write(expanded)
    write(tj.broadcast_to(tj.ones(3), (2, 3)).clone())
