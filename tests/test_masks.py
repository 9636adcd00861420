"""Elements that masks choose, computed and written back: as whole arrays where that is the same, and as NumPy does it everywhere else."""

from __future__ import annotations

import numpy as np
import pytest
from test_roll import close, outcome

import tracejit as tj

OUTER = np.arange(10.0)


class Holder:
    def __init__(self, value):
        self.value = value


# One graph, whatever the values


def a_polynomial(x, y):
    m = x > 0.5
    x[m] = x[m] ** 2 + y[m] * 3
    return x


def by_operators_in_place(x, y):
    x[x > 0.5] *= 0.9
    x[x < 0.2] += 1
    m = y > 0.3
    y[m] -= x[m]
    return x, y


def in_turns(x, y):
    m = (x > 0.3) & (y > 0.3)
    for i in range(300):
        x[m] = np.sqrt(np.abs(x[m])) * y[m] - 0.1 * i
        y[m] -= x[m] * 0.001
        m = m & (x > -1)
    return x, y


def until_none_is_left(x, y):
    z, steps = x + 1j * y, np.zeros(x.shape, np.int16)
    m = np.abs(z) < 9
    for i in range(200):
        z[m] = z[m] * z[m] + z[m]
        steps[m] = i
        m = m & (z.real * z.real + z.imag * z.imag < 4)
        if not m.any():
            break
    return z, steps, i


def of_two_axes(x, y):
    x2, y2 = x.reshape(2, 5), y.reshape(2, 5)
    m = x2 > y2
    x2[m] = -x2[m] + y2[m]
    turned, mask = x2.T, m.T
    turned[mask] = turned[mask] * 2
    return x, turned


def of_steps(x, y):
    part, other = x[::2], y[::-2]
    m = part > 0.3
    part[m] = part[m] * 2 + other[m]
    return x


def integers(x, y):
    n, m = (x * 10).astype(int), y > 0.5
    n[m] = n[m] // 2 + (n[m] > 3)
    n[m] += 1
    n[m] = -n[m]
    return n


def of_another_dtype(x, y):
    m, z = x > 0.5, x.astype(np.float32)
    z[m] = y[m] * 2
    z[m] *= y[m]
    return z


def from_another_array(x, y):
    m = x > 0.5
    x[m] = y[m]
    y[m] = 3
    x[m] = x[m] > 0.7
    return x, y


def by_numbers_of_all_kinds(x, y):
    m, s, total, first = x > 0.5, np.float32(3), x.sum(), y[0]
    x[m] = x[m] * s + total
    x[m] = x[m] * first + True
    return x


def a_mask_of_itself(x, y):
    m = x > 0.5
    m[m] = y[m] > 0.5
    return m


def none_or_all(x, y):
    none, every = x > 5, x > -5
    x[none] = x[none] * 2
    x[every] = x[every] + y[every]
    return x


def of_the_module(x, y):
    m = x > 0.5
    OUTER[m] = OUTER[m] + x[m]
    return OUTER.copy()


WHOLE = [
    a_polynomial, by_operators_in_place, in_turns, until_none_is_left, of_two_axes, of_steps, integers, of_another_dtype, from_another_array,
    by_numbers_of_all_kinds, a_mask_of_itself, none_or_all, of_the_module,
]  # fmt: skip


# As NumPy does it


def values_that_were_chosen_before(x, y):
    m = x > 0.5
    chosen = x[m]
    y[m] = y[m] + chosen
    return y


def a_mask_that_does_not_fit(x, y):
    m = x[:3] > 0.5
    x[m] = x[m] + 1
    return x


def no_masks(x, y):
    numbers, counts, key, i = [1, 2, 3], {"a": 1}, "a", 1
    numbers[i] = numbers[i] * 2 + i
    counts[key] = counts[key] + 1
    counts[key] += 2
    j, s = np.array([0, 2, 2]), slice(1, 4)
    x[j] = x[j] * 2 + y[j]
    x[j] += 1
    x[s] = x[s] * y[s]
    x[i] = x[i] * 2 + y[i]
    return numbers, counts, x


def what_cannot_be_cast(x, y):
    n, m = (x * 10).astype(int), y > 0.5
    n[m] += 0.5
    return n


def powers_that_raise(x, y):
    m, n = x > 0.5, (x * 5).astype(int)
    e = n - 3
    n[m] = n[m] ** e[m]
    return n


def read_only(x, y):
    m = x > 0.5
    x.flags.writeable = False
    x[m] = x[m] * 2


def complex_ones(x, y):
    m, z = x > 0.5, x + 1j * y
    z[m] *= z[m]
    z[m] = z[m].real
    x[m] = np.hypot(x[m], y[m]) + z[m].imag
    return z, x


def whole_arrays_among_them(x, y):
    m = x > 0.5
    x[m] = x[m] + y
    return x


def of_an_object(x, y):
    holder, m = Holder(x), x > 0.5
    holder.value[m] = holder.value[m] * 2
    holder.value[m] = np.where(holder.value[m] > 1, 1, holder.value[m])
    return x


def masks_and_numbers_that_are_no_names(x, y):
    x2 = x.reshape(2, 5)
    m = x2 > 0.5
    x2.T[m.T] = x2.T[m.T] * 2
    turned = x2.T
    turned[m.T] = turned[m.T] * 2
    x2[m] = x2[m] * y[0] + 2j.imag + x2.sum()
    return x, turned


def sorted_among_themselves(x, y):
    m = x > 0.5
    x[m] = np.sort(x[m])
    x[m] = x[m][::-1] - x[m].mean()
    return x


OTHERS = [
    values_that_were_chosen_before, a_mask_that_does_not_fit, no_masks, what_cannot_be_cast, powers_that_raise, read_only, complex_ones,
    whole_arrays_among_them, of_an_object, masks_and_numbers_that_are_no_names, sorted_among_themselves,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", [*WHOLE, *OTHERS], ids=lambda f: f.__name__)
def test_what_a_mask_chooses_is_what_numpy_makes_of_it(function):
    compiled = tj.compile(function)
    for seed in (0, 1, 2, 0):
        found = []
        for run in (compiled, function):
            OUTER[:] = np.arange(10)
            x, y = np.random.default_rng(seed).uniform(0, 1, (2, 10))
            found.append((outcome(lambda x, run=run, y=y: run(x, y), x), x, y, OUTER.copy()))
        assert close(*found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", WHOLE, ids=lambda f: f.__name__)
def test_it_is_one_graph(function):
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 10))
    compiled = tj.compile(function, fullgraph=True)
    assert str(compiled.graph(x, y)).count("\n") < 100
    compiled(x, y)
    assert compiled.cache_info().modes == ("graph",)
