"""Values that pass through an empty piece of assembly, so that LLVM sees no further.

LLVM puts the instructions of a loop in an order that needs few registers: all that is done to the first vector of a value, then all to
the second, and so on. Each of these chains waits for itself, and the processor looks too few instructions ahead to run them side by
side. So now and then a value's registers are held abreast: none of them can go on before the others have come that far.

And what is chosen between an element and another value, and stored in the element's place, LLVM makes a store of some lanes. That
takes AMD's processors ten times as long as storing them all, so they are all stored.
"""

from __future__ import annotations

from .assembly import BITS, Value, type_of
from .machine import any_register, register_bytes
from .pairs import REAL, Assembly, by_parts

EVERY = 16  # instructions


def abreast(out: Assembly, value: Value) -> Value:
    """The value; held until all its registers are there, if it has several and enough instructions have passed since the last time."""
    if value.kind in REAL:
        return by_parts(lambda part: abreast(out, part), value)
    if len(out.lines) - out.held < EVERY or _registers(out, value) < 2:
        return value
    return _through_assembly(out, value)


def in_all_lanes(out: Assembly, value: Value) -> Value:
    """The value, to be stored in all lanes though it is chosen from what is there already."""
    return _through_assembly(out, value) if value.text in out.selected and _registers(out, value) else value


def _registers(out: Assembly, value: Value) -> int:
    """How many vector registers a value fills; 0 where it is none that can be held in them."""
    if not out.in_vectors or value.kind not in BITS or not 8 <= BITS[value.kind] <= 64 or value.text[0] != "%" or any_register() is None:
        return 0
    count, rest = divmod(value.lanes * BITS[value.kind], 8 * register_bytes())
    return 0 if rest or count & (count - 1) else count


def _through_assembly(out: Assembly, value: Value) -> Value:
    count, constraint = _registers(out, value), any_register()
    lanes, kind = value.lanes // count, value.kind
    whole, part = type_of(kind, value.lanes), type_of(kind, lanes)
    if count == 1:
        return value._replace(text=out.emit(f'call {part} asm "", "={constraint},0"({part} {value.text})'))
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
