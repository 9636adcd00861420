"""`Applications`: nodes of ops on operands as they are given. An application met before costs a look-up."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..interpreter import operand
from ..op import Op
from ..ops.casts import cast
from ..ops.view import broadcast
from ..spec import DType, Shape, TensorSpec, default_dtype_of
from ..tensor import Tensor
from .ir import OUTPUT, Interner, Node, exact

CONSTANTS = 3  # numbers at one place of a program that each have a graph of their own
Made = Any  # a node; of an op with several outputs, a tuple of as many


class Applications:
    """Makes nodes, and remembers of which op and operands. What a trace asks for lives as long as this does."""

    def __init__(self) -> None:
        self.make = Interner()
        self.known: dict[Any, Made] = {}
        self.inputs: dict[Any, Node] = {}
        self._numbers: dict[Any, set[Any]] = {}  # Python's that were operands, by place in the program and op
        self.changing: dict[Any, DType] = {}  # of the places where there were several: the dtype they take

    def __len__(self) -> int:
        return len(self.known)

    def input(self, number: int, shape: Shape, dtype: DType, device: str = "cpu") -> Node:
        """The node of all graphs whose input of this number has this shape and dtype, on this device."""
        found = self.inputs.get((number, shape, dtype, device))
        if found is None:
            found = self.inputs[number, shape, dtype, device] = self.make.input(TensorSpec(shape, dtype, device), number)
        return found

    def given(self, op: Op, key: tuple[Any, ...], args: tuple[Any, ...], attrs: dict[str, Any], place: int) -> Made:
        """What an op gives that was never met: of operands as a program writes them, at its `place` among the applications of a segment.

        key: the op, of each operand its node, or what `exact` says of a Python scalar, and the attributes. args: the operands themselves.
        """
        found = self.known[key] = self._new(op, args, [k for k in key if type(k) is Node], attrs)
        if op.kind == "elementwise" and op.one_dtype and found.op is op:  # type: ignore[attr-defined]
            self._note(op, args, place, found.inputs[-1].dtype)
        return found

    def _note(self, op: Op, args: tuple[Any, ...], place: int, dtype: DType) -> None:
        """Note the numbers among new operands: those that change from call to call are better inputs than constants of ever new graphs."""
        numbers = tuple([exact(a) for a in args if type(a) is float or type(a) is int])
        if numbers:
            seen = self._numbers.setdefault((place, op), set())
            seen.add(numbers)
            if len(seen) > CONSTANTS:
                self.changing[place, op] = dtype

    def as_inputs(self, op: Op, args: tuple[Any, ...], place: int) -> tuple[Any, ...]:
        """The operands, with arrays for numbers that change."""
        dtype = self.changing.get((place, op))
        if dtype is None:
            return args
        described = [TensorSpec(a._value.shape, a._value.dtype) if isinstance(a, Tensor) else a for a in args]
        if not all([type(d) in (TensorSpec, float, int) for d in described]) or op.operand_dtypes(*described)[-1] != dtype:  # type: ignore[attr-defined]
            return args  # what stands here in this call is another operand, beside which the number has another dtype
        return tuple([np.asarray(a).astype(dtype) if type(a) is float or type(a) is int else a for a in args])

    def apply(self, op: Op, inputs: tuple[Node, ...], attrs: dict[str, Any]) -> Node:
        """The node of an op, of nodes that need no cast."""
        key = _key([op, *inputs], attrs)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.make.apply(op, inputs, attrs)
        return found

    def fit(self, node: Node, shape: Any, dtype: Any) -> Node:
        """A node cast and broadcast to this dtype and shape."""
        if node.dtype is not dtype and node.dtype != dtype:
            node = self.apply(cast, (node,), {"dtype": dtype})
        if node.shape != shape and node.shape != tuple(shape):
            node = self.apply(broadcast, (node,), {"shape": tuple(shape)})
        return node

    def _new(self, op: Op, args: tuple[Any, ...], nodes: list[Node], attrs: dict[str, Any]) -> Made:
        known = iter(nodes)
        operands = [next(known) if isinstance(a, (Tensor, np.ndarray, np.generic)) else operand(a) for a in args]
        node = self.make.apply(op, self._cast(op, operands, attrs), attrs)
        if op.outputs == 1:
            return node
        return tuple([self.make.node(OUTPUT, (node,), (("index", i),), s) for i, s in enumerate(node.spec)])

    def _cast(self, op: Op, operands: list[Any], attrs: dict[str, Any]) -> tuple[Node, ...]:
        """Operands as nodes of the dtypes that the op computes in."""
        if op.kind == "elementwise":
            described = [o.spec if isinstance(o, Node) else o for o in operands]
            dtypes = op.operand_dtypes(*described, **attrs)  # type: ignore[attr-defined]
        else:
            known = next((o.dtype for o in operands if isinstance(o, Node)), None)
            dtypes = tuple(o.dtype if isinstance(o, Node) else known or default_dtype_of(type(o)) for o in operands)
        return tuple(self._operand(o, dtype) for o, dtype in zip(operands, dtypes))

    def _operand(self, value: Any, dtype: Any) -> Node:
        if not isinstance(value, Node):
            return self.make.constant(np.asarray(value).astype(dtype).item() if dtype.kind != "V" else value, dtype)
        return value if value.dtype == dtype else self.apply(cast, (value,), {"dtype": dtype})


def _key(given: list[Any], attrs: dict[str, Any]) -> tuple[Any, ...]:
    for attribute in attrs.items():
        given += attribute if type(attribute[1]) is tuple else (attribute[0], exact(attribute[1]))
    return tuple(given)
