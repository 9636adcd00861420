"""Whether the indices of a put certainly name each place once: then its points may be done in any order, and read what they write."""

from __future__ import annotations

from ..graph.ir import CONSTANT, Node
from ..spec import Shape, int64

AS_THEY_ARE = ("cast", "copy", "reshape")  # operations that give numbers in the order in which they are


def names_each_place_once(put: Node) -> bool:
    """Whether no two points of a put can write to one place: each axis of its indices is counted along by one of them (`a[np.arange(n), columns]`)."""
    indices = put.inputs[2:]
    if not indices:
        return True
    shape = indices[0].shape
    counted = {_axis_counted(index, shape, extent) for index, extent in zip(indices, put.shape)}
    return all(n == 1 or axis - len(shape) in counted for axis, n in enumerate(shape))


def _axis_counted(index: Node, shape: Shape, extent: int) -> int | None:
    """The axis, from the end, along which alone an index of this shape changes, by one at each step; None where that is not certain."""
    while index.op.name == "broadcast":
        (index,) = index.inputs
    long = [axis - len(index.shape) for axis, n in enumerate(index.shape) if n != 1]
    if len(long) != 1 or index.size > extent or index.size != shape[long[0]]:
        return None
    while index.dtype == int64 and (index.op.name in AS_THEY_ARE or _is_shifted(index)):
        index = index.inputs[0]
    return long[0] if index.dtype == int64 and index.kind == "create" and index.op.scalar == "{i}" and index.size == shape[long[0]] else None


def _is_shifted(node: Node) -> bool:
    """Whether a node is another with a constant added."""
    return node.op.name in ("add", "subtract") and node.inputs[0].shape == node.shape and node.inputs[1].op is CONSTANT
