"""`Op`: one operation, defined in one place, and the kinds there are because there are that many ways to lower.

A definition holds everything that is known of an op: its NumPy function, its spec rule, its VJP (written in ops), the
scalar text for kernels, the domain its tests draw from, and the operator that writes it. Eager mode, the graph, printing,
gradients, tests and every backend follow from it; none of them names an op.
"""

from __future__ import annotations

import inspect
from functools import lru_cache, partial
from typing import Any, Callable, Sequence

import numpy as np

from .backend import get_backend
from .dispatch import bind
from .errors import ArgumentError, DTypeError, fail
from .precision import Precision
from .spec import (
    DType, Shape, TensorSpec, accumulator_dtype, as_dtype, bool_, broadcast_shapes, category, floating_result, get_default_dtype, is_complex,
    is_inexact, promote, real_dtype, reduced_shape,
)  # fmt: skip
from .vjp import VJP, Differentiable

OPS: dict[str, Op] = {}
Range = tuple[float, float]


class Op(Differentiable):
    """What every kind of op has. Of `vjp`, see `Differentiable`."""

    kind: str = ""
    is_view = False
    writable = True  # whether a view's elements are distinct memory locations
    dynamic = False  # whether the result's shape depends on values
    raises = False  # whether values can make it raise: then it is computed even if nobody reads its result
    cost = 1  # of one element in a kernel, in additions
    conditions = 0  # how many of the first operands only choose among the others: their dtypes count for nothing
    contiguous: tuple[int, ...] = ()  # the operands, by number, that must be in C order where it is called on whole arrays

    def __init__(self, name: str, *, eager: Callable | None, vjp: VJP | None, parameters: str = "x, /", doc: str = "") -> None:
        self.name = self.__name__ = name
        self.eager: Callable = eager if eager is not None else partial(_run_kernel, self)
        super().__init__(vjp)
        self.simple = not (self.is_view or self.dynamic or self.raises or self.outputs != 1)  # one new array, whatever the values are
        self.__doc__ = doc or f"`{name}`, elementwise over the broadcast shape of its operands."
        self.__signature__ = _signature(parameters)
        parts = self.__signature__.parameters.values()
        self.attributes = frozenset(p.name for p in parts if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD))
        if name in OPS:
            raise ValueError(f"the op {name} is defined twice")
        OPS[name] = self

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        if attrs and not self.attributes.issuperset(attrs):
            unknown = next(name for name in attrs if name not in self.attributes)
            takes = ", ".join(sorted(self.attributes)) or "operands only, by position"
            fail(ArgumentError, f"{self.name}() of an unknown argument {unknown!r}", f"It takes {takes}.")
        return bind(self, *args, **attrs)

    def spec(self, *operands: Any, **attrs: Any) -> Any:
        """The TensorSpec of the result (a tuple, for several outputs); raises the errors that teach."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _find, (self.name,)


def _find(name: str) -> Op:
    return OPS[name]


def _signature(parameters: str) -> inspect.Signature:
    scope: dict[str, Any] = {}
    exec(f"def function({parameters}): ...", scope)
    return inspect.signature(scope["function"])


def _run_kernel(op: Op, *values: Any, **attrs: Any) -> Any:
    return get_backend("cpu").apply(op, values, attrs)


def _in_c_order(function: Callable) -> Callable:
    """The NumPy function, its results in C order whatever the order of its operands."""
    if isinstance(function, np.ufunc):
        if function.nin == 1:
            return lambda x, /: function(x, order="C")
        return lambda x1, x2, /: function(x1, x2, order="C")
    return lambda *values, **attrs: np.asarray(function(*values, **attrs), order="C")


def _common_floating(common: DType, kinds: Sequence[Any]) -> DType:
    """What NumPy computes a floating function of integers in: the dtype that holds the floats of each operand."""
    integers = [k for k in kinds if isinstance(k, np.dtype) and k != bool_]
    return promote(*map(floating_result, integers)) if integers else floating_result(common)


DIVISION = 4  # additions that a quotient or a root takes the time of: the processor has an instruction, but a slow one
ROUTINE = 20  # and what is computed by many instructions, such as an exponential


class Elementwise(Op):
    """Computes each element from the elements at the same place of its broadcast operands; fuses anywhere.

    numpy: the reference, in NumPy; eager mode calls it where `exact` says that IEEE arithmetic fixes its bits, and for
      complex operands; elsewhere eager runs the kernel of a one-node graph.
    scalar: the text of one element, `{0}` the first operand; or one text per category ("bool", "integer", "floating"). A
      category that has no text is computed by `numpy` in both modes.
    of_complex: the text for complex operands, to the bit what NumPy gives; directed: but for complex64 that lies backwards in memory.
    accepts: the categories of the common operand dtype: b(ool) i(nteger) f(loating) c(omplex).
    result: "same", "bool", "real", or a function of the common dtype. floats: integers become floating first (True: the
      smallest that NumPy takes, or the dtype given). bools: the dtype that bools become first, where it is not bool.
    """

    kind = "elementwise"

    def __init__(
        self,
        name: str,
        *,
        numpy: Callable,
        scalar: str | dict[str, str],
        of_complex: str | None = None,
        directed: bool = False,
        vjp: VJP | None = None,
        exact: bool = False,
        accepts: str = "bifc",
        raises: bool = False,
        result: str | Callable[..., DType] = "same",
        floats: bool | DType = False,
        bools: DType = bool_,
        arity: int = 1,
        operand_dtypes: Callable[..., tuple[DType, ...]] | None = None,
        domain: Sequence[Range] = ((-2.0, 2.0),),
        operator: str = "",
        method: bool = True,
        cost: int = 1,  # of one element in a kernel, in additions
        parameters: str = "",
        precision: Precision | None = None,
        doc: str = "",
    ) -> None:
        self.numpy = _in_c_order(numpy)
        self.ufunc = numpy if exact and isinstance(numpy, np.ufunc) else None  # what eager calls, where it is one
        self.scalar, self.of_complex, self.directed = scalar, of_complex, directed
        self.accepts, self.result, self.floats, self.bools, self.arity = accepts, result, floats, bools, arity
        self._operand_dtypes, self.raises, self.one_dtype = operand_dtypes, raises, operand_dtypes is None  # all are cast to the same
        self.domain = tuple(domain) * (arity if len(domain) == 1 else 1)
        self.operator, self.method, self.exact, self.cost, self.precision = operator, method, exact, cost, precision
        self._lowers: dict[tuple[Any, ...], bool] = {}  # whether kernels compute it, by the operands' dtypes and types
        self._dtypes: dict[tuple[Any, ...], tuple[DType, ...]] = {}  # what operands are cast to, by the same and the default dtype
        if not parameters:
            parameters = "x, /" if arity == 1 else ", ".join(f"x{i + 1}" for i in range(arity)) + ", /"
        plain = exact and (self.ufunc is not None or accepts == "bifc")  # NumPy itself refuses what the op does not take
        eager = self.numpy if plain else self._checked if exact else self._eager
        super().__init__(name, eager=eager, vjp=vjp, parameters=parameters, doc=doc)

    def _eager(self, *values: Any, **attrs: Any) -> Any:
        return get_backend("cpu").apply(self, values, attrs) if self._lower(values, attrs) else self.numpy(*values, **attrs)

    def _checked(self, *values: Any, **attrs: Any) -> Any:
        self._lower(values, attrs)
        return self.numpy(*values, **attrs)

    def _lower(self, values: tuple[Any, ...], attrs: dict[str, Any]) -> bool:
        """Whether kernels compute the op for such values; raises if it does not take their dtypes."""
        kinds = tuple([v.dtype if isinstance(v, np.ndarray) else type(v) for v in values])
        lowers = self._lowers.get(kinds)
        if lowers is None:
            specs = [TensorSpec(v.shape, v.dtype) if isinstance(v, np.ndarray) else v for v in values]
            lowers = self._lowers[kinds] = self.text(self.operand_dtypes(*specs, **attrs)[-1]) is not None
        return lowers

    def text(self, dtype: DType) -> str | None:
        """The scalar text for operands of this dtype, or None if kernels cannot compute it."""
        if is_complex(dtype):
            return self.of_complex
        return self.scalar if isinstance(self.scalar, str) else self.scalar.get(category(dtype))

    def operand_dtypes(self, *operands: Any, **attrs: Any) -> tuple[DType, ...]:
        """The dtype each operand is cast to before the scalar text sees it."""
        kinds = tuple([o.dtype if isinstance(o, TensorSpec) else type(o) for o in operands])
        found = self._dtypes.get((get_default_dtype(), kinds)) or self._common_dtypes(kinds)
        return found if self._operand_dtypes is None else self._operand_dtypes(*operands, **attrs)

    def _common_dtypes(self, kinds: tuple[Any, ...]) -> tuple[DType, ...]:
        """One dtype for all operands, given their dtypes or Python types. Raises where the op does not take them."""
        if len(kinds) != self.arity:
            fail(ArgumentError, f"{self.name} of {len(kinds)} operands", f"It takes {self.arity}.")
        common = promote(*kinds)
        if category(common)[0] not in self.accepts:
            takes = [c for c in ("bool", "integer", "floating", "complex") if c[0] in self.accepts]
            fail(DTypeError, f"{self.name} of {common.name}", f"It takes {', '.join(takes)} dtypes; cast with .astype(dtype).")
        if self.floats and not is_inexact(common):
            common = _common_floating(common, kinds) if self.floats is True else self.floats
        elif common == bool_:
            common = self.bools
        found = self._dtypes[get_default_dtype(), kinds] = (common,) * len(kinds)
        return found

    def spec(self, *operands: Any, **attrs: Any) -> TensorSpec:
        common = self.operand_dtypes(*operands, **attrs)[-1]
        if self.result == "same":
            dtype = common
        elif self.result == "bool":
            dtype = bool_
        elif self.result == "real":
            dtype = real_dtype(common)
        else:
            dtype = self.result(common, **attrs)  # type: ignore[operator]
        return TensorSpec(broadcast_shapes(*(o.shape for o in operands if isinstance(o, TensorSpec))), dtype)


class Reduction(Op):
    """Combines the elements along axes, in NumPy's order over a C-contiguous array of that shape; ends a fusion group.

    combine: the scalar text that joins `{0}` (so far) and `{1}`; identity: the text it starts from, by category.
    in_sequence: element after element, as NumPy multiplies; else in the order of NumPy's sums (`backends/text/reductions.py`), which
      is as good as any other for what combines in any order.
    Attributes: `axes`, a sorted tuple, and `keepdims`.
    """

    kind = "reduction"

    def __init__(
        self,
        name: str,
        *,
        numpy: Callable,
        combine: str,
        identity: dict[str, str],
        vjp: VJP | None = None,
        exact: bool = False,
        in_sequence: bool = False,
        accepts: str = "bifc",
        result: str = "same",
        doc: str = "",
    ) -> None:
        self.numpy, self.combine, self.identity, self.in_sequence = numpy, combine, identity, in_sequence
        self.accepts, self.result, self.exact = accepts, result, exact
        self._dtypes: dict[DType, DType] = {}  # of the result, by the operand's
        eager = self._numpy_eager if exact else self._eager
        super().__init__(name, eager=eager, vjp=vjp, parameters="x, /, *, axes, keepdims=False", doc=doc)

    def _numpy_eager(self, x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool = False) -> Any:
        dtype = self._result_dtype(x, axes)
        contiguous = x if x.flags.c_contiguous else np.asarray(x, order="C")
        return self.numpy(contiguous, axes, dtype, None, keepdims)

    def _result_dtype(self, x: np.ndarray, axes: tuple[int, ...]) -> DType:
        dtype = self._dtypes.get(x.dtype)
        if dtype is None:
            dtype = self._dtypes[x.dtype] = self.spec(TensorSpec(x.shape, x.dtype), axes=axes).dtype
        return dtype

    def _eager(self, x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool = False) -> Any:
        self._result_dtype(x, axes)  # raises where the op does not take the dtype
        if not self.lowers(x.dtype):
            return self.numpy(np.asarray(x, order="C"), axis=axes, keepdims=keepdims)
        return _run_kernel(self, x, axes=axes, keepdims=keepdims)

    def lowers(self, dtype: DType) -> bool:
        """Whether kernels can reduce this dtype."""
        return category(dtype) in self.identity

    def spec(self, x: TensorSpec, *, axes: tuple[int, ...], keepdims: bool = False) -> TensorSpec:
        if category(x.dtype)[0] not in self.accepts:
            fail(DTypeError, f"{self.name} of {x.dtype.name}", "Cast it with .astype(dtype).")
        dtype = {"same": x.dtype, "bool": bool_, "accumulator": accumulator_dtype(x.dtype)}[self.result]
        return TensorSpec(reduced_shape(x.shape, axes, keepdims), dtype)


class View(Op):
    """Shows the same memory at other indices; vanishes into its reader.

    numpy: the NumPy function, which must return a view. Run on a phantom array (no memory behind it) it also tells the
    compiler the strides and the offset, so it is the whole definition.
    """

    kind = "view"
    is_view = True

    def __init__(self, name: str, *, numpy: Callable, vjp: VJP | None, writable: bool = True, parameters: str = "x, /", doc: str = "") -> None:
        self.numpy = numpy
        self.writable = writable
        super().__init__(name, eager=numpy, vjp=vjp, parameters=parameters, doc=doc)

    def layout(self, shape: Shape, strides: tuple[int, ...], /, **attrs: Any) -> tuple[Shape, tuple[int, ...], int]:
        """(shape, strides, offset), in elements, of this view of an array with that shape and those strides."""
        return _layout(self, shape, strides, tuple(attrs.items()))

    def spec(self, x: TensorSpec, **attrs: Any) -> TensorSpec:
        phantom = np.lib.stride_tricks.as_strided(_PHANTOM, x.shape, (0,) * len(x.shape))
        return TensorSpec(self.numpy(phantom, **attrs).shape, x.dtype)


_PHANTOM = np.empty(1, np.int8)  # of one-byte elements, so that byte strides are element strides


@lru_cache(maxsize=4096)
def _layout(view: View, shape: Shape, strides: tuple[int, ...], attrs: tuple[tuple[str, Any], ...]) -> tuple[Shape, tuple[int, ...], int]:
    phantom = np.lib.stride_tricks.as_strided(_PHANTOM, shape, strides)
    seen = view.numpy(phantom, **dict(attrs))
    offset = seen.__array_interface__["data"][0] - _PHANTOM.__array_interface__["data"][0]
    return seen.shape, seen.strides, offset


class Create(Op):
    """Makes an array from its attributes and its element's position; read on the fly.

    scalar: the text of one element: `{0}` … the (0-d or small) inputs' first elements by position, `{i}` the linear index.
    Attributes: `shape`, `dtype`, and others that become parameters of the kernel, by name: `{start}`.
    exact: eager mode calls `numpy` (False where the kernel is faster; the bits are the same).
    """

    kind = "create"

    def __init__(
        self, name: str, *, numpy: Callable, scalar: str, parameters_of_kernel: tuple[str, ...] = (), exact: bool = True,
        vjp: VJP | None = None, parameters: str = "*, shape, dtype", doc: str = "",
    ) -> None:  # fmt: skip
        self.numpy, self.scalar, self.parameters_of_kernel, self.exact = numpy, scalar, parameters_of_kernel, exact
        super().__init__(name, eager=numpy if exact else None, vjp=vjp, parameters=parameters, doc=doc)

    def spec(self, *inputs: TensorSpec, shape: Shape, dtype: DType, **attrs: Any) -> TensorSpec:
        return TensorSpec(shape, as_dtype(dtype))


class Gather(Op):
    """Reads its first input at computed indices on its leading axes; read on the fly. See `ops/index.py`."""

    kind = "gather"
    raises = True  # an index may be out of bounds

    def __init__(self, name: str, *, numpy: Callable, vjp: VJP, doc: str) -> None:
        self.numpy = numpy
        super().__init__(name, eager=numpy, vjp=vjp, parameters="x, /, *indices, axes=None", doc=doc)

    def spec(self, x: TensorSpec, *indices: TensorSpec, axes: tuple[int, ...] | None = None) -> TensorSpec:
        return TensorSpec(indices[0].shape + x.shape[len(indices) :], x.dtype)


class Put(Op):
    """Its first input with some places replaced by, or increased by, the elements of the second; in place where it can be.

    The places are a view's (attribute `chain`) or computed indices (further inputs, on the leading axes).
    """

    kind = "put"
    raises = True  # where it has indices

    def __init__(self, name: str, *, numpy: Callable, vjp: VJP, combine: str, doc: str) -> None:
        self.numpy, self.combine = numpy, combine
        super().__init__(name, eager=numpy, vjp=vjp, parameters="base, value, /, *indices, chain=None, axes=None", doc=doc)

    def spec(self, base: TensorSpec, value: TensorSpec, *indices: TensorSpec, **attrs: Any) -> TensorSpec:
        return base


class Library(Op):
    """The backend's own routine, or a NumPy function: matmul, sort, solve … Its operands are whole arrays.

    numpy: arrays in, array or tuple of arrays out. spec: TensorSpecs in, TensorSpec or tuple out; None for an op whose
    result's shape depends on values (`dynamic`). A NumPy function that raises for some values has a true attribute `raises`.
    native: whether the backend has a routine for some dtypes, which computes both modes. contiguous: the operands, by number,
      that it needs in C order.
    """

    kind = "library"

    def __init__(
        self, name: str, *, numpy: Callable, spec: Callable[..., Any] | None, vjp: VJP | None = None, outputs: int = 1,
        native: bool = False, contiguous: tuple[int, ...] = (), parameters: str = "x, /", doc: str = "",
    ) -> None:  # fmt: skip
        self.numpy, self._spec, self.outputs, self.native, self.contiguous = numpy, spec, outputs, native, contiguous
        self.dynamic, self.raises = spec is None, getattr(numpy, "raises", False)
        self._routines: dict[tuple[Any, ...], Any] = {}  # the backend's, by the operands' dtypes and numbers of axes
        super().__init__(name, eager=self._native_eager if native else self._eager, vjp=vjp, parameters=parameters, doc=doc)

    def _eager(self, *values: Any, **attrs: Any) -> Any:
        result = self.numpy(*values, **attrs)
        if isinstance(result, tuple):
            return tuple(np.asarray(r, order="C") for r in result)
        return np.asarray(result, order="C")

    def _native_eager(self, *values: Any, **attrs: Any) -> Any:
        kinds = tuple([(v.dtype, v.ndim) for v in values])
        routine = self._routines.get(kinds, False)
        if routine is False:
            specs = tuple(TensorSpec(v.shape, v.dtype) for v in values)
            routine = self._routines[kinds] = get_backend("cpu").routine(self, specs)
        return self._eager(*values, **attrs) if routine is None else get_backend("cpu").apply(self, values, attrs)

    def spec(self, *operands: Any, **attrs: Any) -> Any:
        if self._spec is None:
            fail(ArgumentError, f"the shape of {self.name} depends on values", "Run it eagerly.")
        return self._spec(*operands, **attrs)
