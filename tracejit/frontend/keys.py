"""How one argument enters a key: a token that holds its structure and Python values, and gives its arrays to a list.

A token is a tuple whose first item says the kind: the type of an array, a scalar or a container, or `IDENTITY`. Tokens
are equal exactly where the traced function could not tell the arguments apart without looking into an array.
"""

from __future__ import annotations

import functools
import struct
import types
from collections import OrderedDict, defaultdict, deque
from typing import Any, Callable, Iterator

import numpy as np
import optree

from ..tensor import Tensor
from .identity import Held, Token, known, token_of
from .method import Method

Leaves = list[Any]
IDENTITY = "identity"  # compared by identity: (IDENTITY, Token or Held)
FIELDS = "fields"  # a named tuple: (FIELDS, class, *tokens)
NODE = "node"  # a class registered with optree: (NODE, class, metadata, *tokens)
_STATELESS = "stateless"  # a function without closure, defaults or attributes: (_STATELESS, code, globals)
_NAMESPACE = "tracejit"
_new = tuple.__new__


def encode(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    """The token of one argument; the arrays inside are appended to `leaves`."""
    kind = type(value)
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value, leaves)
    token = known.get(id(value))
    if token is not None and token.entry is not None and token.reference() is value:
        return token.entry
    return _encode_other(value, kind, leaves)


def decode(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    """The argument a token was made of, its arrays replaced by the next of `arrays`."""
    kind = token[0]
    decoder = _DECODERS.get(kind)
    if decoder is not None:
        return decoder(token, arrays)
    if isinstance(kind, type) and issubclass(kind, (np.ndarray, np.generic, Tensor)):
        return next(arrays)
    return token[1]  # an immutable value


# Arrays


def _array(value: np.ndarray, leaves: Leaves) -> tuple[Any, ...]:
    leaves.append(value)
    return (np.ndarray, value.shape, value.strides, value.dtype)


def tensor_token(tensor: Tensor) -> tuple[Any, ...]:
    """(class, shape, strides, dtype, 0 or 1 for a leaf that requires grad or 2 for a tensor with history)."""
    array = tensor._value
    grad = 0 if not tensor._requires_grad else 1 if tensor._application is None else 2
    return (type(tensor), array.shape, getattr(array, "strides", None), array.dtype, grad if type(array) is np.ndarray else (grad, array.device))


def _tensor(value: Tensor, leaves: Leaves) -> tuple[Any, ...]:
    leaves.append(value)
    return tensor_token(value)


def _generic(value: np.generic, leaves: Leaves) -> tuple[Any, ...]:
    leaves.append(np.asarray(value))
    return (type(value), value.dtype)


# Immutable values


def _plain(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    return (type(value), value)


def _float(value: float, leaves: Leaves) -> tuple[Any, ...]:
    """Itself, or its bits where `==` would not tell it apart (0.0) or would not know it again (NaN)."""
    return (float, value if value and value == value else struct.pack("d", value))


def _restore_float(token: tuple[Any, ...], arrays: Iterator[Any]) -> float:
    value = token[1]
    return struct.unpack("d", value)[0] if type(value) is bytes else value


def _complex(value: complex, leaves: Leaves) -> tuple[Any, ...]:
    return (complex, struct.pack("dd", value.real, value.imag))


def _restore_complex(token: tuple[Any, ...], arrays: Iterator[Any]) -> complex:
    return complex(*struct.unpack("dd", token[1]))


def _extent(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    """A range or slice."""
    return (type(value), *[encode(v, leaves) for v in (value.start, value.stop, value.step)])


def _restore_extent(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    return token[0](*[decode(t, arrays) for t in token[1:]])


# Containers


def _sequence(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    return (type(value), *[encode(v, leaves) for v in value])


def _restore_sequence(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    return token[0]([decode(t, arrays) for t in token[1:]])


def _deque(value: deque[Any], leaves: Leaves) -> tuple[Any, ...]:
    return (deque, value.maxlen, *[encode(v, leaves) for v in value])


def _restore_deque(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    return deque([decode(t, arrays) for t in token[2:]], token[1])


def _dict(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    """A dict in the order of its items: Python code can see it. Keys are compared by type too."""
    factory = encode(value.default_factory, leaves) if type(value) is defaultdict else None
    keys = tuple([k if type(k) is str else _key(k) for k in value])
    return (type(value), factory, keys, *[encode(v, leaves) for v in value.values()])


def _key(key: Any) -> tuple[Any, ...]:
    """A dict's key: a value, or an object by identity. Arrays cannot hide here: a Tensor that is a key is an object."""
    if isinstance(key, (Tensor, tuple)) or type(key) not in _ENCODERS:
        return (IDENTITY, token_of(key)) if not isinstance(key, tuple) else (tuple, key, *[_key(k) for k in key])
    return encode(key, [])


def _restore_key(key: Any) -> Any:
    if type(key) is str:
        return key
    return key[1] if key[0] is tuple else decode(key, iter(()))


def _restore_dict(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    kind, factory, keys, *values = token
    pairs = [(_restore_key(k), decode(v, arrays)) for k, v in zip(keys, values)]
    return kind(pairs) if factory is None else kind(decode(factory, arrays), pairs)


def _set(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    """A set of plain values in the order Python walks it; any other set is an object."""
    if all(type(v) in _PLAIN for v in value):
        return (type(value), *[encode(v, leaves) for v in value])
    return _object(value, leaves)


# Objects


def _object(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    token = token_of(value)
    if type(token) is Held:
        return (IDENTITY, token)
    if token.entry is None:  # type: ignore[union-attr]
        token.entry = (IDENTITY, token)  # type: ignore[union-attr]
    return token.entry  # type: ignore[union-attr]


def _restore_object(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    return token[1].get()


def _function(value: types.FunctionType, leaves: Leaves) -> tuple[Any, ...]:
    """A lambda written in the call is a new object each time; without state of its own, its code says all."""
    if value.__closure__ is None and value.__defaults__ is None and value.__kwdefaults__ is None and not value.__dict__:
        if value.__name__ == "<lambda>":
            return (_STATELESS, value.__code__, Held(value.__globals__))
    return (IDENTITY, token_of(value))


def _restore_function(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    return types.FunctionType(token[1], token[2].value)


def _method(value: types.MethodType, leaves: Leaves) -> tuple[Any, ...]:
    """A bound method is a new object at each access: it is its function and its object."""
    return (types.MethodType, token_of(value.__func__), token_of(value.__self__))


def _restore_method(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    return types.MethodType(token[1].get(), token[2].get())


def _partial(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    if value.__dict__:
        return _object(value, leaves)
    return (type(value), encode(value.func, leaves), encode(value.args, leaves), encode(value.keywords, leaves))


def _restore_partial(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    function, args, keywords = [decode(t, arrays) for t in token[1:]]
    return token[0](function, *args, **keywords)


def _fields(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    return (FIELDS, type(value), *[encode(v, leaves) for v in value])


def _restore_fields(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    return _new(token[1], [decode(t, arrays) for t in token[2:]])


def _node(value: Any, leaves: Leaves) -> tuple[Any, ...]:
    entry = optree.register_pytree_node.get(type(value), namespace=_NAMESPACE)
    children, metadata, *_ = entry.flatten_func(value)  # type: ignore[union-attr]
    return (NODE, type(value), metadata, *[encode(c, leaves) for c in children])


def _restore_node(token: tuple[Any, ...], arrays: Iterator[Any]) -> Any:
    entry = optree.register_pytree_node.get(token[1], namespace=_NAMESPACE)
    return entry.unflatten_func(token[2], [decode(t, arrays) for t in token[3:]])  # type: ignore[union-attr]


def _encode_other(value: Any, kind: type, leaves: Leaves) -> tuple[Any, ...]:
    """A value of a class not met in the table: by its nature."""
    if isinstance(value, Tensor):
        _ENCODERS[kind] = _tensor
        return _tensor(value, leaves)
    if isinstance(value, np.generic):
        return _generic(value, leaves)
    if isinstance(value, np.ndarray):  # of a class with rules of its own
        leaves.append(value)
        return (kind, value.shape, value.strides, value.dtype)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return _fields(value, leaves)
    if isinstance(value, np.dtype):
        return (np.dtype, value)
    if optree.register_pytree_node.get(kind, namespace=_NAMESPACE) is not None:
        return _node(value, leaves)
    return _object(value, leaves)


_PLAIN = (bool, int, str, bytes, type(None), type(...), type(NotImplemented), float, complex)
_ENCODERS: dict[type, Callable[[Any, Leaves], tuple[Any, ...]]] = {
    **{kind: _plain for kind in _PLAIN},
    float: _float, complex: _complex, range: _extent, slice: _extent,
    np.ndarray: _array, Tensor: _tensor,
    list: _sequence, tuple: _sequence, deque: _deque, set: _set, frozenset: _set,
    dict: _dict, OrderedDict: _dict, defaultdict: _dict,
    types.FunctionType: _function, types.MethodType: _method, functools.partial: _partial, Method: _partial, types.ModuleType: _object,
}  # fmt: skip
_DECODERS: dict[Any, Callable[[tuple[Any, ...], Iterator[Any]], Any]] = {
    float: _restore_float, complex: _restore_complex, range: _restore_extent, slice: _restore_extent,
    list: _restore_sequence, tuple: _restore_sequence, deque: _restore_deque,
    set: _restore_sequence, frozenset: _restore_sequence,
    dict: _restore_dict, OrderedDict: _restore_dict, defaultdict: _restore_dict,
    types.MethodType: _restore_method, functools.partial: _restore_partial, Method: _restore_partial,
    IDENTITY: _restore_object, _STATELESS: _restore_function, FIELDS: _restore_fields, NODE: _restore_node,
}  # fmt: skip


def identities(token: Any) -> Iterator[Token | Held]:
    """Every object that a token speaks of by identity."""
    if isinstance(token, (Token, Held)):
        yield token
    elif isinstance(token, tuple):
        for part in token:
            yield from identities(part)


def describe(token: tuple[Any, ...]) -> str:
    """What a token says, for a person."""
    kind = token[0]
    if isinstance(kind, type) and issubclass(kind, (np.ndarray, Tensor)):
        grad, device = (0, "cpu") if len(token) < 5 else token[4] if isinstance(token[4], tuple) else (token[4], "cpu")
        history = ("", ", requires grad", ", with history")[grad] + (f", on {device}" if device != "cpu" else "")
        name = "an array" if kind is np.ndarray else f"a {kind.__name__}"
        return f"{name} of shape {token[1]}, dtype {token[3]}{history}"
    if isinstance(kind, type) and issubclass(kind, np.generic):
        return f"a NumPy scalar of dtype {token[1]}"
    if kind is IDENTITY:
        return f"the object {token[1]!r}"
    if kind in _PLAIN:
        return repr(decode(token, iter(())))
    if kind in (dict, OrderedDict, defaultdict):
        return f"a {kind.__name__} of {len(token) - 3} items"
    if kind in (list, tuple, set, frozenset):
        return f"a {kind.__name__} of {len(token) - 1} items"
    return f"a {kind.__name__}" if isinstance(kind, type) else f"a {getattr(token[1], '__name__', kind)}"
