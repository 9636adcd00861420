"""Python numbers that rolled loops change: whatever is done with them, behind the loop and in it, is what Python does."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import tracejit as tj

USES = """
    n ** 3; n ** -1; f ** 0.5; 2 ** n; n / (n - n); n // (n - n); f / (f - f); n // 3; n % n; divmod(n, 3); n & 1; n << 1; ~n; +n; -f; round(f);
    round(f, 1); np.sin(n); np.sin(f); np.array([n, 1]); np.array([f]); np.array(n); np.asarray(f); np.full(2, n); np.full(2, f); np.zeros(n);
    {7: 1}.get(n); n in (7, 8); '%d' % n; f'{f:.2f}'; x.reshape(n - 2); list(range(n)); [0] * n; 'a' * n; math.floor(f); math.sqrt(n); math.sqrt(f);
    np.clip(n, 0, 5); np.clip(f, 0, 5); np.sum([n, n]); max(n, 3); min(f, 2); sum([n]); n.bit_length(); f.is_integer(); x[n - 7]; x[:n - 4]; x + n;
    x ** n; x / n; np.float64(n); np.int32(n); np.int64(n); np.float32(f); float(n); int(f); complex(n); np.arange(n); np.linspace(0, 1, n);
    np.power(2, n); np.power(2, f); np.isscalar(n); type(n); isinstance(n, int); np.where(x > n, x, n); np.maximum(n, 3); np.maximum(x, n);
    np.minimum(f, x); np.round(f, 2); np.add(n, f); np.hypot(f, f); np.roll(x, n); np.ones((n, 2)); np.eye(n); np.mod(n, 3); np.isnan(f); np.abs(n);
    np.dtype('f4').type(f); np.stack([x, x * n]); np.max([n, 3]); np.mean([f, f]); np.array([x[0], n]); np.array([x[0], f]); np.allclose(f, f);
    np.diff([n, n]); np.float64(2) * n; np.float64(2) ** n; np.float64(2) / n; n * np.float64(2); np.int64(2) + n; b; not b; b + 1; b & True;
    b | False; b ^ b; ~b; np.logical_not(b); np.array(b); x[b]; x * b; str(b); n == 7.0; n < f; n != None; n == 'a'; [n]; (n, f); {'n': n}; bool(n);
    hash(n) == hash(7); n is None; sorted([n, f, 3]); f // 0.3; f % 0.3; n * f; np.full_like(x, n); np.full((2,), f, dtype=np.float32); x.sum() + n;
    x[0] if n > 3 else x[1]; np.arange(5)[n - 4]; np.arange(3) + n; np.arange(3) * f; x.astype(np.float32) * f; x.astype(np.int32) + n; np.pad(x, n);
    np.repeat(x, n); np.tile(x, n); np.bincount([n]); [1, 2, 3, 4, 5, 6, 7, 8][n]; f.hex(); n.real; n.__class__; abs(n); math.gcd(n, 14);
    np.broadcast_to(n, (2,)); np.expand_dims(n, 0); np.copy(n); np.atleast_1d(n); np.linalg.norm([n, f]); np.prod([n, f]);
    np.select([x > n], [x], n); np.interp(f, [0, 1], [0, n]); np.cumsum([n, n]); np.sqrt(n); np.exp(-f); np.log(f); n * 1j; 1j * n; f ** 2j; 1j ** n;
    1j - f; n + 1j; f == 1j; n ** 2; n ** 2.0; b ** 2; True & b; 3 | n; 1 << n; round(b); n % -3; -7 // n; n - 0.5; np.array(2) * n;
    np.float32(2) * n; np.float32(2) * f; np.array([1, 2], np.float32) * f; np.int8(3) * n; np.array([np.float32(1), n]);
    np.where(x.astype(np.float32) > n, x.astype(np.float32), n); math.floor(f); math.trunc(f); np.float32(1) / n; n / np.float32(2);
    f - np.float64(1); x[b, 0]; x[n - 7] + n; np.minimum(n, f); np.add(x, n); np.subtract.outer([n, 1], x); np.add.reduce([n, n]);
    np.maximum.reduce([f, f]); b is True; b is not False; (n > 3) is True; n is True; Decimal(2) + n; n - Decimal(2); Decimal(1) / n; Fraction(1, 3) * n;
    Fraction(n, 3); n < Decimal(9); n == Decimal(7); [0] * n; n * [0]; n + 'a'; n * 'a'
"""
LOOP = """
def behind{i}(x):
    n, f, b = 0, 16.0, False
    while x[0] * n < 13:
        n += 1
        f = f * 0.75
        b = not b
    return ({use}), x

def within{i}(x):
    n, f, b, found = 7, 2.0, True, None
    for _ in range(300):
        found = ({use})
        n += 1
        f = f * 0.999
        b = not b
    return found, n, f, b, x
"""


def outcome(function, x):
    try:
        return function(x)
    except Exception as error:
        return type(error), str(error)


def bits(value):
    if isinstance(value, (tuple, list)):
        return [bits(v) for v in value]
    if isinstance(value, dict):
        return [(name, bits(v)) for name, v in value.items()]
    if isinstance(value, (np.ndarray, np.generic)):
        return type(value), value.dtype, value.shape, value.tobytes()
    return type(value), repr(value)


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """A module with two functions for each use: a copy of code is woven, so it needs a file."""
    path = tmp_path_factory.mktemp("uses") / "uses_of_numbers.py"
    uses = [use.strip() for use in USES.replace("\n", " ").split(";")]
    path.write_text("import math\nfrom decimal import Decimal\nfrom fractions import Fraction\n\nimport numpy as np\n" + "".join(LOOP.format(i=i, use=use) for i, use in enumerate(uses)))
    spec = importlib.util.spec_from_file_location("uses_of_numbers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {f"{where}: {use}": getattr(module, f"{where}{i}") for i, use in enumerate(uses) for where in ("behind", "within")}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("where", ["behind", "within"])
def test_a_number_that_a_loop_changes_is_a_number_of_pythons(functions, where):
    wrong = []
    for name, function in functions.items():
        if name.startswith(where):
            compiled = tj.compile(function)
            for _ in range(2):
                x, y = np.array([[2.0, 1, 3, -1, 0.5], [2.0, 1, 3, -1, 0.5]])
                if bits(outcome(compiled, x)) != bits(outcome(function, y)) or bits(x) != bits(y):
                    wrong.append(name)
    assert not wrong


class Kept:
    def __init__(self, number):
        self.number = number


def keeps(x):
    n, f = 0, 16.0
    while x[0] * n < 13:
        n += 1
        f = f * 0.75
    return {n: f, "set": {n}}, Kept(n), frozenset([f]), pow(n, 2, 5)


def test_a_number_that_outlives_the_call_is_pythons():
    compiled = tj.compile(keeps)
    for first in (2.0, 3.0, 2.0, 3.0):
        (table, kept, *rest), (expected, other, *others) = compiled(np.array([first])), keeps(np.array([first]))
        assert bits([table, kept.number, rest]) == bits([expected, other.number, others])
        assert [*map(type, table), *map(type, table["set"]), type(kept.number)] == [int, str, int, int]
