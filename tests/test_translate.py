"""Kernel text as machine code: in lanes, under masks and one by one it gives what the same text gives as Python."""

from __future__ import annotations

import inspect
import textwrap

import numpy as np
import pytest
from support import assert_bits_equal, run_native

from tracejit.backends.llvm import machine, translate
from tracejit.backends.text.bits import apart, bits, fma, from_bits, rarely, rint
from tracejit.backends.text.in_python import PYTHON_WORDS, python_kernel
from tracejit.backends.llvm.words import FUNCTIONS
from tracejit.spec import SHORT_NAMES

LIMIT, TABLE = 3.0, (0.5, -1.25, 2.0)


def nested(x):
    y = x * 2 - 1
    if x > 0:
        if y > LIMIT:
            return y * y
        y = -y
    elif x < -2:
        y = x / 4
    return y + 1


def rare(x):
    y = x * 0.5
    if rarely(abs(x) > LIMIT):
        y = fma(x, x, y) if x > 0 else y - 1
    return y


def loops(x):
    t, rounds = x, 0.0 * x
    while t < 6:
        if t < 0:
            t = t + 3
        t = t * 1.5 + 1
        rounds += 1
    for c in TABLE:
        t = t * x + c
    for k in range(3):
        t = t + TABLE[k] * rounds
    return t


def exponent(x):
    i = bits(x)
    i = (i >> 3 << 3) ^ 5 if i & 4 else ~i
    return from_bits(i & bits(abs(x)))


def uniform(x):
    return chosen(x, 2) + chosen(x, 3) + chosen(x, x)


def chosen(x, y):
    if y == 2:
        return x * x
    if y == 3:
        return 0.25
    return x + y


def integers(x):
    i = np.int32(x * 4)
    return (i // 3) * 100 + (i % 3) * 10 + (i // -3) + (i % -1) + (i << 2) - (i >> 1) + np.int32(i > 2 or i == -1) - np.int32(not i)


def in_part(x):
    whole, left = parts(x * 0.75)
    if rarely(whole > 3 or whole < -3):
        whole = slowly(whole, x)
    return whole * 8 + left


def parts(x):
    whole = rint(x)
    return whole, x - whole


@apart
def slowly(x, y):
    for c in TABLE:
        x = x * 0.25 + slower(c + y)
    return x


@apart
def slower(x):
    while x > 1 or x < -1:
        x = x * 0.5
    return x


LAWS = [in_part, nested, rare, loops, exponent, uniform, integers]


@pytest.fixture(autouse=True)
def words(monkeypatch):
    for f in [*LAWS, chosen, parts, slowly, slower]:
        monkeypatch.setitem(FUNCTIONS, f.__name__, f)
        monkeypatch.setitem(PYTHON_WORDS, f.__name__, f)


def kernel_of(name, kind, loop, stride="", result=None):
    place = f"i * {stride}" if stride else "i"
    return textwrap.dedent(f"""\
        def kernel(args):
            x = {kind}_pointer(args, 0)
            y = {result or kind}_pointer(args, 1)
            s = args[3]
            for i in {loop}(0, args[2]):
                t = x[{place}]
                y[{place}] = {result or kind}({name}(t))
            return 0
    """)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=str)
@pytest.mark.parametrize("function", LAWS, ids=lambda f: f.__name__)
def test_functions_give_the_same_in_python_in_lanes_and_one_by_one(function, dtype):
    kind = SHORT_NAMES[np.dtype(dtype)]
    x = np.concatenate([np.linspace(-9, 9, 41), [0.0, -0.0, 0.5, 3.0, 1e30, 2.0]]).astype(dtype)
    if function in (integers, in_part):
        x = x[np.abs(x) < 100]
    if function is loops:
        x = x[np.abs(x) < 5]
    with np.errstate(all="ignore"):
        wanted = np.array([function(v) for v in x]).astype(dtype)
    for count in (1, 3, 8, 23, x.size):
        for loop in ("lanes", "range"):
            for stride in (1, 2):
                memory, out = np.repeat(x, stride), np.full(x.size * stride, 77, dtype)
                text = kernel_of(function.__name__, kind, loop, "s" if stride == 2 else "")
                assert run_native(text, memory, out, count, stride) == 0
                assert_bits_equal(out[: count * stride : stride], wanted[:count], f"{loop} {count} {stride}")
                assert (out[count * stride :] == 77).all()
        again = np.zeros_like(x)
        python_kernel(kernel_of(function.__name__, kind, "lanes"))([x, again, count, 1])
        assert_bits_equal(again[:count], wanted[:count], "as Python")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64], ids=str)
@pytest.mark.parametrize("symbol", ["+", "-", "*", "&", "|", "^", "<<", ">>", "//", "%", "<", "==", ">="])
def test_integer_operators_are_numpys(symbol, dtype):
    kind, (low, high) = SHORT_NAMES[np.dtype(dtype)], (np.iinfo(dtype).min, np.iinfo(dtype).max)
    line = np.array([low, low + 1, high, high - 1, 0, 1, 2, 3, 7, 8, 63, 64, 100, high // 2], dtype)
    line = np.concatenate([line, -line[:9]]) if low else line
    a, b = (g.reshape(-1).copy() for g in np.meshgrid(line, line))
    if symbol in ("//", "%"):
        a, b = a[b != 0], b[b != 0]
        if low:
            a, b = a[(a != low) | (b != -1)], b[(a != low) | (b != -1)]
    if symbol in ("<<", ">>"):
        a, b = a[b >= 0], b[b >= 0]
    with np.errstate(all="ignore"):
        wanted = eval(f"a {symbol} b").astype(dtype)
    for loop in ("lanes", "range"):
        out = np.zeros_like(a)
        text = kernel_of("", kind, loop).replace(f"{kind}((t))", f"{kind}(t {symbol} z[i])").replace("    s =", f"    z = {kind}_pointer(args, 3)\n    s =")
        assert run_native(text, a, out, a.size, b) == 0
        assert_bits_equal(out, wanted, f"{symbol} {loop}")


@pytest.mark.parametrize("in_place", [False, True], ids=["apart", "in place"])
def test_the_ends_of_loops_are_computed_once_where_that_counts(in_place):
    text = kernel_of("", "f32", "lanes").replace("f32((t))", "f32(t * t + 1.0)").replace("lanes(0", "lanes(s")
    for start in (0, 3):
        for stop in range(start, 75):
            x = np.linspace(-2, 3, 80).astype(np.float32)
            out = x if in_place else np.zeros_like(x)
            wanted = out.copy()
            wanted[start:stop] = x[start:stop] * x[start:stop] + 1
            assert run_native(text, x, out, stop, start) == 0
            assert_bits_equal(out, wanted, f"{start} to {stop}")


def test_a_division_that_is_not_wanted_does_not_trap():
    text = kernel_of("", "i32", "lanes").replace("i32((t))", "i32(7 // t if t != 0 else -1)")
    x, out = np.array([0, 2, -1, -2, 0], np.int32), np.zeros(5, np.int32)
    assert run_native(text, x, out, 5, 1) == 0
    assert out.tolist() == [-1, 3, -7, -4, -1]


def test_what_is_gathered_beyond_the_last_lane_is_not_read():
    text = textwrap.dedent("""\
        def kernel(args):
            x = f64_pointer(args, 0)
            k = i64_pointer(args, 1)
            y = f64_pointer(args, 2)
            for i in lanes(0, args[3]):
                y[i] = x[k[i]]
            return 0
    """)
    x = np.arange(10.0)
    k = np.array([3, 9, 0, 2**60, 2**60], np.int64)
    y = np.full(5, -1.0)
    assert run_native(text, x, k, y, 3) == 0
    assert y.tolist() == [3.0, 9.0, 0.0, -1.0, -1.0]


def test_an_early_return_stops_a_kernel():
    text = textwrap.dedent("""\
        def kernel(args):
            x = f64_pointer(args, 0)
            total = 0.0
            for i in range(0, args[1]):
                if x[i] < 0.0:
                    return 1
                total += x[i]
            x[0] = total
            return 0
    """)
    good, bad = np.array([1.0, 2.0, 4.0]), np.array([1.0, -2.0, 4.0])
    assert run_native(text, good, 3) == 0 and good[0] == 7.0
    assert run_native(text, bad, 3) == 1 and bad[0] == 1.0


def test_kinds_do_not_mix_unseen():
    for value in ("t + i64(1)", "f64(t) * t", "u8(1) + i8(1)"):
        with pytest.raises(TypeError, match="different kinds.*in: y"):
            translate.translate(kernel_of("", "f32", "lanes").replace("f32((t))", value))


def test_literals_are_weak():
    out = np.zeros(3, np.float32)
    text = kernel_of("", "f32", "lanes").replace("f32((t))", "t * 0.1 + 1 / 3")
    x = np.array([1.0, 2.0, 3.0], np.float32)
    run_native(text, x, out, 3, 1)
    assert_bits_equal(out, x * np.float32(0.1) + np.float32(1 / 3))


def test_every_text_has_its_source():
    for function in (text for f in FUNCTIONS.values() for text in getattr(f, "texts", {"": f}).values()):
        assert inspect.getsource(function).removeprefix("@apart\n").startswith("def ")


def test_many_calls_of_a_function_share_its_machine_code_and_its_bits():
    once = kernel_of("", "f32", "lanes").replace("f32((t))", "f32(tanh(t))")
    many = once.replace("t = x[i]", "t = x[i]\n" + "\n".join(f"        u{k} = f32(tanh(f32(t * {k}.0)))" for k in range(4)))
    assert translate.translate(many).called and not translate.translate(once).called
    x = np.linspace(-3, 3, 37).astype(np.float32)
    results = [np.zeros_like(x) for _ in range(2)]
    for text, out in zip((once, many), results):
        assert run_native(text, x, out, x.size, 1) == 0
    assert_bits_equal(*results)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8])
def test_the_registers_of_a_long_chain_are_held_abreast_and_keep_its_bits(dtype):
    dtype = np.dtype(dtype)
    kind = SHORT_NAMES[dtype]
    start, step = "t = x[i]\n", f"        t = {kind}({kind}(t * x[i]) + {kind}(3))\n"
    text = kernel_of("", kind, "lanes").replace(start, start + 40 * step)
    assert (machine.any_register() is None) or ' asm "", ' in translate.translate(text).text
    for size in (0, 1, 31, 64, 131):
        x = (np.linspace(0.1, 1, size) if dtype.kind == "f" else np.arange(size)).astype(dtype)
        native, stepped = np.zeros_like(x), np.zeros_like(x)
        assert run_native(text, x, native, size, 1) == 0
        with np.errstate(over="ignore"):
            python_kernel(text)([x, stepped, size, 1])
        assert_bits_equal(native, stepped)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int16, np.uint8])
@pytest.mark.parametrize("choice", ["x[i] if z[i] > t else z[i]", "z[i] if z[i] > t else x[i]"])
def test_what_is_chosen_from_its_own_place_is_stored_in_all_lanes(dtype, choice):
    """A store of some lanes is slow on some processors, and LLVM makes one wherever it sees that the others keep what they hold."""
    kind = SHORT_NAMES[np.dtype(dtype)]
    text = kernel_of("", kind, "lanes").replace("    s =", f"    z = {kind}_pointer(args, 1)\n    s =").replace(f"{kind}((t))", choice)
    assert (machine.any_register() is None) or ' asm "", ' in translate.translate(text).text
    for size in (0, 1, 31, 64, 131):
        x = np.arange(size).astype(dtype)
        native, stepped = x[::-1].copy(), x[::-1].copy()
        assert run_native(text, x, native, size, 1) == 0
        python_kernel(text)([x, stepped, size, 1])
        assert_bits_equal(native, stepped)


@pytest.mark.parametrize("symbol", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("kinds", [("i64", "u64"), ("u64", "i64"), ("i8", "u64"), ("i32", "i64"), ("u8", "i8")])
def test_integers_of_two_kinds_compare_exactly(kinds, symbol):
    lines = [np.array([0, 1, 7, 100, np.iinfo(d).max, np.iinfo(d).min, np.iinfo(d).min + 1], d) for d in map(PYTHON_WORDS.get, kinds)]
    a, b = (g.reshape(-1).copy() for g in np.meshgrid(*lines))
    wanted = [eval(f"x {symbol} y") for x, y in zip(a.tolist(), b.tolist())]
    for loop in ("lanes", "range"):
        out = np.zeros(a.size, np.uint8)
        text = kernel_of("", kinds[0], loop, result="u8").replace("u8((t))", f"u8(t {symbol} z[i])").replace("    s =", f"    z = {kinds[1]}_pointer(args, 3)\n    s =")
        assert run_native(text, a, out, a.size, b) == 0
        assert out.astype(bool).tolist() == wanted
