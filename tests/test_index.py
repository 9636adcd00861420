"""Indexing: any key against NumPy, for reading and for writing; the functions at computed places; gradients; history."""

from __future__ import annotations

import numpy as np
import pytest
from gradients import check_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_bits_equal

import tracejit as tj
from tracejit.ops import gather as places
from tracejit.spec import DTYPES, bfloat16, is_complex

RNG = np.random.default_rng(7)


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape)


# Random keys

EXTENTS = st.integers(0, 4)
SHAPES = st.lists(EXTENTS, max_size=4).map(tuple)


@st.composite
def items(draw, extent: int, common: tuple[int, ...]):
    """One item of a key for an axis; sometimes out of bounds."""
    kind = draw(st.sampled_from(["int", "slice", "slice", "array", "array", "list", "scalar array"]))
    index = st.integers(-extent, extent - 1) if extent else st.integers(-1, 1)
    if draw(st.integers(0, 40)) == 0:
        index = st.integers(-extent - 2, extent + 1)
    if kind == "int":
        return draw(st.sampled_from([int, np.int32]))(draw(index))
    if kind == "slice":
        end = st.none() | st.integers(-6, 6)
        return slice(draw(end), draw(end), draw(st.sampled_from([None, 1, 2, 3, -1, -2])))
    if kind == "scalar array":
        return np.array(draw(index), draw(st.sampled_from(["i8", "i4"])))
    shape = common if kind == "array" else (draw(st.integers(0, 3)),)
    shape = tuple(draw(st.sampled_from([n, 1])) if n > 1 else n for n in shape)[draw(st.integers(0, len(shape))) if kind == "array" else 0 :]
    size = int(np.prod(shape))
    array = np.array(draw(st.lists(index, min_size=size, max_size=size)), dtype=draw(st.sampled_from(["i8", "i2"]))).reshape(shape)
    return array.tolist() if kind == "list" else array


@st.composite
def keys(draw, shape: tuple[int, ...]):
    """A key for an array of this shape: items for some axes, with None, an Ellipsis, bools and masks among them."""
    common = draw(st.sampled_from([(), (1,), (2,), (3,), (2, 3), (0,), (3, 1)]))
    parts: list = []
    axis, stop = 0, draw(st.integers(0, len(shape)))
    while axis < stop:
        width = draw(st.integers(1, stop - axis))
        if draw(st.integers(0, 5)) == 0:
            bits = draw(st.lists(st.booleans(), min_size=int(np.prod(shape[axis : axis + width])), max_size=int(np.prod(shape[axis : axis + width]))))
            parts.append(np.array(bits, dtype=bool).reshape(shape[axis : axis + width]))
            axis += width
        else:
            parts.append(draw(items(shape[axis], common)))
            axis += 1
    for extra in draw(st.lists(st.sampled_from([None, None, True, False, np.array(True)]), max_size=2)):
        parts.insert(draw(st.integers(0, len(parts))), extra)
    if draw(st.booleans()) and axis == len(shape):
        parts.insert(draw(st.integers(0, len(parts))), Ellipsis)
    if len(parts) == 1 and draw(st.booleans()):
        return parts[0]
    return tuple(parts)


@st.composite
def arrays_and_keys(draw):
    shape = draw(SHAPES)
    return ramp(shape), draw(keys(shape))


def as_ours(key, convert):
    """The key with some arrays as tensors."""
    if isinstance(key, tuple):
        return tuple(as_ours(k, convert) for k in key)
    return tj.asarray(key) if isinstance(key, np.ndarray) and convert else key


def outcome(function):
    try:
        return function()
    except (IndexError, ValueError, TypeError) as error:
        return error


@settings(max_examples=500, deadline=None)
@given(arrays_and_keys(), st.booleans())
def test_reading_any_key_is_numpys(case, convert):
    array, key = case
    expected = outcome(lambda: array[key])
    found = outcome(lambda: tj.asarray(array)[as_ours(key, convert)])
    if isinstance(expected, Exception):
        # Of index arrays that broadcast to nothing, NumPy checks what nobody reads.
        read_nothing = isinstance(found, tj.Tensor) and found.size == 0
        assert isinstance(found, tj.TracejitError) or read_nothing, f"{key!r}: {found!r} where NumPy says {expected}"
        return
    assert not isinstance(found, Exception), f"{key!r}: {found}"
    assert_bits_equal(found, np.asarray(expected), repr(key))


@settings(max_examples=500, deadline=None)
@given(arrays_and_keys(), st.booleans(), st.data())
def test_writing_any_key_is_numpys(case, convert, data):
    array, key = case
    seen = outcome(lambda: array[key])
    shape = () if isinstance(seen, Exception) else np.shape(seen)
    own = tuple(n if n != 1 and data.draw(st.booleans()) else 1 for n in shape)[data.draw(st.integers(0, len(shape))) :]
    if data.draw(st.integers(0, 15)) == 0:
        own = (*own, 5)
    value = -1.0 - ramp(own)
    value = data.draw(st.sampled_from([value, float(value.flat[0]) if value.size else 2.5]))
    expected, target = array.copy(), tj.tensor(array)

    def write_numpy():
        expected[key] = value

    def write_ours():
        target[as_ours(key, convert)] = tj.asarray(value) if convert and isinstance(value, np.ndarray) else value

    wanted, found = outcome(write_numpy), outcome(write_ours)
    if isinstance(wanted, Exception):
        assert isinstance(found, tj.TracejitError) or np.array_equal(target, array), f"{key!r} was written, though {wanted}"
        return
    assert found is None, f"{key!r} = {np.shape(value)}: {found}"
    assert_bits_equal(target, expected, repr(key))


@settings(max_examples=150, deadline=None)
@given(arrays_and_keys())
def test_basic_keys_give_views_and_advanced_keys_copies(case):
    array, key = case
    expected = outcome(lambda: array[key])
    if isinstance(expected, Exception) or expected.size == 0:
        return
    shared = np.shares_memory(tj.asarray(array)[key].numpy(), array)
    every = key if isinstance(key, tuple) else (key,)
    assert shared == all(isinstance(k, (int, np.integer, slice)) and not isinstance(k, bool) or k is None or k is Ellipsis for k in every)


# Keys of other kinds

MATRIX = ramp((4, 5))


@pytest.mark.parametrize(
    "ours, numpys",
    [
        ([tj.asarray(1), tj.asarray(-1)], [1, -1]),
        ((tj.asarray(2), slice(None)), (np.int64(2), slice(None))),
        ((slice(None), tj.asarray([0, 2], dtype=tj.uint8)), (slice(None), [0, 2])),
        ((slice(tj.asarray(1), tj.asarray(3)),), (slice(1, 3),)),
        (range(1, 3), [1, 2]),
        (np.True_, True),
        ((np.int8(-1), ...), (-1, ...)),
        ([[0, 1], [2, 3]], [[0, 1], [2, 3]]),
        ([True, False, False, True], [True, False, False, True]),
        ([], []),
    ],
    ids=str,
)
def test_keys_of_other_kinds(ours, numpys):
    assert_bits_equal(tj.asarray(MATRIX)[ours], MATRIX[numpys])


def test_reading_a_0d_tensor_index_is_not_an_observation():
    index = tj.asarray(2)
    assert tj.asarray(MATRIX)[index].shape == (5,)
    assert not np.shares_memory(tj.asarray(MATRIX)[index].numpy(), MATRIX)


@pytest.mark.parametrize(
    "key, words",
    [
        (4, "index 4"),
        (np.array([0, 4]), "index 4 .* 4 elements"),
        ((slice(None), [-6]), "index -6 .* 5 elements"),
        (1.5, "float"),
        ("x", "str"),
        (np.array([0.5]), "float64"),
        ((0, 0, 0), "3 indices"),
        ((..., 0, ...), "Ellipsis"),
        (np.ones(3, bool), r"mask of shape \(3,\)"),
        (([0, 1], [0, 1, 2]), "broadcast together"),
    ],
    ids=str,
)
def test_bad_keys_are_errors_that_teach(key, words):
    with pytest.raises(tj.IndexingError, match=words):
        tj.asarray(MATRIX)[key]
    with pytest.raises(IndexError, match=words):
        tj.tensor(MATRIX)[key] = 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_is_read_and_written(dtype):
    array = (np.arange(12).reshape(3, 4) % 2).astype(dtype)
    t = tj.tensor(array)
    assert_bits_equal(t[[2, 0]], array[[2, 0]])
    assert_bits_equal(t[array != 0], array[array != 0])
    t[1] = 1
    t[:, [0, 3]] = tj.ones(2)
    t[t == 0] = True
    assert_bits_equal(t, np.ones((3, 4), dtype))


@pytest.mark.parametrize("value", [2.7, np.float32(2.7), tj.asarray(2.7), [2.7] * 5], ids=type)
def test_written_values_are_cast(value):
    t = tj.zeros((2, 5), dtype=tj.int32)
    t[0] = value
    t[1, [0, 1, 2, 3, 4]] = value
    assert_bits_equal(t, np.full((2, 5), 2, np.int32))


@pytest.mark.parametrize("value", [300, float("nan"), 1j])
def test_numbers_that_do_not_fit_are_errors(value):
    with pytest.raises(tj.ArgumentError, match="uint8"):
        tj.zeros(3, dtype=tj.uint8)[0] = value


# In place, with history


def histories():
    """(name, function that changes its first argument in place, the same out of place, in NumPy's terms)."""
    mask = MATRIX[0] > 2

    def view_of_rest(x, w):
        v = x[1:]
        v += w

    def column(x, w):
        x[:, 1] *= w

    def scattered(x, w):
        x[[0, 2, 0]] = w * 2

    def masked(x, w):
        x[:, mask] = w

    def masked_number(x, w):
        x[x > 0.1] = w

    def twice(x, w):
        x[1:3] = w
        x[[2, 3], 1:3] += w

    def whole(x, w):
        x[...] = x + w

    def reversed_rows(x, w):
        x[::-1][:2] = w

    return [view_of_rest, column, scattered, masked, masked_number, twice, whole, reversed_rows]


@pytest.mark.parametrize("change", histories(), ids=lambda f: f.__name__)
def test_writing_keeps_the_history(change):
    def function(a, w):
        x = a * 1
        change(x, w)
        return x * x

    array, weight = RNG.uniform(0.5, 2, (4, 5)), np.array(1.3)
    expected = array.copy()
    change(expected, weight)
    assert np.allclose(function(tj.asarray(array), tj.asarray(weight)).numpy(), expected**2, rtol=1e-12)
    check_gradients(function, array, weight)


def test_versions_rise_with_each_write():
    t = tj.zeros((4, 5))
    v = t[1:]
    before = t._version
    v += 1
    t[2:5] = 0
    t[[0, 1]] = 3
    t[t > 2] = 1
    t[1] += 1
    assert t._version >= before + 5 and v._version == t._version


def test_a_value_that_backward_needs_may_not_be_written():
    x = tj.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y[[0]] = 5.0
    with pytest.raises(tj.GradError, match="changed in place"):
        z.sum().backward()


def test_writing_to_a_leaf_that_requires_grad_is_an_error():
    x = tj.ones(3, requires_grad=True)
    for key in (0, [0], tj.asarray([True, False, True])):
        with pytest.raises(tj.GradError, match="leaf"):
            x[key] = 1.0
    with tj.no_grad():
        x[[0, 1]] = 4.0
    assert x.tolist() == [4, 4, 1]


def test_writing_into_an_expanded_tensor_is_an_error():
    with pytest.raises(tj.GradError, match="expanded"):
        tj.broadcast_to(tj.ones(3), (2, 3))[[0]] = 1.0


# Functions at computed places

INDEX = np.array([[0, 2, 1, -1], [1, 0, -2, 0], [2, 2, 0, 1]])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("index", [np.array([2, 0, -1]), np.array([[1], [0]]), np.array(1), np.zeros(0, int)], ids=lambda i: str(i.shape))
def test_take(axis, index):
    array = ramp((3, 4))
    assert_bits_equal(tj.take(tj.asarray(array), tj.asarray(index), axis=axis), np.take(array, index, axis=axis))


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_take_along_axis(axis):
    array = ramp((3, 4, 2))
    index = RNG.integers(-2, 2, array.shape)
    for shape in (array.shape, tuple(n if d == axis % 3 else 1 for d, n in enumerate(array.shape))):
        part = index[tuple(slice(0, n) for n in shape)]
        assert_bits_equal(tj.take_along_axis(tj.asarray(array), tj.asarray(part), axis=axis), np.take_along_axis(array, part, axis))


def naive_scatter(x, dim, index, source, add):
    result = x.copy()
    for place in np.ndindex(*index.shape):
        target = (*place[:dim], index[place], *place[dim + 1 :])
        result[target] = result[target] + source[place] if add else source[place]
    return result


@pytest.mark.parametrize("dim", [0, 1])
def test_gather_and_scatter_along_an_axis(dim):
    x, source, index = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5)), INDEX[:2, :3] % 3
    t, i = tj.asarray(x), tj.asarray(index)
    gathered = np.array([[x[(index[r, c], c) if dim == 0 else (r, index[r, c])] for c in range(3)] for r in range(2)])
    assert_bits_equal(tj.gather(t, dim, i), gathered)
    assert_bits_equal(tj.scatter(t, dim, i, tj.asarray(source)), naive_scatter(x, dim, index, source, False))
    assert_bits_equal(tj.scatter(t, dim, i, 7.0), naive_scatter(x, dim, index, np.full((2, 3), 7.0), False))
    assert_bits_equal(tj.scatter_add(t, dim, i, tj.asarray(source)), naive_scatter(x, dim, index, source, True))
    y = t.clone()
    assert y.scatter_add_(dim, i, tj.asarray(source)) is y
    assert_bits_equal(y, naive_scatter(x, dim, index, source, True))


def test_gather_wants_as_many_axes():
    with pytest.raises(tj.ShapeError, match="as many axes"):
        tj.gather(tj.ones((3, 4)), 0, tj.asarray([0, 1]))
    with pytest.raises(tj.ShapeError, match="an element for each index"):
        tj.scatter(tj.ones((3, 4)), 0, tj.zeros((2, 4), dtype=tj.int64), tj.ones((1, 4)))


@pytest.mark.parametrize("shape", [(6,), (6, 3), (6, 300), (2, 3, 33), (6, 0)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "complex64", "bfloat16", "float16"])
def test_index_add_adds_one_after_another(shape, dtype):
    dtype = tj.asarray(0, dtype=dtype).dtype
    x = RNG.normal(size=shape).astype(dtype) if not is_complex(dtype) else (RNG.normal(size=shape) + 1j).astype(dtype)
    index = np.array([0, 5, 0, -1, 2, 0, 5]) % shape[0]
    source = RNG.normal(size=(7, *shape[1:])).astype(dtype)
    wide = dtype if dtype not in (tj.float16, bfloat16) else tj.float32
    expected = x.astype(wide)
    for i, row in zip(index, source):
        expected[i] += row.astype(wide)
    t = tj.asarray(x)
    assert_bits_equal(tj.index_add(t, 0, tj.asarray(index), tj.asarray(source)), expected.astype(dtype))
    zero = np.zeros(shape, wide)
    for i, row in zip(index, source):
        zero[i] += row.astype(wide)
    assert_bits_equal(tj.segment_sum(tj.asarray(source), tj.asarray(index), shape[0]), zero.astype(dtype))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_index_add_along_any_axis(dim):
    x, source, index = ramp((3, 4, 2)), RNG.normal(size=(3, 4, 2)), np.array([1, 1])
    source = np.take(source, [0, 1], axis=dim)
    expected = x.copy()
    np.add.at(np.moveaxis(expected, dim, 0), index, np.moveaxis(2 * source, dim, 0))
    assert_bits_equal(tj.index_add(tj.asarray(x), dim, tj.asarray(index), tj.asarray(source), alpha=2), expected)
    copied = x.copy()
    np.moveaxis(copied, dim, 0)[index] = np.moveaxis(source, dim, 0)
    assert_bits_equal(tj.asarray(x).index_copy(dim, tj.asarray(index), tj.asarray(source)), copied)
    np.moveaxis(copied, dim, 0)[index] = 9
    assert_bits_equal(tj.asarray(x).index_fill(dim, tj.asarray(index), 9), copied)
    assert_bits_equal(tj.index_select(tj.asarray(x), dim, tj.asarray(index)), np.take(x, index, axis=dim))


def test_masks():
    x, mask = ramp((3, 4)), RNG.integers(0, 2, (3, 4)).astype(bool)
    t, m = tj.asarray(x), tj.asarray(mask)
    assert_bits_equal(tj.masked_fill(t, m, 5), np.where(mask, 5.0, x))
    assert tj.masked_fill(tj.arange(3), tj.asarray([True, False, False]), 2.5).tolist() == [2, 1, 2]
    assert_bits_equal(tj.masked_select(t, m), x[mask])
    assert_bits_equal(tj.masked_select(t, m[0]), x[np.broadcast_to(mask[0], x.shape)])
    assert_bits_equal(t.clone().masked_fill_(m, 1.5), np.where(mask, 1.5, x))
    for found, expected in zip(tj.nonzero(m), np.nonzero(mask), strict=True):
        assert_bits_equal(found, expected)
    assert_bits_equal(m.nonzero(), np.argwhere(mask))
    with pytest.raises(tj.ShapeError, match="0-d"):
        tj.nonzero(tj.asarray(3))


def test_one_hot():
    assert_bits_equal(tj.one_hot(tj.asarray([[0, 2]]), 3), np.eye(3, dtype=np.int64)[[[0, 2]]])
    assert tj.one_hot(tj.asarray([1, 3])).shape == (2, 4)


# Gradients

BASE = RNG.normal(size=(4, 5))
ROWS = np.array([0, 2, 0, -1])
WIDE = np.array([[0, 3, 1, -1, 0], [1, 0, 2, 2, 0]])
GRADIENTS = {
    "rows": (lambda x: x[tj.asarray(ROWS)], (BASE,)),
    "pairs": (lambda x: x[tj.asarray(ROWS), tj.asarray([1, 1, 1, 2])], (BASE,)),
    "mixed": (lambda x: x[None, 1:, tj.asarray([[0, 3], [3, 3]])], (BASE,)),
    "mask": (lambda x: x[tj.asarray(BASE > 0)], (BASE,)),
    "take": (lambda x: tj.take(x, tj.asarray([3, 3, 0]), axis=1), (BASE,)),
    "take_along_axis": (lambda x: tj.take_along_axis(x, tj.asarray(WIDE), axis=0), (BASE,)),
    "gather": (lambda x: tj.gather(x, 0, tj.asarray(WIDE)), (BASE,)),
    "scatter": (lambda x, s: tj.scatter(x, 0, tj.asarray(WIDE), s), (BASE, BASE[:2] + 1)),
    "scatter_add": (lambda x, s: tj.scatter_add(x, 0, tj.asarray(WIDE), s), (BASE, BASE[:2] + 1)),
    "index_add": (lambda x, s: tj.index_add(x, 1, tj.asarray([0, 3, 3]), s, alpha=2.0), (BASE, BASE[:, :3] + 1)),
    "index_copy": (lambda x, s: x.index_copy(1, tj.asarray([0, 3, 3]), s), (BASE, BASE[:, :3] + 1)),
    "segment_sum": (lambda s: tj.segment_sum(s, tj.asarray([0, 2, 2, 0]), 3), (BASE,)),
    "masked_fill": (lambda x, v: tj.masked_fill(x, tj.asarray(BASE > 0), v), (BASE, np.array(0.7))),
    "masked_select": (lambda x: tj.masked_select(x, tj.asarray(BASE > 0)), (BASE,)),
    "complex rows": (lambda x: x[tj.asarray(ROWS)], (BASE + 1j * BASE[::-1],)),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    function, arrays = GRADIENTS[name]
    check_gradients(lambda *a: (function(*a) * function(*a)), *arrays)


def test_the_gradient_of_an_overwritten_value_is_zero():
    value = tj.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = tj.zeros(2)
    x[[0, 1, 0]] = value
    (x * tj.asarray([10.0, 100.0])).sum().backward()
    assert value.grad.tolist() == [0, 100, 10]


def test_embedding_gradients_of_small_floats_are_added_up_in_float32():
    table = tj.zeros((2, 1), dtype=tj.float16, requires_grad=True)
    table[tj.zeros(4096, dtype=tj.int64)].sum().backward()
    assert table.grad.tolist() == [[4096], [0]]
    assert places.index_add_op(tj.zeros(1, dtype=tj.float16), tj.ones(4096, dtype=tj.float16), tj.zeros(4096, dtype=tj.int64)).item() == 2048



def test_positions_that_are_counted_need_no_check():
    table = tj.randn(7, 3)
    looked_up = tj.compile(lambda table: table[tj.arange(5)] * 2)
    assert_bits_equal(looked_up(table).numpy(), (table[tj.arange(5)] * 2).numpy())
    assert "bounds" not in looked_up.plan(table)


@pytest.mark.parametrize("rows", [[0, 2], [0, -3], [0, 3], [-4], [5], []], ids=str)
@pytest.mark.parametrize("columns", [[0, 3], [-4], [4], [9, 0], []], ids=str)
def test_crossed_indices_are_in_bounds_or_an_error(rows, columns):
    """Each is checked before it is broadcast, as NumPy does it: not at all where there is nothing to take."""

    def cross(x, rows, columns):
        return x[rows[:, None], columns] + x[rows[:, None], columns[::-1]]

    def outcome(function):
        try:
            return function(np.arange(12.0).reshape(3, 4), np.array(rows, int), np.array(columns, int)).tobytes()
        except IndexError as reason:
            return str(reason)

    compiled = tj.compile(cross)
    assert {outcome(compiled) for _ in range(3)} == {outcome(cross)}
