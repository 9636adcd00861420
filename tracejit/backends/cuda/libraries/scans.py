"""Running sums and products, and the recurrence that their derivatives are made of: kernels of our own, for a library's order depends on more than shapes.

A line is what one thread goes through, element after element as the CPU does. Where there are too few axes' worth of lines to fill a GPU, an axis is
cut into parts of PART elements: their totals are scanned by the same routine, and each part begins with the total of those before.
"""

from __future__ import annotations

from math import prod
from typing import Any, Callable, Sequence

from ....device import DeviceArray
from ....ops.casts import cast
from ....spec import SHORT_NAMES, DType, Shape, compute_dtype, is_complex
from ..text.schedule import THREADS, blocks_for

LINES = 1 << 14  # which fill a GPU
PART = 64

TEXT = """def kernel(args):
    # h = {first} of the first element of a line, and then {next} for each; lines walk an axis, or a part of it
    {arrays}
    y = {kind}_pointer(args, 2)
    before = {kind}_pointer(args, 3)
    n = args[4]
    inner = args[5]
    parts = args[6]
    length = args[7]
    forward = args[8]
    for t in range(block() * threads() + thread(), args[9], blocks() * threads()):
        part = t // inner % parts
        outer = t // inner // parts
        first = part * length
        count = length if first + length < n else n - first
        step = inner if forward > 0 else i64(0) - inner
        at = (outer * n + (first if forward > 0 else n - 1 - first)) * inner + t % inner
        h = {first}
{begin}
        for i in range(1, count):
            at += step
            h = {next}
            {keep}
        {total}
"""
# Of a part: it begins with what those before have come to, and keeps every element; or it tells its total alone.
BEGIN = """        if part > 0:
            h = {joined}
        y[at] = h"""
KEPT = {"begin": "        y[at] = h", "keep": "y[at] = h", "total": ""}
TOTAL = {"begin": "", "keep": "", "total": "y[t] = h"}


def _join(kind: str, word: str) -> str:
    """How what came before, and an element, are joined."""
    if word == "sum":
        return "{0} + {1}"
    return "plain_product({0}, {1})" if kind in ("c64", "c128") else "{0} * {1}"


def running(word: str) -> Callable[..., None]:
    """The ops `running_sum` and `running_product`."""

    def run(device: Any, results: Sequence[DeviceArray], operands: Sequence[DeviceArray], attrs: dict[str, Any]) -> None:
        (result,), (x,), axis = results, operands, attrs["axis"]
        wide = compute_dtype(result.dtype)
        target = result if result.dtype == wide else device.empty(result.shape, wide)
        shape = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
        _scan(device, word, target, _in_order(device, x, wide), shape, not attrs["reverse"])
        if target is not result:
            device.write(result, target)

    return run


def _in_order(device: Any, x: DeviceArray, dtype: DType) -> DeviceArray:
    """x in a dtype, contiguous."""
    if x.dtype != dtype:
        return device.apply(cast, (x,), {"dtype": dtype})
    return x if x.flags.c_contiguous else device.copied(x)


def _scan(device: Any, word: str, result: DeviceArray, x: DeviceArray, shape: Shape, forward: bool) -> None:
    outer, n, inner = shape
    kind = SHORT_NAMES[result.dtype]
    join = _join(kind, word)
    element = {"kind": kind, "arrays": f"x = {kind}_pointer(args, 0)", "first": "x[at]", "next": join.format("h", "x[at]")}
    parts = 1 if outer * inner >= LINES or n <= 2 * PART else -(-n // PART)
    words = [result.address, n, inner, parts, PART if parts > 1 else n, 1 if forward else -1, outer * parts * inner]
    if parts == 1:
        _launch(device, TEXT.format(**element, **KEPT), [x.address, 0, words[0], 0, *words[1:]])
        return
    totals, sums = (device.empty((outer, parts, inner), result.dtype) for _ in range(2))
    _launch(device, TEXT.format(**element, **TOTAL), [x.address, 0, totals.address, 0, *words[1:]])
    _scan(device, word, sums, totals, (outer, parts, inner), True)
    begin = BEGIN.format(joined=join.format("before[t - inner]", "h"))
    _launch(device, TEXT.format(**element, **{**KEPT, "begin": begin}), [x.address, 0, words[0], sums.address, *words[1:]])


def recurrence(device: Any, results: Sequence[DeviceArray], operands: Sequence[DeviceArray], attrs: dict[str, Any]) -> None:
    """The op `recurrence`: a line is a whole axis, for its parts cannot be joined without products that may overflow."""
    (result,), axis = results, attrs["axis"]
    wide = compute_dtype(result.dtype)
    a, b = (_in_order(device, x, wide) for x in operands)
    target = result if result.dtype == wide else device.empty(result.shape, wide)
    n, inner = b.shape[axis], prod(b.shape[axis + 1 :])
    kind = SHORT_NAMES[wide]
    product = "plain_product(a[at], h)" if is_complex(result.dtype) else "a[at] * h"
    arrays = f"a = {kind}_pointer(args, 0)\n    b = {kind}_pointer(args, 1)"
    text = TEXT.format(kind=kind, arrays=arrays, first="b[at]", next=f"b[at] + {product}", **KEPT)
    _launch(device, text, [a.address, b.address, target.address, 0, n, inner, 1, n, -1 if attrs["reverse"] else 1, b.size // n])
    if target is not result:
        device.write(result, target)


def _launch(device: Any, text: str, words: list[int]) -> None:
    device.driver.launch(device.function_of(text), blocks_for(device, words[-1]), THREADS, words)
