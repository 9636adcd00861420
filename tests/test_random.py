"""Random numbers: Philox's published vectors, one text in three languages, streams, and distributions by their moments and tests."""

import copy
import math
import pickle
import threading

import numpy as np
import pytest
from scipy import stats

import tracejit as tj
from tracejit.ops.philox import philox

N = 40_000
P_VALUE = 1e-4  # seeds are fixed, so a test that passes goes on passing

# Random123's known answers for philox4x32-10: counter words, key words, first two words of the answer.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E]),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], [0xD16CFE09, 0x94FDCCEB]),
]


def _joined(words):
    return words[0] | words[1] << 32


@pytest.mark.parametrize("kind", [int, np.uint64, lambda n: np.array([n], np.uint64)], ids=["int", "uint64", "array"])
@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_philox_known_answers(counter, key, answer, kind):
    got = philox(kind(_joined(key)), kind(_joined(counter[:2])), kind(_joined(counter[2:])))
    assert int(np.asarray(got).reshape(())) == _joined(answer)


def test_a_draw_is_philox_of_key_and_counter():
    generator = tj.Generator().manual_seed(42)
    first, second = generator.bits((3, 5)).numpy(), generator.bits((7,)).numpy()
    expected = philox(np.uint64(42), np.arange(22, dtype=np.uint64), np.uint64(0))
    assert np.array_equal(np.concatenate([first.ravel(), second]), expected)


DRAWS = {
    "rand": lambda g, n=N: tj.rand(n, generator=g),
    "rand f64": lambda g, n=N: tj.rand(n, generator=g, dtype=tj.float64),
    "randn": lambda g, n=N: tj.randn(n, generator=g),
    "randn f64": lambda g, n=N: tj.randn((n,), generator=g, dtype=tj.float64),
    "uniform": lambda g, n=N: tj.uniform(-3.0, 5.0, n, generator=g),
    "normal": lambda g, n=N: tj.normal(2.0, 0.5, n, generator=g),
    "exponential": lambda g, n=N: tj.exponential(2.0, n, generator=g),
    "randint": lambda g, n=N: tj.randint(-3, 17, (n,), generator=g),
    "bernoulli": lambda g, n=N: tj.bernoulli(0.3, n, generator=g),
    "randperm": lambda g, n=N: tj.randperm(n, generator=g),
}
CONTINUOUS = {
    "rand": stats.uniform(), "rand f64": stats.uniform(), "randn": stats.norm(), "randn f64": stats.norm(),
    "uniform": stats.uniform(-3, 8), "normal": stats.norm(2, 0.5), "exponential": stats.expon(scale=2),
}  # fmt: skip


def seeded(seed=7):
    return tj.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_distributions(name):
    law, sample = CONTINUOUS[name], DRAWS[name](seeded()).numpy().astype(np.float64)
    assert stats.kstest(sample, law.cdf).pvalue > P_VALUE
    error = law.std() / math.sqrt(N)
    assert abs(sample.mean() - law.mean()) < 4 * error
    assert abs(sample.var() - law.var()) < 0.05 * law.var()
    correlation = np.corrcoef(sample[:-1], sample[1:])[0, 1]
    assert abs(correlation) < 4 / math.sqrt(N)


def test_neighbouring_seeds_and_draws_are_independent():
    a, b = (tj.randn(N, generator=seeded(s)).numpy() for s in (1, 2))
    generator = seeded(1)
    tj.randn(N, generator=generator)
    c = tj.randn(N, generator=generator).numpy()
    for other in (b, c):
        assert abs(np.corrcoef(a, other)[0, 1]) < 4 / math.sqrt(N)


@pytest.mark.parametrize("low, high", [(0, 2), (-3, 17), (0, 1000)])
def test_integers_are_equally_likely(low, high):
    sample = tj.randint(low, high, (N,), generator=seeded()).numpy()
    assert sample.min() >= low and sample.max() < high and sample.dtype == np.int64
    assert stats.chisquare(np.bincount(sample - low, minlength=high - low)).pvalue > P_VALUE


@pytest.mark.parametrize("dtype", [tj.uint8, tj.int32, tj.int64, tj.uint64, tj.float32])
def test_randint_takes_a_dtype(dtype):
    sample = tj.randint(5, (100,), generator=seeded(), dtype=dtype)
    assert sample.dtype == dtype and set(sample.numpy().tolist()) == set(range(5))


def test_randint_over_all_of_int64():
    sample = tj.randint(-(2**63), 2**63, (N,), generator=seeded()).numpy()
    assert stats.kstest(sample.astype(float), stats.uniform(-(2.0**63), 2.0**64).cdf).pvalue > P_VALUE


@pytest.mark.parametrize("dtype", [tj.float16, tj.bfloat16, tj.float32, tj.float64])
def test_uniform_numbers_stay_below_one(dtype):
    sample = tj.rand(N, generator=seeded(), dtype=dtype).numpy().astype(np.float64)
    assert sample.min() >= 0 and sample.max() < 1 and sample.max() > 0.99
    assert abs(sample.mean() - 0.5) < 0.01


@pytest.mark.parametrize("dtype", [tj.float16, tj.bfloat16, tj.complex64, tj.complex128])
def test_normal_numbers_of_other_dtypes(dtype):
    sample = tj.randn(N, generator=seeded(), dtype=dtype)
    assert sample.dtype == dtype
    values = sample.numpy().astype(np.complex128)
    assert abs((np.abs(values) ** 2).mean() - 1) < 0.05 and np.isfinite(values).all()
    if dtype.kind == "c":
        assert abs(values.real.var() - 0.5) < 0.03 and abs((values.real * values.imag).mean()) < 0.02


def test_permutations():
    order = tj.randperm(1000, generator=seeded()).numpy()
    assert sorted(order.tolist()) == list(range(1000)) and order.dtype == np.int64
    rows = np.stack([tj.randperm(5, generator=g).numpy() for g in [seeded()] for _ in range(2000)])
    for column in rows.T:
        assert stats.chisquare(np.bincount(column, minlength=5)).pvalue > P_VALUE
    assert tj.randperm(0).shape == (0,)


def test_permutation_and_shuffle_move_whole_slices():
    x = tj.asarray(np.arange(60).reshape(20, 3))
    moved = tj.permutation(x, generator=seeded()).numpy()
    assert sorted(moved.tolist()) == x.numpy().tolist() and not np.array_equal(moved, x.numpy())
    tj.shuffle(x, generator=seeded())
    assert np.array_equal(x.numpy(), moved)


def test_multinomial():
    weights = tj.asarray(np.array([0.0, 1.0, 3.0, 6.0], np.float32))
    drawn = tj.multinomial(weights, 4000, replacement=True, generator=seeded()).numpy()
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == 0 and stats.chisquare(counts[1:], 4000 * np.array([0.1, 0.3, 0.6])).pvalue > P_VALUE
    rows = tj.multinomial(tj.asarray(np.ones((50, 6))), 6, generator=seeded()).numpy()
    assert (np.sort(rows, -1) == np.arange(6)).all()
    with pytest.raises(tj.TracejitError, match="replacement"):
        tj.multinomial(weights, 9)


# Streams


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_fixes_the_stream(name):
    draw = DRAWS[name]
    generator = seeded()
    first, second = draw(generator, 50).numpy(), draw(generator, 50).numpy()
    again = seeded()
    assert np.array_equal(draw(again, 50).numpy(), first) and np.array_equal(draw(again, 50).numpy(), second)
    assert not np.array_equal(first, second)
    assert not np.array_equal(draw(seeded(8), 50).numpy(), first)


def test_the_default_stream_is_seeded_by_manual_seed():
    tj.manual_seed(3)
    first = [tj.rand(4).numpy(), tj.randn(4).numpy()]
    assert tj.manual_seed(3) is tj.default_generator and tj.initial_seed() == 3
    assert all(np.array_equal(a, b) for a, b in zip(first, [tj.rand(4).numpy(), tj.randn(4).numpy()]))
    state = tj.get_rng_state()
    later = tj.rand(4).numpy()
    tj.set_rng_state(state)
    assert np.array_equal(tj.rand(4).numpy(), later)


def test_an_unseeded_stream_is_unpredictable():
    assert len({tj.Generator().initial_seed() for _ in range(4)}) == 4
    generator = tj.Generator()
    assert generator.seed() == generator.initial_seed()


def test_negative_seeds_are_seeds():
    assert not np.array_equal(tj.rand(4, generator=seeded(-1)).numpy(), tj.rand(4, generator=seeded(1)).numpy())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["deepcopy", "pickle"])
def test_copies_of_a_generator_go_on_alike(duplicate):
    generator = seeded()
    tj.rand(5, generator=generator)
    other = duplicate(generator)
    assert np.array_equal(tj.rand(5, generator=generator).numpy(), tj.rand(5, generator=other).numpy())


def test_a_size_may_be_ints_or_a_tuple_and_empty():
    assert tj.rand(2, 3).shape == tj.rand((2, 3)).shape == (2, 3)
    assert tj.randn().shape == () and tj.rand(0, 4).shape == (0, 4)
    x = tj.rand(2, 3, dtype=tj.float64)
    assert tj.rand_like(x).spec == tj.randn_like(x).spec == tj.randint_like(x, 5).spec == x.spec
    assert tj.randn(3, requires_grad=True).requires_grad


def test_threads_never_draw_the_same_numbers():
    generator, drawn = seeded(), []
    threads = [threading.Thread(target=lambda: drawn.extend(generator.bits((50,)).numpy().tolist())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == 400


# In place

FILLS = {
    "uniform_": (lambda x, g: x.uniform_(-1, 1, generator=g), stats.uniform(-1, 2)),
    "normal_": (lambda x, g: x.normal_(1, 2, generator=g), stats.norm(1, 2)),
    "exponential_": (lambda x, g: x.exponential_(4.0, generator=g), stats.expon(scale=0.25)),
}


@pytest.mark.parametrize("name", FILLS)
def test_fills(name):
    fill, law = FILLS[name]
    x = tj.zeros(N)
    memory = x.numpy()
    assert fill(x, seeded()) is x
    assert stats.kstest(memory.astype(np.float64), law.cdf).pvalue > P_VALUE


def test_discrete_fills():
    x = tj.zeros(N).bernoulli_(0.25, generator=seeded())
    assert set(x.numpy().tolist()) == {0.0, 1.0} and abs(x.numpy().mean() - 0.25) < 0.01
    y = tj.zeros(N).random_(3, 6, generator=seeded())
    assert set(y.numpy().tolist()) == {3.0, 4.0, 5.0}
    p = tj.asarray(np.array([0.0, 1.0, 0.0]))
    assert p.bernoulli().numpy().tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "wrong, says",
    [
        (lambda: tj.rand(3, dtype=tj.int32), "int32"),
        (lambda: tj.randn(3, dtype=tj.bool), "floating"),
        (lambda: tj.randint(3), "size"),
        (lambda: tj.randint(5, 5, (3,)), "less than"),
        (lambda: tj.rand(-1), "negative"),
        (lambda: tj.normal(0.0, -1.0, 3), "standard deviation"),
        (lambda: tj.randperm(-1), "0 or more"),
        (lambda: tj.bernoulli(tj.randint(2, (3,))), "int64"),
        (lambda: tj.default_generator.set_state(tj.zeros(2)), "get_state"),
    ],
)
def test_errors_teach(wrong, says):
    with pytest.raises(tj.TracejitError, match=says) as caught:
        wrong()
    assert __file__ in str(caught.value)


# Compiled


@pytest.mark.parametrize("name", DRAWS)
def test_a_compiled_function_draws_the_same_stream_and_fresh_numbers_at_each_call(name):
    draw, generator = DRAWS[name], seeded()
    eager = [draw(generator, 33).numpy() for _ in range(4)]
    generator.manual_seed(7)
    compiled = tj.compile(lambda: draw(generator, 33))
    got = [compiled().numpy() for _ in range(3)]
    got.append(draw(generator, 33).numpy())  # eager goes on where compiled stopped
    assert all(np.array_equal(a, b) for a, b in zip(got, eager))
    assert compiled.trace_count == 1, compiled.cache_info()


def test_seeding_inside_a_compiled_function():
    @tj.compile
    def draw():
        tj.manual_seed(11)
        return tj.rand(3)

    first, second = draw().numpy(), draw().numpy()
    tj.manual_seed(11)
    assert np.array_equal(first, second) and np.array_equal(first, tj.rand(3).numpy())


def test_kernels_of_many_sizes_draw_what_numpy_would():
    for n in (1, 7, 8, 9, 1000, 70_001):
        got = tj.compile(lambda g, n=n: g.bits((n,)))(seeded(5)).numpy()
        assert np.array_equal(got, philox(np.uint64(5), np.arange(n, dtype=np.uint64), np.uint64(0)))
