"""`Tensor`: a handle on a value. It knows no op; ops, autograd and the NumPy protocols attach their methods to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterator


from .errors import ArgumentError, DTypeError, GradError, fail
from .spec import Device, DType, Shape, TensorSpec, device_named, is_inexact

_new = object.__new__


class Storage:
    """What a tensor, its views and its detached handles share: the version of their memory."""

    version: int = 0


class Extent(int):
    """`x.size`: the number of elements, as the array API says; called, `x.size()` or `x.size(0)`, PyTorch's shape."""

    shape: Shape

    def __new__(cls, shape: Shape, count: int) -> Extent:
        self = super().__new__(cls, count)
        self.shape = shape
        return self

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class Tensor:
    """An n-dimensional array that can record its history for autograd and be traced into a graph.

    `_value` is a NumPy array, or a graph `Node` while a function is traced. Everything else has a class-level default,
    so that making a Tensor is one attribute store.
    """

    _value: Any
    _requires_grad: bool = False
    _grad: Tensor | None = None
    _application: Any = None  # the Application this tensor came from; None for a leaf
    _index: int = 0  # which output of it
    _storage: Storage | None = None  # made when first viewed, detached or changed
    _chain: tuple[tuple[Any, tuple[tuple[str, Any], ...]], ...] = ()  # view steps (op, attrs) from the storage's whole
    _base: Tensor | None = None  # the differentiable tensor this is a view of
    _aside: Tensor | None = None  # the same, of a view that was made in no_grad mode
    _seen: int = 0  # the storage's version that `_application` speaks of
    _traced_at: int = 0  # the storage's version that a traced `_value` speaks of
    _hooks: dict[int, Callable] | None = None  # of a leaf; those of other tensors are kept by their Application
    _post_hooks: dict[int, Callable] | None = None
    _retains_grad: bool = False
    __array_priority__ = 1000
    __hash__ = object.__hash__

    # What is known without a value

    @property
    def shape(self) -> Shape:
        """The extents of the axes."""
        return self._value.shape

    @property
    def dtype(self) -> DType:
        """The dtype of the elements."""
        return self._value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._value.shape)

    @property
    def size(self) -> Extent:
        """The number of elements; callable as PyTorch's `size(dim)`."""
        value = self._value
        return Extent(value.shape, value.size)

    @property
    def nbytes(self) -> int:
        return self._value.size * self._value.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self._value.dtype.itemsize

    @property
    def device(self) -> Device:
        """The device that holds the values: its name, a str with `type` and `index`."""
        return device_named(self._value.device)

    @property
    def spec(self) -> TensorSpec:
        """Shape, dtype and device together."""
        return TensorSpec(self._value.shape, self._value.dtype, self._value.device)

    def dim(self) -> int:
        """PyTorch's name of `ndim`."""
        return self.ndim

    def numel(self) -> int:
        """PyTorch's name of the number of elements."""
        return self._value.size

    def element_size(self) -> int:
        """The bytes of one element."""
        return self._value.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the dtype is a real floating one."""
        return is_inexact(self.dtype) and self.dtype.kind != "c"

    def is_complex(self) -> bool:
        """Whether the dtype is complex."""
        return self.dtype.kind == "c"

    # History

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        self._refresh()
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Turn recording on or off for a leaf, in place."""
        if flag and not is_inexact(self.dtype):
            fail(DTypeError, f"a tensor of {self.dtype.name} cannot require grad", "Cast it: .astype(tj.float32).")
        if not self.is_leaf and flag != self._requires_grad:
            fail(GradError, "requires_grad can be changed only on leaf tensors", "Use .detach() to get a leaf.")
        self._requires_grad = flag
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the user made this tensor (an op that was recorded did not)."""
        self._refresh()
        return self._application is None

    @property
    def grad_fn(self) -> Any:
        """The Application this tensor came from, or None."""
        self._refresh()
        return self._application

    @property
    def _version(self) -> int:
        return 0 if self._storage is None else self._storage.version

    # Python's protocols that need no op

    def __len__(self) -> int:
        if not self.shape:
            fail(ArgumentError, "len() of a 0-d tensor", "It is one number: x.item(); x.size counts elements.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            fail(ArgumentError, "iteration over a 0-d tensor", "It is one number: x.item(), or x.reshape(1) for one axis.")
        return (self[i] for i in range(self.shape[0]))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), _values(self), self._requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._application is not None:
            fail(GradError, "only leaf tensors can be deep-copied", "Use .detach().clone().")
        copied = memo[id(self)] = _restore(type(self), _values(self).copy(), self._requires_grad)
        if self._grad is not None:
            copied._grad = wrap(_values(self._grad).copy())
        return copied

    if TYPE_CHECKING:  # attached by tracejit.ops, tracejit.autograd and tracejit.dispatch

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __lshift__(self, other: Any) -> Tensor: ...
        def __rshift__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __bool__(self) -> bool: ...
        def __float__(self) -> float: ...
        def __int__(self) -> int: ...
        def __index__(self) -> int: ...


class StandIn:
    """What stands for an array of another library in a trace: `tensor` has its value."""

    __slots__ = ("__weakref__", "tensor")
    tensor: Tensor

    def found(self, tensor: Tensor, item: Tensor) -> None:
        """It was an index: of that tensor, of which Python's own number would have given a view, this item."""


def wrap(value: Any) -> Tensor:
    """A new Tensor on this value (a NumPy array or a Node), without history."""
    tensor = _new(Tensor)
    tensor._value = value
    return tensor


def storage_of(tensor: Tensor) -> Storage:
    """The storage of a tensor, made now if nobody shared or changed it before."""
    storage = tensor._storage
    if storage is None:
        storage = tensor._storage = Storage()
    return storage


def method(*names: str) -> Callable[[Callable], Callable]:
    """Attach the decorated function to Tensor under these names (its own, if none is given)."""

    def attach(function: Callable) -> Callable:
        for name in names or (function.__name__,):
            setattr(Tensor, name, function)
        return function

    return attach


def _values(tensor: Tensor) -> Any:
    """The array of a tensor that has one; that of a traced tensor is asked for."""
    return tensor._value if hasattr(tensor._value, "memory") else tensor.detach().numpy()


def _restore(kind: type[Tensor], array: Any, requires_grad: bool) -> Tensor:
    tensor = _new(kind)
    tensor._value = array
    tensor._requires_grad = requires_grad
    return tensor
