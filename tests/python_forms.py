"""The text of random programs: how their modules begin, and what NumPy code writes that tensor code does not.

{v} and {w} are vectors of four elements, {m} a matrix of three rows of them, {k} a Python int, {c} a number as it is written.
Products of matrices are of whole numbers: others have the library's own last bits.
"""

from __future__ import annotations

HEAD = """import numpy as np
import tracejit as tj

FACTOR = 2.0
OUTER = {xp}.asarray(np.arange({width}.0))
LOG = []


class STATE:
    last, steps, weight = None, 0, {xp}.asarray(np.ones({width}))


class Thing:
    def __init__(self, weight):
        self.weight, self.steps = weight, 0

    def __call__(self, x):
        self.steps += 1
        return x * self.weight + self.steps

    def step(self, by):
        self.weight = self.weight - by

    @property
    def doubled(self):
        return self.weight * 2

    def pieces(self, x):
        for k in range(2):
            yield x + self.weight * k

    @staticmethod
    def power(x, n):
        return x if n == 1 else Thing.power(x, n - 1) * x

"""

VECTORS = [
    "np.add({v}, {w})", "np.multiply({v}, {c}, dtype={v}.dtype, casting='unsafe')", "np.subtract.outer({v}, {w})[{k} % 4]", "np.add.accumulate({v})", "np.cumsum({w})",
    "np.diff({v}, prepend={v}[0])", "np.tile({v}[:2], 2)", "np.repeat({v}[:2], 2)", "np.flip({w})", "np.take({v}, [0, {k} % 4, 1, 2])", "np.stack([{v}, {w}]).max(axis=0)",
    "np.array([{v}[0], {v}[1], {w}[2], {c}])", "np.array({v}.tolist())", "np.asarray({v}, dtype=np.float32)", "{v}.astype(np.float64)", "np.full_like({v}, {c})",
    "np.linspace(0, {c}, 4)", "np.arange(4) * {v}", "np.eye(4)[{k} % 4] + {v}", "np.outer({v}, {w})[1]", "np.einsum('i,i->i', {v}, {w})", "np.minimum.reduce([{v}, {w} + 0.5])",
    "{v}.ravel()", "{m}.T[:, {k} % 3]", "{m}.mean(axis=0)", "np.vstack([{v}, {w}])[-1]", "np.hstack([{v}[:1], {w}[1:]])", "np.broadcast_to({v}[0], 4)", "{v}[np.newaxis][0]",
    "np.zeros(4)", "np.ones_like({v}) * {v}[0]", "np.where({v} > 0)[0].sum() + {v}", "np.fromiter((e * 2 for e in {v}), float)", "np.select([{v} > 1, {v} < 0], [{v}, {w}], {c})",
    "np.interp({v}, [-4.0, 4.0], [0.0, 1.0])", "np.round({v}, 1)", "np.sign({v})", "np.apply_along_axis(lambda r: r[::-1], 0, {v})", "np.vectorize(lambda e: e + 1)({v})",
    "np.piecewise({v}, [{v} < 0], [lambda e: -e, 1])", "{v}[[1, 0, 3, 2]]", "{v}[np.argsort({v}, kind='stable')]", "np.nan_to_num({v} / 1)", "np.logical_and({v}, {w}) * 1.0",
    "({v} > 0) & ({w} > 0) | ({v} == {c})", "{v}.clip(min=-1)", "np.power(np.abs({v}), 2)", "np.float64(2) * {v}", "{v} + np.int64({k})", "np.squeeze({v}[:, None])",
]  # fmt: skip

NUMBERS = [
    "np.sum({v})", "np.dot(np.round({v}), np.round({w}))", "np.round({v}) @ np.round({w})", "np.count_nonzero({v})",
    "{v}.item({k} % 4)", "{v}[{k} % 4] + {w}[0]", "np.abs({v}).max()", "sum({v})", "max({v}[0], {w}[0])",
    "int({v}[0])", "len({v})", "np.argmin({v})", "{v}.argmax()", "np.median({v})", "np.ptp({v})", "np.add.reduce({v})", "{m}.sum()", "np.trace({m}[:, :3])",
    "float(np.mean({v}))", "({v} > 0).sum()", "np.any({v} > 1)", "bool(np.all({v} == {w}))", "{v}[0] if {v}[0] > {w}[0] else {w}[0]", "abs({v}[1])", "-{v}[2]", "{v}[3] ** 2",
    "round(float({v}[1]))", "divmod(int({v}[0]), 2)[1]", "np.float32({v}[0])", "{v}.size * {v}.ndim", "np.inner(np.round({v}), np.round({w}))", "np.searchsorted(np.sort({v}), {c})",
    "np.unique({v}).size", "{v}.std() * 0 + {v}[0]", "{v}.dtype.itemsize", "min(map(float, {v}))",
]  # fmt: skip

STATEMENTS = [
    "{v}[:] = {w}", "{v}.fill({c})", "{v}.sort()", "np.copyto({v}, {w})", "np.add({v}, {w}, out={v})", "np.add.at({v}, [0, 0, {k} % 4], 1)", "{v}[[0, 1]] = {v}[[1, 0]]",
    "{v}[{v} > 0] *= 2", "{v}[np.nonzero({v})] = {c}", "{m}[:, 1] = {v}[:3]", "{m}[{m} > 1] = 0", "{m}[[0, 2]] += {v}", "{m}[1, 1:3] -= {v}[:2]",
    "np.maximum({v}, 0.5, out={v}[::-1])", "{v}.flat[1] = {c}", "{m} *= {c}", "{v}[0], {v}[1] = {v}[1], {v}[0]", "np.put({v}, [1], {c})",
    "np.multiply({v}, 2, out={v}, where={v} > 0)", "{v}[1:] += {v}[:-1]", "{v}[::2] = {v}[1::2]", "{v}.put([0, 1], [{c}, 2])", "np.fill_diagonal({m}, {c})", "{v} //= 2",
    "{v} %= 3", "{v} **= 2", "{v}[:2], {v}[2:] = {v}[2:].copy(), {v}[:2].copy()", "{m}.T[...] = {m}.T + 1", "np.random.shuffle({v})", "{m}[-1][::-1] = {v}",
    "print(type({v}[0]).__name__, {v}.dtype, {v}.shape, isinstance({v}, np.ndarray))", "print(repr({v}[1]), str({w}[2]), {v}[0] == {w}[0])",
    "print({v} is {w}, {v}.flags.writeable, np.shares_memory({v}, {w}))", "print(sorted(set(({v} > 0).tolist())), {{{v}[0]: 1}}, {v}[0] in [1.0, 2.0], {c} in {v})",
    "print(*{v}[:2], sep=',')", "print(list(zip({v}, {w}))[0], [*enumerate({v})][1], tuple({v})[2])", "print(np.random.rand(), np.random.randint(9), np.random.permutation(4))",
    "print(np.array2string({v}, precision=2), f'{{{v}[0]:.2f}} {{{v}[1]}}')", "print({m}[0].base is {m}, {m}.T.strides, {v}.nbytes)",
    "print([float(e) for e in {v} if e > 0], sum(e * 2 for e in {v}), any({v} > 2), all(e < 4 for e in {v}))", "print(*np.unique({v}, return_counts=True))",
    "print(np.histogram({v}, bins=3, range=(-4, 4))[0])", "print(np.array_equal({v}, {w}), np.allclose({v}, {w}), np.isclose({v}, {c}))",
]  # fmt: skip

# What NumPy may refuse
REFUSED = [
    "print({v}[{k} % 5])", "print({v}[:{k}] + {w}[:2])", "print({v}.reshape({k}, 2))", "print(np.concatenate([{v}, {m}]))", "print({v}.nothing)",
    "print({v}[0].nothing, {v}[0].shape)", "{v}[9] = {c}", "{v} += {v}[:3]", "{v}[{w}] = 1", "print(np.round({v}) @ np.round({m}))", "print(np.sum({v}, axis=1))", "print(np.zeros(-1))",
    "print(bool({v}))", "print(float({v}[:2]))", "{v}[:] = [1, 2]", "print({v} @ 'a')", "print(np.linalg.inv({m}))", "print({v}[[0, 7]])", "print({v}[1.5])",
    "print(np.stack([{v}, {v}[1:]]))", "print(len({v}[0]))", "print({v}[0][0])", "{v}[0][0] = 1", "print({m}[5])", "print(np.exp('a'))", "print(int({v}))",
    "{v}[{v}[:2] > 0] = 1", "print({m}[0, 0, 0])", "{v}.shape = (3,)", "print(range({v}[0]))",
    "print(np.reshape({v}, (3, -1)))", "print({v}.sum(axis=2))",
]  # fmt: skip
