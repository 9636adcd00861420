"""The statements of random programs: forms of them, most found in the op table, so that a new op joins by itself.

A form is drawn blindly, on names of whatever was computed so far; `program_families.py` tries it, and keeps what makes sense.
"""

from __future__ import annotations

from random import Random
from typing import Any, Callable

import numpy as np

import tracejit as tj
from tracejit.op import OPS, Elementwise, Reduction
from tracejit.spec import DTYPES, is_integer


class Impossible(Exception):
    """A form finds nothing to work on."""


class Drawer:
    """A program in the making: what its names stand for so far, and chance."""

    def __init__(self, chance: Random, scope: dict[str, Any]) -> None:
        self.chance, self.scope = chance, scope
        self.names: list[str] = []
        self.numpy: dict[str, Any] | None = None  # the same names in NumPy, of a program that it must run too

    def __getitem__(self, name: str) -> Any:
        return self.scope[name]

    def pick(self, choices: Any) -> Any:
        return self.chance.choice(list(choices))

    def coin(self, share: float = 0.5) -> bool:
        return self.chance.random() < share

    def number(self, low: int, high: int) -> int:
        """An int, both ends included."""
        return self.chance.randint(low, high)

    def name(self, wanted: Callable[[Any], bool] = lambda _: True) -> str:
        """A name whose tensor is as wanted, the last ones more often."""
        fit = [n for n in self.names if wanted(self.scope[n])]
        if not fit:
            raise Impossible
        return fit[-1 - min(self.number(0, len(fit) - 1), self.number(0, len(fit) - 1))]

    def beside(self, name: str) -> str:
        """A name whose tensor broadcasts with this one's."""
        return self.name(lambda t: _broadcast(t.shape, self[name].shape))

    def axis(self, name: str) -> int:
        ndim = self[name].ndim
        if not ndim:
            raise Impossible
        return self.number(-ndim, ndim - 1)

    def axes(self, name: str) -> Any:
        """None, one axis, or several."""
        ndim = self[name].ndim
        if not ndim or self.coin(0.2):
            return None
        axes = self.chance.sample(range(ndim), self.number(1, ndim))
        return axes[0] if len(axes) == 1 else tuple(axes)

    def scalar(self, dtype: Any) -> str:
        """A Python number, mostly of a kind that leaves this dtype as it is."""
        if self.coin(0.1):
            return self.pick(["True", "2.5", "3", "(1+2j)"])
        if dtype.kind == "b":
            return self.pick(["True", "False"])
        if is_integer(dtype):
            return self.pick(["0", "1", "2", "3", "7"] + (["-1", "-3"] if dtype.kind == "i" else []))
        return self.pick(["0.5", "2", "-1.5", "3.0", "0.0", "-0.0", "1e-3", "0.1"])


def _broadcast(*shapes: Any) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


Form = Callable[[Drawer], str]

# Elementwise ops and reductions: all that the table has

HERE = ("placed",)  # what says where its result lies: on one device it says nothing
ELEMENTWISE = sorted((op for op in OPS.values() if isinstance(op, Elementwise) and not op.is_view and op.name not in HERE), key=lambda op: op.name)
REDUCTIONS = sorted((op for op in OPS.values() if isinstance(op, Reduction)), key=lambda op: op.name)
SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "and": "&", "or": "|", "xor": "^",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
ATTRS: dict[str, Form] = {
    "cast": lambda d: f", dtype={_dtype(d.pick(DTYPES))}",
    "polygamma": lambda d: f", n={d.number(1, 3)}",
}


def _dtype(dtype: Any) -> str:
    return f"tj.{dtype.name}"


def spelled(name: str) -> str:
    """The public name of an op, or its place in the table."""
    return f"tj.{name}" if hasattr(tj, name) else f"OPS[{name!r}]"


def elementwise(d: Drawer, ops: list[Elementwise] = ELEMENTWISE) -> str:
    op = d.pick(ops)
    first = d.name()
    operands = [first]
    for _ in range(op.arity - 1):
        operands.append(d.scalar(d[first].dtype) if d.coin(0.3) else d.beside(first))
    d.chance.shuffle(operands)
    if op.name == "polygamma":
        return f"OPS['polygamma']({first}{ATTRS['polygamma'](d)})"
    symbol = SYMBOLS.get(op.operator.strip("_"))
    if symbol and d.coin() and len(operands) == 2:
        return f"{operands[0]} {symbol} {operands[1]}"
    attrs = ATTRS[op.name](d) if op.name in ATTRS else ""
    return f"{spelled(op.name)}({', '.join(operands)}{attrs})"


def reduction(d: Drawer) -> str:
    x = d.name()
    keep = ", keepdims=True" if d.coin(0.3) else ""
    return f"{spelled(d.pick(REDUCTIONS).name)}({x}, axis={d.axes(x)}{keep})"


# Views, gathers, and what library ops do: how to write each, by the name of the op it comes to


def key(d: Drawer, shape: tuple[int, ...]) -> str:
    """A basic key: integers, slices with steps of either sign, None, an Ellipsis."""
    items, dims = [], list(shape)
    while dims and d.coin(0.8):
        n = dims.pop(0)
        kind = d.number(0, 5)
        if kind == 0 and n:
            items.append(str(d.number(-n, n - 1)))
        elif kind == 1:
            items.append(":")
        else:
            ends = [d.pick(["", str(d.number(-n - 1, n + 1))]) for _ in range(2)]
            items.append(":".join(ends) + d.pick(["", "::"[1:] + str(d.pick([1, 2, 3, -1, -2]))]))
    if d.coin(0.15):
        items.insert(d.number(0, len(items)), "None")
    return ", ".join([*items, "..."])


def _shape(d: Drawer, size: int) -> tuple[int, ...]:
    """A shape of this many elements."""
    if not size:
        return (d.number(0, 3), 0)
    extents = []
    while size > 1 and d.coin(0.8):
        n = d.pick([n for n in range(1, size + 1) if size % n == 0])
        extents.append(n)
        size //= n
    return tuple(d.chance.sample([*extents, size], len(extents) + 1)) if size > 1 or extents else ()


def _order(d: Drawer, ndim: int) -> tuple[int, ...]:
    return tuple(d.chance.sample(range(ndim), ndim))


def _basic_index(d: Drawer) -> str:
    x = d.name()
    return f"{x}[{key(d, d[x].shape)}]"


def _reshape(d: Drawer) -> str:
    x = d.name()
    return f"tj.reshape({x}, {_shape(d, int(d[x].size))})"


def _permute(d: Drawer) -> str:
    x = d.name(lambda t: t.ndim > 1)
    return d.pick([f"tj.permute_dims({x}, {_order(d, d[x].ndim)})", f"{x}.mT", f"tj.moveaxis({x}, {d.axis(x)}, {d.axis(x)})"])


def _expand(d: Drawer) -> str:
    x = d.name()
    shape = [d.number(1, 3) if n == 1 else n for n in d[x].shape]
    return f"tj.broadcast_to({x}, {tuple([d.number(1, 3)] * d.number(0, 1) + shape)})"


def _diagonal(d: Drawer) -> str:
    return f"tj.linalg.diagonal({d.name(lambda t: t.ndim > 1)}, offset={d.number(-1, 1)})"


def _windows(d: Drawer) -> str:
    x = d.name(lambda t: t.ndim)
    axis = d.axis(x)
    return f"tj.sliding_window_view({x}, {d.number(1, max(1, d[x].shape[axis]))}, axis={axis})"


def _places(d: Drawer, extent: int) -> str:
    """An index tensor: a list of places, or computed from integers of the program."""
    if d.coin(0.4):
        i = d.name(lambda t: is_integer(t.dtype) and t.ndim < 3)
        return f"{i} % {extent}"
    places = [d.number(-extent, extent - 1) for _ in range(d.number(0, 4))]
    return f"tj.asarray({places}, dtype=tj.int64)"


def _nonempty(t: Any) -> bool:
    return t.ndim > 0 and t.size > 0


def _gather(d: Drawer) -> str:
    x = d.name(_nonempty)
    axis = d.axis(x)
    places = _places(d, d[x].shape[axis])
    if axis == 0 and d.coin():
        return f"{x}[{places}]"
    if d[x].ndim > 1 and d.coin(0.3):
        return f"{x}[{_places(d, d[x].shape[0])}, {_places(d, d[x].shape[1])}]"
    return d.pick([f"tj.take({x}, {places}, axis={axis})", f"tj.take_along_axis({x}, tj.argsort({x}, axis={axis}), axis={axis})"])


def _scattered(d: Drawer) -> str:
    x = d.name(_nonempty)
    n = d[x].shape[0]
    i = d.name(lambda t: is_integer(t.dtype) and t.ndim == 1)
    source = d.name(lambda t: t.shape in ((), (int(d[i].size), *d[x].shape[1:])))
    return f"tj.index_add({x}, 0, {i} % {n}, {source})"


def _joined(d: Drawer) -> str:
    x = d.name(lambda t: t.ndim)
    axis = d.axis(x)
    rest = [n for k, n in enumerate(d[x].shape) if k != axis % d[x].ndim]
    alike = [x] + [d.name(lambda t: t.ndim == d[x].ndim and [n for k, n in enumerate(t.shape) if k != axis % t.ndim] == rest) for _ in range(d.number(1, 2))]
    d.chance.shuffle(alike)
    return f"tj.concat([{', '.join(alike)}], axis={axis})"


def _stacked(d: Drawer) -> str:
    x = d.name()
    parts = [x] + [d.name(lambda t: t.shape == d[x].shape) for _ in range(d.number(0, 2))]
    return f"tj.stack([{', '.join(parts)}], axis={d.number(-1, d[x].ndim)})"


def _matmul(d: Drawer) -> str:
    x = d.name(lambda t: t.ndim)
    y = d.name(lambda t: t.ndim and t.shape[-2 if t.ndim > 1 else 0] == d[x].shape[-1])
    return f"{x} @ {y}"


def _convolved(stride: int) -> Form:
    def drawn(d: Drawer) -> str:
        x = d.name(lambda t: t.ndim == 2 and t.size)
        return f"tj.conv1d({x}, {x}[None, :, : {d.number(1, d[x].shape[1])}], stride={stride}, padding={d.number(0, 2)})"

    return drawn


def _along(form: str) -> Form:
    def drawn(d: Drawer) -> str:
        x = d.name(lambda t: t.ndim)
        return form.format(x=x, axis=d.axis(x), flag=d.coin(), axes=d.axes(x))

    return drawn


def _spread(form: str) -> Form:
    """Along axes of elements that differ: the spread of equal ones has no slope."""

    def drawn(d: Drawer) -> str:
        x = d.name(lambda t: t.ndim)
        axes = d.axes(x)
        with np.errstate(all="ignore"):
            if (np.std(d[x].detach().numpy().astype(complex), axis=axes) == 0).any():
                raise Impossible
        return form.format(x=x, flag=d.coin(), axes=axes)

    return drawn


def _square(form: str) -> Form:
    """Of a well-conditioned square matrix made of part of a tensor."""

    def drawn(d: Drawer) -> str:
        x = d.name(lambda t: t.ndim >= 2 and min(t.shape[-2:]) >= 1 and t.dtype.kind in "fc")
        n = min(d[x].shape[-2:])
        return form.format(m=f"({x}[..., :{n}, :{n}] + 5 * tj.eye({n}, dtype={_dtype(d[x].dtype)}))")

    return drawn


def _shape_of_new(d: Drawer) -> tuple[int, ...]:
    return d[d.name()].shape if d.coin(0.6) else tuple(d.number(0, 4) for _ in range(d.number(0, 2)))


def _filled(d: Drawer) -> str:
    dtype = d.pick(DTYPES)
    return d.pick([
        f"tj.full({_shape_of_new(d)}, {d.scalar(dtype)}, dtype={_dtype(dtype)})", f"tj.ones_like({d.name()})", f"tj.zeros({_shape_of_new(d)})",
    ])  # fmt: skip


def _counted(d: Drawer) -> str:
    step = d.pick([1, 2, -1])
    return d.pick([
        f"tj.arange({d.number(0, 6)}, {d.number(0, 6)}, {step}, dtype=tj.{d.pick(['int32', 'int64', 'float32', 'float64', 'uint8'])})",
        f"tj.linspace({d.number(-2, 1)}, 2.5, {d.number(0, 5)})", f"tj.eye({d.number(1, 3)}, {d.number(1, 4)}, k={d.number(-1, 1)})",
    ])  # fmt: skip


def _random(d: Drawer) -> str:
    size = list(_shape_of_new(d))
    return d.pick([
        f"tj.rand({size})", f"tj.randn({size}, dtype=tj.float64)", f"tj.randint(-3, 5, {tuple(size)})", f"tj.uniform(-1.0, 2.0, {tuple(size)})",
        f"tj.permutation({d.number(1, 5)})", f"tj.bernoulli(0.5, {tuple(size)})",
    ])  # fmt: skip


FORMS: dict[str, list[Form]] = {
    "basic_index": [_basic_index], "reshape": [_reshape], "permute": [_permute], "broadcast": [_expand], "diagonal": [_diagonal],
    "windows": [_windows], "same": [lambda d: f"tj.reshape({(x := d.name())}, {d[x].shape})"], "alias": [lambda d: f"{d.name()}.detach()"],
    "gather": [_gather], "index_put": [lambda d: f"tj.index_fill({(x := d.name(_nonempty))}, 0, {_places(d, d[x].shape[0])}, 2)"],
    "index_add": [_scattered], "assemble": [_joined, _stacked], "matmul": [_matmul],
    "convolution_by_positions": [_convolved(1)], "convolution_by_channels": [_convolved(2)],
    "fill": [_filled], "iota": [_counted], "random_bits": [_random],
    "running_sum": [_along("tj.cumulative_sum({x}, axis={axis})")], "running_product": [_along("tj.cumulative_prod({x}, axis={axis})")],
    "recurrence": [lambda d: f"OPS['recurrence']({(x := d.name(lambda t: t.ndim and t.dtype.kind in 'f'))}, tj.sin({x}), axis={d.axis(x) % d[x].ndim}, reverse={d.coin()})"],
    "argmax": [_along("tj.argmax({x}, axis={axis}, keepdims={flag})")], "argmin": [_along("tj.argmin({x}, axis={axis})")],
    "sort": [_along("tj.sort({x}, axis={axis}, descending={flag})")], "argsort": [_along("tj.argsort({x}, axis={axis}, descending={flag})")],
    "searchsorted": [lambda d: f"tj.searchsorted(tj.sort(tj.reshape({d.name()}, (-1,))), {d.name()})"],
    "interval": [lambda d: f"OPS['interval']({(x := d.name(lambda t: t.size and t.dtype.kind == 'f'))}, tj.sort(tj.reshape({x}, (-1,))))"],
    "isin": [lambda d: f"tj.isin({d.name()}, {d.name()}, invert={d.coin()})"],
    "fft": [_along("tj.fft.fft({x}, axis={axis})")], "rfft": [_along("tj.fft.rfft({x}, axis={axis})")], "irfft": [_along("tj.fft.irfft({x}, axis={axis})")],
    "solve": [_square("tj.linalg.solve({m}, {m}.mT)")], "solve_triangular": [_square("tj.linalg.solve_triangular({m}, {m}, upper=True)")],
    "inv": [_square("tj.linalg.inv({m})")], "det": [_square("tj.linalg.det({m})")], "slogdet": [_square("tj.linalg.slogdet({m})[1]")],
    "cholesky": [_square("tj.linalg.cholesky({m} @ tj.conj({m}).mT)")], "qr": [_square("tj.linalg.qr({m})[1]")],
    "svdvals": [_square("tj.linalg.svdvals({m})")], "svd": [_square("tj.linalg.svd({m})[0]")],
    "eigvalsh": [_square("tj.linalg.eigvalsh({m} + tj.conj({m}).mT)")], "eigh": [_square("tj.linalg.eigh({m} + tj.conj({m}).mT)[0]")],
    "eig": [_square("tj.linalg.eig({m})[0]")], "pinv": [_square("tj.linalg.pinv({m})")], "cofactors": [_square("OPS['cofactors']({m})")],
}  # fmt: skip
# Not drawn by themselves: `put` by slice assignment, `put_first` and a convolution's sums by gradients; and what has no shape before it has values.
ELSEWHERE = {
    "loop", "branch", "put", "put_first", "convolution_by_lines", "nonzero", "unique", "histogram", "host", "host_pair", "real_part", "imaginary_part", "transfer",
    *(f"numpy_{name}" for name in ("cholesky", "eigh", "eigvalsh", "inv", "qr", "solve", "svd", "svdvals")),
}  # fmt: skip
OFTEN = ("basic_index", "reshape", "permute", "gather", "assemble", "broadcast", "matmul")


def from_table(d: Drawer) -> str:
    name = d.pick(OFTEN) if d.coin() else d.pick(FORMS)
    return d.pick(FORMS[name])(d)


COMPOSITES: list[Form] = [
    _along("tj.softmax({x}, axis={axis})"), _along("tj.log_softmax({x}, axis={axis})"), _along("tj.logsumexp({x}, axis={axes})"),
    _along("tj.mean({x}, axis={axes}, keepdims={flag})"), _spread("tj.var({x}, axis={axes})"), _spread("tj.std({x}, axis={axes}, keepdims={flag})"),
    _along("tj.roll({x}, 2, axis={axis})"), _along("tj.flip({x}, axis={axis})"), _along("tj.diff({x}, axis={axis})"), _along("tj.cumsum({x}, axis={axis})"),
    _along("{x} - tj.max({x}, axis={axis}, keepdims=True)"), _along("tj.repeat({x}, 2, axis={axis})"), _along("tj.count_nonzero({x}, axis={axes})"),
    _along("tj.topk({x}, 1, axis={axis})[0]"), _along("tj.squeeze(tj.expand_dims({x}, axis={axis}), axis={axis})"), _along("tj.median({x}, axis={axis})"),
    _along("({x} - tj.mean({x}, axis={axis}, keepdims=True)) / tj.sqrt(tj.var({x}, axis={axis}, keepdims=True) + 1e-5)"),
    lambda d: f"tj.tril({d.name(lambda t: t.ndim > 1)}, k={d.number(-1, 1)})", lambda d: f"tj.gelu({d.name()})", lambda d: f"tj.silu({d.name()})",
    lambda d: f"tj.tile({d.name()}, (2, 1))", lambda d: f"tj.pad({(x := d.name(lambda t: t.ndim))}, {[(d.number(0, 2), d.number(0, 1)) for _ in d[x].shape]})",
    lambda d: f"tj.clip({d.name()}, -1, 1)", lambda d: f"tj.where({d.name()} > 0, {d.name()}, {d.name()})", lambda d: f"tj.outer({d.name()}, {d.name()})",
    lambda d: f"tj.einsum('ij,kj->ik', {d.name(lambda t: t.ndim == 2)}, {d.name(lambda t: t.ndim == 2)})", lambda d: f"tj.nan_to_num({d.name()})",
    lambda d: f"{d.name()}.clone()",
]  # fmt: skip


def composite(d: Drawer) -> str:
    return d.pick(COMPOSITES)(d)


# Statements that change memory


def in_place(d: Drawer) -> str:
    x = d.name()
    value = d.scalar(d[x].dtype) if d.coin(0.4) else d.name(lambda t: _broadcast(t.shape, d[x].shape))
    whole = "[...]" if x[0] == "c" else ""  # `c0 += 1` would make a local name of it
    return f"{x}{whole} {d.pick(['+', '-', '*', '/', '//', '**', '&', '|', '^'])}= {value}"


def assignment(d: Drawer) -> str:
    x = d.name(lambda t: t.ndim)
    if d.coin(0.2) and d[x].size:
        where = d.pick([_places(d, d[x].shape[0]), f"{x} > 0"])
    else:
        where = key(d, d[x].shape)
    if d.coin(0.3):
        return f"{x}[{where}] {d.pick(['+', '-', '*'])}= {d.scalar(d[x].dtype)}"
    if d.coin(0.3):
        return f"{x}[{where}] = {d.scalar(d[x].dtype)}"
    return f"{x}[{where}] = {d.name()}" + (f"[{key(d, d[d.name()].shape)}]" if d.coin() else "")


# Statements that ask for values

OBSERVING: list[Form] = [
    lambda d: f"{d.name()} if tj.sum({d.name(lambda t: t.dtype.kind in 'if')}) > 0 else {d.name()}",
    lambda d: f"{d.name()} * float(tj.sum(tj.isfinite({d.name()})))", lambda d: f"{d.name()}[{d.name(lambda t: t.ndim)} > 0]",
]  # fmt: skip


# Statements whose every bit IEEE arithmetic fixes, spelled as in NumPy

FIXED = [op for op in ELEMENTWISE if op.exact and hasattr(np, op.name) and op.name not in ("conj", "real", "imag")]
FIXED_TABLE = (
    "basic_index", "reshape", "permute", "broadcast", "diagonal", "gather", "assemble", "sort", "argmax", "argmin", "running_sum", "isin",
)  # fmt: skip
FIXED_COMPOSITES: list[Form] = [
    _along("tj.mean({x}, axis={axes}, keepdims={flag})"), _along("tj.roll({x}, 2, axis={axis})"), _along("tj.flip({x}, axis={axis})"),
    _along("tj.diff({x}, axis={axis})"), _along("tj.repeat({x}, 2, axis={axis})"), _along("tj.count_nonzero({x}, axis={axes})"),
    _along("{x} - tj.max({x}, axis={axis}, keepdims=True)"), _along("tj.argsort({x}, axis={axis}, stable=True)"),
    lambda d: f"tj.full({_shape_of_new(d)}, 3, dtype={_dtype(d.pick(DTYPES))})", lambda d: f"tj.arange({d.number(0, 4)}, 9, 2, dtype=tj.int64)",
    lambda d: f"tj.tril({d.name(lambda t: t.ndim > 1)}, k={d.number(-1, 1)})", lambda d: f"tj.tile({d.name()}, (2, 1))",
    lambda d: f"tj.where({d.name()} > 0, {d.name()}, {d.name()})", lambda d: f"tj.pad({(x := d.name(lambda t: t.ndim))}, {[(1, 0)] * d[x].ndim})",
]  # fmt: skip


def fixed_reduction(d: Drawer) -> str:
    x = d.name()
    return f"tj.{d.pick(['sum', 'max', 'min', 'any', 'all'])}({x}, axis={d.axes(x)})"


def without_powers(form: Form) -> Form:
    def drawn(d: Drawer) -> str:
        text = form(d)
        if "**" in text:
            raise Impossible
        return text

    return drawn
