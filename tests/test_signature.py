"""The key of a call: equal exactly where the function could not tell the calls apart without looking into an array."""

from __future__ import annotations

import functools
import gc
import timeit
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass

import numpy as np
import optree
import pytest

import tracejit as tj
from tracejit.errors import CompileError
from tracejit.frontend.signature import Signature
from tracejit.frontend.substitute import Substitution
from tracejit.tensor import Tensor, wrap

Point = namedtuple("Point", "x y")
A, B = np.ones((2, 3), np.float32), np.zeros(4)
T = wrap(np.ones((2, 3), np.float32))


class Thing:
    def method(self, x):
        return x


@optree.dataclasses.dataclass(namespace="tracejit")
class Registered:
    x: object
    y: object


@dataclass
class Unregistered:
    x: object


THING, OTHER = Thing(), Thing()


def plain(x, y=2, *rest, scale=1.0, **options):
    raise AssertionError("the function is not run")


def simple(x, y=2):
    raise AssertionError("the function is not run")


def only(x, y, /, z=0, *, w):
    raise AssertionError("the function is not run")


def key(*args, of=plain, **kwargs):
    return Signature(of).flatten(args, kwargs)[0]


def requires(tensor):
    tensor = wrap(tensor)
    tensor._requires_grad = True
    return tensor


SPELLINGS = [
    (simple, ((A,), {}), ((A, 2), {}), ((A,), {"y": 2}), ((), {"y": 2, "x": A})),
    (plain, ((A,), {"scale": 1.0}), ((A, 2), {}), ((), {"x": A})),
    (plain, ((A, 3), {"scale": 2.0, "k": 1}), ((A,), {"k": 1, "y": 3, "scale": 2.0})),
    (only, ((A, B), {"w": 1}), ((A, B, 0), {"w": 1}), ((A, B), {"w": 1, "z": 0})),
    (functools.partial(only, A), ((B,), {"w": 1}), ((B, 0), {"w": 1})),
    (THING.method, ((A,), {}), ((), {"x": A})),
]


@pytest.mark.parametrize("function, calls", [(function, calls) for function, *calls in SPELLINGS])
def test_spellings_of_one_call_are_one_key(function, calls):
    signature = Signature(function)
    wanted, leaves = signature.flatten(*calls[0])
    for call in calls[1:]:
        found, others = signature.flatten(*call)
        assert found == wanted and hash(found) == hash(wanted)
        assert list(map(id, others)) == list(map(id, leaves))


SAME = {  # pairs that are one key
    "float": (0.5, 0.5),
    "nan": (float("nan"), float("nan")),
    "str": ("mean", "".join(["me", "an"])),
    "list": ([1, A], [1, np.zeros((2, 3), np.float32)]),
    "dict": ({"a": 1, "b": A}, {"a": 1, "b": A}),
    "named tuple": (Point(1, A), Point(1, A)),
    "registered": (Registered(A, 1), Registered(np.zeros((2, 3), np.float32), 1)),
    "object": (THING, THING),
    "bound method": (THING.method, THING.method),
    "lambda without state": tuple((lambda: [lambda t: t * 2 for _ in range(2)])()),
    "partial": (functools.partial(plain, 1, k=A), functools.partial(plain, 1, k=A)),
    "slice": (slice(1, None), slice(1, None)),
    "set": ({1, 2}, {1, 2}),
    "numpy scalar": (np.float32(1), np.float32(2)),
    "tensor": (T, wrap(np.zeros((2, 3), np.float32))),
    "dtype": (np.dtype("f4"), np.dtype("float32")),
    "complex nan": (complex(float("nan"), 0), complex(float("nan"), 0)),
}
DIFFERENT = {
    "bool and int": (True, 1),
    "int and float": (1, 1.0),
    "bool and float": (True, 1.0),
    "zeros": (0.0, -0.0),
    "complex zeros": (complex(0, 0.0), complex(0, -0.0)),
    "str and bytes": ("a", b"a"),
    "None and 0": (None, 0),
    "list and tuple": ([1], (1,)),
    "named tuple and tuple": (Point(1, 2), (1, 2)),
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "keys of a dict": ({1: 2}, {True: 2}),
    "dict and ordered": ({"a": 1}, OrderedDict(a=1)),
    "default factory": (defaultdict(list, a=1), defaultdict(int, a=1)),
    "length of a deque": (deque([1], 2), deque([1], 3)),
    "shape": (A, A.reshape(3, 2)),
    "strides": (np.ones((3, 2)), np.ones((2, 3)).T),
    "dtype": (A, A.astype(np.float64)),
    "byte order": (A, A.astype(">f4")),
    "kind of array": (A, T),
    "requires grad": (T, requires(T._value)),
    "array in a list": ([A], [T]),
    "numpy scalar and array": (np.float32(1), np.ones((), np.float32)),
    "numpy scalar and float": (np.float64(1), 1.0),
    "objects": (THING, OTHER),
    "objects that are equal": (Unregistered(1), Unregistered(1)),
    "bound methods of two objects": (THING.method, OTHER.method),
    "lambdas": (lambda t: t * 2, lambda t: t * 3),
    "closures": tuple((lambda n: lambda t: t * n)(n) for n in (2, 3)),
    "ranges": (range(0), range(1, 1)),
    "parameter and tensor": (T, type("Sub", (Tensor,), {})()),
}
DIFFERENT["parameter and tensor"][1]._value = T._value


@pytest.mark.parametrize("first, second", SAME.values(), ids=SAME)
def test_arguments_that_are_one_key(first, second):
    assert key(first) == key(second) and hash(key(first)) == hash(key(second))


@pytest.mark.parametrize("first, second", DIFFERENT.values(), ids=DIFFERENT)
def test_arguments_that_are_two_keys(first, second):
    assert key(first) != key(second)
    assert key([first]) != key([second]) and key({"k": first}) != key({"k": second})


def test_duplicates_are_part_of_the_key():
    other = A.copy()
    assert key(A, A) != key(A, other)
    assert key(A, other, A) != key(A, other, other)
    assert key([A, A], other) == key([other, other], A)


RESTORED = [
    ((1, True, 1.0, -0.0, None, "s", b"b", 2j, ...), {}),
    ((A, [A, (B, {"k": T, 3: Point(A, 1)})], deque([A], 5)), {"scale": OrderedDict(b=A, a=B), "k": defaultdict(list, z=A)}),
    ((slice(None, 3), range(3), functools.partial(plain, A, y=B), {1, 2}, np.dtype("f4"), Thing), {}),
    ((THING, THING.method, np.float32(2), Registered(A, [B])), {}),
]


def same(a, b):
    if isinstance(a, (np.ndarray, Tensor)):
        return a is b
    if isinstance(a, functools.partial):
        return same([a.func, a.args, a.keywords], [b.func, b.args, b.keywords])
    if isinstance(a, (list, tuple, deque)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(map(same, a.values(), b.values()))
    if isinstance(a, Registered):
        return same(a.x, b.x) and same(a.y, b.y)
    return a is b or (type(a) is type(b) and repr(a) == repr(b))


@pytest.mark.parametrize("args, kwargs", RESTORED)
def test_a_key_restores_its_call(args, kwargs):
    signature = Signature(plain)
    found, leaves = signature.flatten(args, kwargs)
    restored = signature.restore(found, leaves)
    args = tuple(np.asarray(a) if isinstance(a, np.generic) else a for a in args)
    restored_args = tuple(np.asarray(r) if isinstance(a, np.ndarray) and a.ndim == 0 else r for a, r in zip(args, restored[0]))
    wanted = signature.bind(args, kwargs)
    for a, b in zip([*wanted[0], *wanted[1].values()], [*restored_args, *restored[0][len(args) :], *restored[1].values()], strict=True):
        assert same(a, b) or (isinstance(a, np.ndarray) and a.ndim == 0 and a == b)
    assert list(wanted[1]) == list(restored[1])


def test_duplicates_are_restored_as_one():
    signature = Signature(plain)
    found, leaves = signature.flatten((A, [A]), {})
    args, _ = signature.restore(found, [wrap(leaf) for leaf in leaves])
    assert args[0] is args[1][0]


@pytest.mark.parametrize("args, kwargs", [((), {}), ((1,), {"x": 2, "y": 3, "w": 1}), ((1, 2, 3, 4), {"w": 1}), ((1, 2), {}), ((1, 2), {"w": 1, "q": 1})])
def test_a_misfit_is_pythons_own_error(args, kwargs):
    with pytest.raises(TypeError) as wanted:
        only(*args, **kwargs)
    with pytest.raises(TypeError) as found:
        Signature(only).flatten(args, kwargs)
    assert str(found.value) == str(wanted.value)


def test_a_wrapper_is_called_as_it_is_called():
    @functools.wraps(simple)
    def wrapper(*args, **kwargs):
        return args, kwargs

    signature = Signature(wrapper)
    found, leaves = signature.flatten((A,), {"y": 3})
    args, kwargs = signature.restore(found, leaves)
    assert args[0] is A and kwargs == {"y": 3}
    assert found != signature.flatten((A, 3), {})[0]


def test_defaults_are_those_of_now():
    def function(x, y=1):
        return x

    signature = Signature(function)
    before = signature.flatten((A,), {})[0]
    function.__defaults__ = (2,)
    assert signature.flatten((A,), {})[0] == signature.flatten((A, 2), {})[0] != before


def test_a_dead_object_is_never_mistaken_for_another():
    signature = Signature(plain)
    dropped = []
    cache = {}

    def fill():
        thing = Thing()
        found = signature.flatten((thing,), {})[0]
        signature.watch(found, dropped.append)
        assert signature.alive(found) and found not in cache
        cache[found] = True
        return found

    keys = [fill() for _ in range(50)]
    gc.collect()
    assert dropped == keys and not any(map(signature.alive, keys))


def test_keys_keep_no_object_alive():
    class Cache:
        def drop(self, key):
            self.dropped = key

    signature, thing, cache = Signature(plain), Thing(), Cache()
    found = signature.flatten((thing, thing.method), {})[0]
    signature.watch(found, cache.drop)
    del thing
    gc.collect()
    assert cache.dropped == found
    other = Thing()
    found = signature.flatten((other,), {})[0]
    signature.watch(found, cache.drop)
    signature.unwatch(found)
    del other
    gc.collect()
    assert cache.dropped != found


def test_a_container_that_holds_itself_is_an_error_that_says_so():
    loop = []
    loop.append(loop)
    with pytest.raises(CompileError, match="holds itself"):
        key(loop)


CHANGES = [
    ((A, 1), {}, (A, 2), {}, [("y", "was 1 and is 2")]),
    ((A,), {"scale": 2.0}, (A,), {"scale": 3.0}, [("scale", "was 2.0 and is 3.0")]),
    ((A,), {}, (B,), {}, [("x", "was an array of shape (2, 3), dtype float32 and is an array of shape (4,), dtype float64")]),
    ((A, 1, 5), {}, (A, 1, 6), {}, [("args[0]", "was 5 and is 6")]),
    ((A,), {}, (A,), {"k": 1}, [("k", "was not given and is 1")]),
    ((A, [1]), {}, (A, [2]), {}, [("y[0]", "was 1 and is 2")]),
    ((A, [1]), {}, (A, [1, 2]), {}, [("y", "was a list of 1 items and is a list of 2 items")]),
    ((A, {"a": (1, A)}), {}, (A, {"a": (1, B)}), {}, [("y['a'][1]", "was an array of shape (2, 3), dtype float32 and is an array of shape (4,), dtype float64")]),
]


@pytest.mark.parametrize("args, kwargs, others, other_kwargs, wanted", CHANGES)
def test_what_differs_is_named(args, kwargs, others, other_kwargs, wanted):
    signature = Signature(plain)
    assert signature.difference(signature.flatten(args, kwargs)[0], signature.flatten(others, other_kwargs)[0]) == wanted


def test_a_key_of_two_arrays_takes_about_a_microsecond():
    signature = Signature(simple)
    args = (np.ones(16), np.ones(16))
    cache = {signature.flatten(args, {})[0]: 1}
    seconds = min(timeit.repeat(lambda: cache[signature.flatten(args, {})[0]], number=2000, repeat=20)) / 2000
    reference = min(timeit.repeat(lambda: {(a.shape, a.dtype): 1 for a in args}, number=2000, repeat=20)) / 2000
    assert seconds < max(2e-6, 4 * reference)


# Stand-ins inside containers


def stand_ins(args, kwargs):
    found, leaves = Signature(plain).flatten(args, kwargs)
    replaced = [leaf if isinstance(leaf, Tensor) else wrap(leaf) for leaf in leaves]
    return Substitution(args, kwargs, replaced), leaves, replaced


def test_containers_without_arrays_are_the_callers_own():
    config, tensors = {"lr": 0.1}, [T, T]
    call, _, _ = stand_ins((config, tensors, [A]), {"k": Point(A, config)})
    assert call.args[0] is config and call.args[1] is tensors and call.args[2] is not None
    assert isinstance(call.args[2][0], Tensor) and call.kwargs["k"].y is config and type(call.kwargs["k"]) is Point


def test_stand_ins_follow_the_order_of_the_leaves():
    args = ({"b": A, "a": [B, (T,)]}, functools.partial(plain, A, k=B), Registered(A, B), np.float32(3), defaultdict(list, k=A))
    call, leaves, replaced = stand_ins(args, {"k": deque([B])})
    seen = []

    def collect(value):
        if isinstance(value, Tensor):
            seen.append(value)
        elif isinstance(value, functools.partial):
            collect([value.args, value.keywords])
        elif isinstance(value, dict):
            collect(list(value.values()))
        elif isinstance(value, Registered):
            collect([value.x, value.y])
        elif isinstance(value, (list, tuple, deque)):
            for part in value:
                collect(part)

    collect([*call.args, *call.kwargs.values()])
    assert [id(t) for t in seen] == [id(t) for t in replaced]


def test_what_is_done_to_copies_is_done_to_the_callers_containers():
    batch, rows, shared = {"x": A, "n": [B]}, deque([A, B]), [A]
    call, leaves, replaced = stand_ins((batch, rows, shared, shared), {})
    copy, copied_rows, one, two = call.args
    assert one is two and call.original(copy) is batch and call.original(copy["x"]) is A
    assert not call.write_back() and batch["x"] is A
    made = wrap(np.zeros(1))
    copy["y"] = made
    copy["n"].append(copy["x"])
    copied_rows.popleft()
    one.clear()
    inner = batch["n"]
    assert call.write_back(lambda v: v._value if v is made else v)
    assert batch["y"] is made._value and batch["n"] is inner and inner[1] is A and inner[0] is B
    assert list(map(id, rows)) == [id(B)] and shared == []


@pytest.mark.parametrize(
    "array, said",
    [
        (np.arange(3, dtype=np.dtype(np.int32).newbyteorder()), ">i4"),
        (np.array(["a"]), "<U1"),
        (np.array([None]), "object"),
        (np.ma.array([1.0, 2.0]), "MaskedArray"),
        (np.zeros(2, [("a", int), ("b", float)]), "'a'"),
    ],
    ids=["swapped", "text", "object", "masked", "fields"],
)
def test_with_arrays_that_no_tensor_can_be_a_function_runs_as_it_is(array, said):
    compiled = tj.compile(lambda x: x)
    assert all(compiled(array) is array for _ in range(3))
    assert compiled.cache_info().modes == ("python",) and said in compiled.cache_info().reasons[0]
