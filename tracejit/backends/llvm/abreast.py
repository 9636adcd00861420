"""The vectors of a value that takes several registers, kept abreast.

LLVM puts the instructions of a loop in an order that needs few registers: all that is done to the first vector, then all to the
second, and so on. Each of these chains waits for itself, and the processor looks too few instructions ahead to run them side by
side. So now and then a value's registers pass through an empty piece of assembly together: none of them can go on before the
others have come that far.
"""

from __future__ import annotations

from .assembly import BITS, Assembly, Value, type_of
from .machine import any_register, register_bytes

EVERY = 16  # instructions


def abreast(out: Assembly, value: Value) -> Value:
    """The value; held until all its registers are there, if enough instructions have passed since the last time."""
    if len(out.lines) - out.held < EVERY or value.kind not in BITS or not 8 <= BITS[value.kind] <= 64 or value.text[0] != "%":
        return value
    count = value.lanes * BITS[value.kind] // (8 * register_bytes())
    constraint = any_register()
    if count < 2 or count & (count - 1) or value.lanes % count or constraint is None:
        return value
    lanes, kind = value.lanes // count, value.kind
    whole, part = type_of(kind, value.lanes), type_of(kind, lanes)
    parts = [out.emit(f"shufflevector {whole} {value.text}, {whole} poison, {_numbers(k * lanes, lanes)}") for k in range(count)]
    together = f"{{ {', '.join([part] * count)} }}"
    constraints = ",".join([f"={constraint}"] * count + [str(k) for k in range(count)])
    held = out.emit(f'call {together} asm "", "{constraints}"({", ".join(f"{part} {p}" for p in parts)})')
    parts = [out.emit(f"extractvalue {together} {held}, {k}") for k in range(count)]
    while len(parts) > 1:
        part, lanes = type_of(kind, lanes), 2 * lanes
        pairs = zip(parts[::2], parts[1::2])
        parts = [out.emit(f"shufflevector {part} {a}, {part} {b}, {_numbers(0, lanes)}") for a, b in pairs]
    out.held = len(out.lines)
    return value._replace(text=parts[0])


def _numbers(first: int, count: int) -> str:
    return f"<{count} x i32> <{', '.join(f'i32 {k}' for k in range(first, first + count))}>"
