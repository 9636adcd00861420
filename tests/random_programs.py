"""Random programs: what they are, the arrays they run on, and how two runs are compared.

A program is Python text, a list of statements on arguments `a0, a1 …` and captured tensors `c0, c1 …`, so that one that
fails can be read, pasted and stepped through. `program_forms.py` draws them.
"""

from __future__ import annotations

import contextlib
import itertools
import textwrap
from typing import Any, Callable, NamedTuple

import numpy as np
from gradients import check_gradients, directional
from support import bits

import tracejit as tj
from tracejit.op import OPS
from tracejit.spec import as_dtype, is_complex, is_floating
from tracejit.tensor import wrap
from tracejit.tree import flatten

# Inputs: memory that is filled anew before each call, seen in some layout


LAYOUTS: dict[str, Callable[[tuple[int, ...]], tuple[tuple[int, ...], Callable[[np.ndarray], np.ndarray]]]] = {
    "contiguous": lambda shape: (shape, lambda owner: owner),
    "transposed": lambda shape: (shape[::-1], lambda owner: owner.T),
    "sliced": lambda shape: (tuple(2 * n + 1 for n in shape), lambda owner: owner[(..., *(slice(1, None, 2),) * owner.ndim)]),
    "reversed": lambda shape: (shape, lambda owner: owner[(..., *(slice(None, None, -1),) * owner.ndim)]),
    "broadcast": lambda shape: ((1, *shape[1:]) if shape else shape, lambda owner: np.broadcast_to(owner, shape)),
}

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, np.inf, -np.inf, np.nan, 1e-45, -1e-310, 3e38, 65504.0, -2.5]


class Input(NamedTuple):
    """An argument or a captured tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    layout: str
    values: str  # "plain", "coarse" (many are equal) or "special" (signed zeros, infinities, NaN, the limits of integers)
    of: str = ""  # an expression: the memory of an input before it, seen in another way; or another name of it
    requires_grad: bool = False


def _filled(owner: np.ndarray, values: str, rng: np.random.Generator) -> None:
    dtype, shape = owner.dtype, owner.shape
    if dtype.kind == "b":
        drawn = rng.integers(0, 2, shape)
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        drawn = rng.integers(0 if dtype.kind == "u" else -9, 10, shape)
        if values == "special":
            drawn = np.where(rng.random(shape) < 0.5, rng.choice(np.array([info.min, info.max, info.max - 1], dtype), shape), drawn.astype(dtype))
    elif values == "special":
        drawn = rng.choice(np.array(SPECIAL), shape)
    elif values == "coarse":
        drawn = rng.integers(-4, 5, shape) / 2
    else:
        drawn = rng.uniform(-2, 2, shape)
    if is_complex(dtype):
        drawn = drawn + 1j * rng.uniform(-2, 2, shape)
    with np.errstate(all="ignore"):
        owner[...] = np.asarray(drawn).astype(dtype)


class Program(NamedTuple):
    """Inputs, statements, and the expression that is returned."""

    inputs: tuple[Input, ...]
    body: tuple[str, ...]
    result: str

    def text(self) -> str:
        """The program as a function."""
        names = [i.name for i in self.inputs if i.name[0] == "a"]
        return "\n".join([f"def program({', '.join(names)}):", *(f"    {s}" for s in self.body), f"    return {self.result}", ""])

    def __str__(self) -> str:
        return "\n".join([*(f"# {i}" for i in self.inputs), self.text()])

    def function(self, scope: dict[str, Any]) -> Callable[..., Any]:
        """The program as a function whose globals are these names."""
        exec(compile(self.text(), "<random program>", "exec"), scope)
        return scope["program"]


class World:
    """The tensors of one run: captured ones that last, and arguments made anew for each call."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.captures: dict[str, Any] = {}
        self.owners: dict[str, np.ndarray] = {}
        self.tensors: dict[str, Any] = {}
        self.fill(0)
        self.scope = {"tj": tj, "np": np, "OPS": OPS, **self.captures}

    def fill(self, seed: int) -> None:
        """New contents for the captured tensors, and new arguments."""
        self.tensors = dict(self.captures)
        for number, given in enumerate(self.program.inputs):
            rng = np.random.default_rng([seed, number])
            captured = given.name[0] == "c"
            if given.of:
                if given.name not in self.tensors:
                    self.tensors[given.name] = eval(given.of, {"tj": tj, "np": np, "wrap": wrap}, self.tensors)
            else:
                shape, seen = LAYOUTS[given.layout](given.shape)
                if given.name not in self.captures:
                    self.owners[given.name] = np.empty(shape, as_dtype(given.dtype))
                    self.tensors[given.name] = wrap(seen(self.owners[given.name])).requires_grad_(given.requires_grad)
                _filled(self.owners[given.name], given.values, rng)
            if captured:
                self.captures[given.name] = self.tensors[given.name]

    @property
    def arguments(self) -> list[Any]:
        return [self.tensors[i.name] for i in self.program.inputs if i.name[0] == "a"]

    def call(self, function: Callable[..., Any], seed: int) -> dict[str, Any]:
        """Call a function on these tensors; what can be seen of it afterwards."""
        tj.manual_seed(seed)
        raised = ""
        with np.errstate(all="ignore"):
            try:
                result: Any = function(*self.arguments)
            except Exception as error:  # noqa: BLE001 the undecorated function's error is the reference
                result, raised = None, f"{type(error).__name__}: {error}".split("\n")[0]
        leaves, structure = flatten(result)
        tensors = {**{f"result {i}": v for i, v in enumerate(leaves)}, **self.tensors}
        given = {id(t): name for name, t in reversed(self.tensors.items())}
        seen: dict[str, Any] = {"structure": str(structure), "random numbers": tj.rand(1).item()}
        if raised:
            seen["error"] = raised
        for name, value in tensors.items():
            seen[name] = look(value)
            if isinstance(value, tj.Tensor):
                seen[f"grad of {name}"] = look(value.grad) if value.is_leaf else None
        seen["identities"] = {name: given[id(v)] for name, v in tensors.items() if id(v) in given and name not in self.tensors}
        arrays = [(name, v.detach().numpy()) for name, v in tensors.items() if isinstance(v, tj.Tensor)]
        seen["shared memory"] = [(m, n) for (m, a), (n, b) in itertools.combinations(arrays, 2) if np.may_share_memory(a, b)]
        return seen


def look(value: Any) -> Any:
    """What is compared of a value: type, dtype, shape, strides of axes that are walked, and bits."""
    if not isinstance(value, tj.Tensor):
        return type(value).__name__, repr(value)
    array = value.detach().numpy()
    strides = tuple(s for s, n in zip(array.strides, array.shape) if n > 1) if array.size else ()
    return "Tensor", str(array.dtype), array.shape, strides, value.requires_grad, bits(array).tolist(), array.reshape(-1).tolist()


def differences(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What two runs do not agree in, a line each; the elements' values are printed, their bits compared."""

    def compared(v: Any) -> Any:
        return v[:-1] if isinstance(v, tuple) and v[:1] == ("Tensor",) else v

    def shown(v: Any) -> Any:
        return (*v[1:-2], v[-1]) if isinstance(v, tuple) and v[:1] == ("Tensor",) else v

    return [
        textwrap.shorten(f"{key}: {shown(mine.get(key))} instead of {shown(theirs.get(key))}", 600)
        for key in {**theirs, **mine} if compared(mine.get(key)) != compared(theirs.get(key))
    ]  # fmt: skip


def check_compiled(program: Program, calls: int = 3) -> list[str]:
    """What a compiled program does otherwise than the undecorated one, at its trace and at replays; empty if nothing."""
    eager, compiled = World(program), World(program)
    plain = program.function(eager.scope)
    function = tj.compile(program.function(compiled.scope))
    traces = 1 + any(i.requires_grad and i.name[0] == "c" for i in program.inputs)  # whose .grad is None at first, then is there
    for number in range(calls + 1):
        seed = min(number, calls - 1)
        if number < calls:  # the last call is on the same tensors as the one before, as that has left them
            eager.fill(seed)
            compiled.fill(seed)
        wanted, found = eager.call(plain, seed), compiled.call(function, seed)
        differ = differences(found, wanted)
        if number < calls and "error" not in wanted and function.trace_count > traces and "tree" not in function.cache_info().modes:
            differ.append(f"{function.trace_count} traces")
        if differ:
            info = function.cache_info()
            return [f"call {number} ({info.modes}, {info.reasons}):", *differ]
        traces += "error" in wanted
    return []


class Reference:
    """NumPy in the place of `tj`: its functions, with sums in the order of C-contiguous arrays."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def sum(x: np.ndarray, **options: Any) -> Any:
        return np.sum(np.asarray(x, order="C"), **options)

    @staticmethod
    def mean(x: np.ndarray, **options: Any) -> Any:
        return np.mean(np.asarray(x, order="C"), **options)


def as_numpy(statement: str) -> str:
    """A statement for NumPy: computed values become arrays in C order, 0-d ones too, as tensors are."""
    name, equals, expression = statement.partition(" = ")
    return f"{name} = kept({expression})" if equals and name.isidentifier() else statement


def kept(value: Any) -> np.ndarray:
    """A view as it is, anything else as an array in C order."""
    return value if isinstance(value, np.ndarray) and value.base is not None else np.asarray(value, order="C")


def numpy_scope(tensors: dict[str, Any]) -> dict[str, Any]:
    """What a program's names mean in NumPy."""
    return {"tj": Reference(), "kept": kept, **{name: t.numpy() for name, t in tensors.items()}}


def check_numpy(program: Program, calls: int = 2) -> list[str]:
    """What a compiled program computes otherwise than NumPy does; empty if nothing."""
    world, reference = World(program), World(program)
    function = tj.compile(program.function(world.scope))
    for seed in range(calls):
        world.fill(seed)
        reference.fill(seed)
        scope = numpy_scope(reference.tensors)
        with np.errstate(all="ignore"):
            for statement in program.body:
                exec(as_numpy(statement), scope)
            found = flatten(function(*world.arguments))[0]
        wanted = flatten(eval(program.result, scope))[0]
        names = [f"result {i}" for i in range(len(found))] + list(world.tensors)
        free = any(word in s for s in program.body for word in EXTREMES)
        pairs = zip(names, [*found, *world.tensors.values()], [*wanted, *(t for t in reference.tensors.values())])
        differ = [f"call {seed}, {name}: {a!r} instead of {b!r}" for name, a, b in pairs if not _alike(a, b, free)]
        if differ:
            return differ
    return []


EXTREMES = ("min", "max", "clip", "relu")  # which of two zeros NumPy gives depends on its loop: on the layout


def _alike(a: Any, b: Any, zeros: bool) -> bool:
    """Whether a result has the bits of NumPy's; `zeros`: but for the signs of zeros."""
    if not isinstance(a, tj.Tensor):
        return a == b
    x, y = a.numpy(), np.asarray(b)
    if zeros and x.dtype.kind in "fc":
        x, y = x + 0.0, y + 0.0
    return x.dtype == y.dtype and x.shape == y.shape and bool((bits(x) == bits(y)).all())


def check_slopes(program: Program) -> None:
    """Compare a program's gradients with finite differences, unless it has a kink, or is steep, where it is evaluated."""
    world = World(program)
    plain = program.function(world.scope)

    def function(*arguments: tj.Tensor) -> Any:
        tj.manual_seed(0)
        return tuple(t for t in flatten(plain(*arguments))[0] if isinstance(t, tj.Tensor) and (is_floating(t.dtype) or is_complex(t.dtype)))

    arrays = [t.detach().numpy().copy() for t in world.arguments]
    rng = np.random.default_rng(0)
    directions = [rng.standard_normal(a.shape) for a in arrays]

    def total(*arguments: tj.Tensor) -> tj.Tensor:
        return sum((tj.real(t).sum() for t in function(*(a.detach() for a in arguments))), tj.zeros((), dtype=tj.float64))

    slopes = [directional(total, arrays, directions, step) for step in (1e-3, 3e-4, 1e-4)]
    smooth = np.isfinite(slopes).all() and np.ptp(slopes) < 1e-7 * max(1.0, abs(slopes[0]))
    if smooth and any(t.requires_grad for t in function(*world.arguments)):
        with contextlib.suppress(tj.GradError):  # a value that is needed again was changed in place
            check_gradients(function, *arrays, order=1, tolerance=1e-5)
