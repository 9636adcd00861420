"""Loads and stores: one element for all lanes, as many side by side as there are lanes, or each lane's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .abreast import in_all_lanes
from .assembly import BITS, LLVM, Value, literal, type_of
from .pairs import REAL, Assembly, by_parts, paired, parts


def local_array(out: Assembly, kind: str, count: int | Value) -> Value:
    """Room for elements until the function returns: a few, on the stack; or as many as are known when a kernel begins, which may
    be more than a thread of the user's has stack for. Complex elements are kept as two arrays of parts."""
    if kind in REAL:
        real, imag = [local_array(out, REAL[kind], count) for _ in range(2)]
        return Value(real.text, f"pointer {kind}", imag=imag.text)
    name = out.name()
    stored = "u8" if kind == "boolean" else kind
    if isinstance(count, Value) and count.literal is None:
        out.declare("malloc", "ptr", ["i64"])
        out.declare("free", "void", ["ptr"])
        size = out.binary("*", count, Value(str(BITS[stored] // 8), "i64"))
        out.do(f"{name} = call ptr @malloc(i64 {size.text})")
        out.taken.append(name)
    else:
        out.first.append(f"  {name} = alloca [{count.literal if isinstance(count, Value) else count} x {LLVM[stored]}], align 64")
    return Value(name, f"pointer {kind}")


def address(out: Assembly, pointer: Value, index: Value) -> tuple[str, str]:
    """(address, kind) of an element; of lane 0's, if the index grows from lane to lane."""
    kind = pointer.kind.split()[1]
    index = out.typed(index, "i64")
    return out.emit(f"getelementptr {LLVM[kind]}, ptr {pointer.text}, {type_of('i64', index.lanes)} {index.text}"), kind


def load(out: Assembly, pointer: Value, index: Value) -> Value:
    """`pointer[index]`: side by side, every other element, one for all lanes, or gathered."""
    if pointer.kind == "pointer boolean":  # bytes
        return out.truth(load(out, pointer._replace(kind="pointer u8"), index))
    if index.step == "2" and out.width % 2 == 0 and out.in_vectors:
        return _every_other(out, pointer, index)
    contiguous = index.step == "1"
    if not contiguous and (index.step is not None or index.lanes > 1):
        index = out.spread(index)
    if pointer.kind.removeprefix("pointer ") in REAL:
        side_by_side = contiguous and not pointer.imag
        return _alternating(out, pointer, index) if side_by_side else paired(*[load(out, *place) for place in _part_places(out, pointer, index)])
    place, kind = address(out, pointer, index)
    lanes = out.width if contiguous or index.lanes > 1 else 1
    size = out.alignment(kind, lanes if contiguous else 1)
    type_ = type_of(kind, lanes)
    if lanes == 1 and out.masks:  # perhaps no lane counts, and there is no such place
        place = out.emit(f"select i1 {out.any_lane(out.mask()).text}, ptr {place}, ptr {pointer.text}")
    if lanes == 1 or (contiguous and not out.masks):
        return Value(out.emit(f"load {type_}, ptr {place}, align {size}"), kind, lanes)
    mask, suffix = out.mask().text, f"v{lanes}{'f' if kind[0] == 'f' else 'i'}{BITS[kind]}"
    if contiguous:
        return _masked(out, f"llvm.masked.load.{suffix}.p0", type_, [("ptr", place)], size, mask, kind)
    return _masked(out, f"llvm.masked.gather.{suffix}.v{lanes}p0", type_, [(f"<{lanes} x ptr>", place)], size, mask, kind)


def _every_other(out: Assembly, pointer: Value, index: Value) -> Value:
    """From two vectors, of which the second ends with what the last lane reads, the elements of every other place."""
    width, masks = out.width, out.masks
    mask, half = out.mask(), width // 2
    found = []
    for skipped in (0, width - 1):  # of the elements that lanes read between
        if masks:
            read = [(skipped + k) // 2 if (skipped + k) % 2 == 0 else width for k in range(width)]
            kind = type_of("boolean", width)
            out.masks = [mask._replace(text=out.emit(f"shufflevector {kind} {mask.text}, {kind} zeroinitializer, {_numbers(read)}"))]
        found.append(load(out, pointer, out.binary("+", index, Value(str(skipped), "i64"))._replace(step="1")))
    out.masks = masks
    chosen = [2 * k if k < half else 2 * k + 1 for k in range(width)]
    near, far = found
    return by_parts(lambda a, b: _shuffled(out, a, b, chosen), near, far) if near.imag else _shuffled(out, near, far, chosen)


def _shuffled(out: Assembly, a: Value, b: Value, chosen: list[int]) -> Value:
    """Of the elements of two vectors in a row, those of these numbers."""
    type_ = type_of(a.kind, a.lanes)
    return Value(out.emit(f"shufflevector {type_} {a.text}, {type_} {b.text}, {_numbers(chosen)}"), a.kind, len(chosen))


# Complex numbers: their parts alternate in memory, but for local arrays


def _part_places(out: Assembly, pointer: Value, index: Value) -> list[tuple[Value, Value]]:
    """Where the parts of an element lie: (pointer, index) among real numbers."""
    if pointer.imag:
        kind = f"pointer {REAL[pointer.kind.removeprefix('pointer ')]}"
        return [(Value(place, kind), index) for place in pointer.registers]
    real = pointer._replace(kind=f"pointer {REAL[pointer.kind.removeprefix('pointer ')]}")
    first = out.binary("*", index, literal(2))
    return [(real, first), (real, out.binary("+", first, literal(1)))]


def _alternating(out: Assembly, pointer: Value, index: Value) -> Value:
    """As many elements as there are lanes, side by side: one vector of both parts, taken apart."""
    width = out.width
    real, first = _part_places(out, pointer, index._replace(step=None))[0]
    with _twice_as_wide(out):
        both = load(out, real, first._replace(step="1"))
    return paired(*[_shuffled(out, both, both, list(range(part, 2 * width, 2))) for part in (0, 1)])


def _store_alternating(out: Assembly, pointer: Value, index: Value, value: Value) -> None:
    width = out.width
    both = _shuffled(out, *parts(value), [lane + part * width for lane in range(width) for part in (0, 1)])
    real, first = _part_places(out, pointer, index._replace(step=None))[0]
    with _twice_as_wide(out):
        store(out, real, first._replace(step="1"), both)


@contextmanager
def _twice_as_wide(out: Assembly) -> Iterator[None]:
    """With two lanes in the place of each, which count where it does."""
    width, masks = out.width, out.masks
    if masks:
        mask = out.mask()
        out.masks = [_shuffled(out, mask, mask, [lane for lane in range(width) for _ in (0, 1)])]
    out.width = 2 * width
    yield
    out.width, out.masks = width, masks


def _numbers(numbers: list[int]) -> str:
    return f"<{len(numbers)} x i32> <{', '.join(f'i32 {k}' for k in numbers)}>"


def _masked(out: Assembly, name: str, type_: str, operands: list[tuple[str, str]], size: int, mask: str, kind: str) -> Value:
    kinds = [k for k, _ in operands]
    out.declare(name, type_, [*kinds, "i32", type_of("boolean", out.width), type_])
    shown = ", ".join(f"{k} {v}" for k, v in operands)
    text = f"call {type_} @{name}({shown}, i32 {size}, {type_of('boolean', out.width)} {mask}, {type_} zeroinitializer)"
    return Value(out.emit(text), kind, out.width)


def store(out: Assembly, pointer: Value, index: Value, value: Value) -> None:
    """`pointer[index] = value`"""
    if pointer.kind == "pointer boolean":
        return store(out, pointer._replace(kind="pointer u8"), index, out.cast(out.typed(value, "boolean"), "u8"))
    contiguous = index.step == "1"
    if not contiguous and (index.step is not None or index.lanes > 1):
        index = out.spread(index)
    kind = pointer.kind.removeprefix("pointer ")
    value = out.typed(value, kind)
    if kind in REAL:
        if contiguous and not pointer.imag:
            return _store_alternating(out, pointer, index, out.spread(value))
        for (real, at), part in zip(_part_places(out, pointer, index), parts(value)):
            store(out, real, at, part)
        return
    place, _ = address(out, pointer, index)
    size = out.alignment(kind, out.width if contiguous else 1)
    if not contiguous and index.lanes == 1:
        if value.lanes > 1:
            raise TypeError("lanes that are stored to one place")
        out.do(f"store {type_of(kind)} {value.text}, ptr {place}, align {size}")
        return
    value = out.spread(value)
    type_ = type_of(kind, out.width)
    if contiguous and not out.masks:
        out.do(f"store {type_} {in_all_lanes(out, value).text}, ptr {place}, align {size}")
        return
    suffix = f"v{out.width}{'f' if kind[0] == 'f' else 'i'}{BITS[kind]}"
    where = "ptr" if contiguous else f"<{out.width} x ptr>"
    name = f"llvm.masked.store.{suffix}.p0" if contiguous else f"llvm.masked.scatter.{suffix}.v{out.width}p0"
    booleans = type_of("boolean", out.width)
    out.declare(name, "void", [type_, where, "i32", booleans])
    out.do(f"call void @{name}({type_} {value.text}, {where} {place}, i32 {size}, {booleans} {out.mask().text})")


def each_lane(out: Assembly, function: str, kind: str, *values: Value) -> Value:
    """What a function of one element of each value gives: called lane by lane, in a loop through memory."""
    lanes, type_ = values[0].lanes, type_of(kind)
    if lanes == 1:
        return Value(out.emit(f"call {type_} @{function}({', '.join(f'{type_of(v.kind)} {v.text}' for v in values)})"), kind)
    rooms = [local_array(out, v.kind, lanes).text for v in values]
    results = local_array(out, kind, lanes).text
    for value, room in zip(values, rooms):
        out.do(f"store {type_of(value.kind, lanes)} {value.text}, ptr {room}, align 64")
    before, head, after = out.block, out.label("each"), out.label("after")
    out.jump(head)
    out.begin(head)
    lane = out.emit(f"phi i64 [ 0, %{before} ]")
    place = len(out.lines) - 1
    parts = []
    for value, room in zip(values, rooms):
        at = out.emit(f"getelementptr {type_of(value.kind)}, ptr {room}, i64 {lane}")
        parts.append(f"{type_of(value.kind)} {out.emit(f'load {type_of(value.kind)}, ptr {at}')}")
    result = out.emit(f"call {type_} @{function}({', '.join(parts)})")
    out.do(f"store {type_} {result}, ptr {out.emit(f'getelementptr {type_}, ptr {results}, i64 {lane}')}")
    following = out.emit(f"add i64 {lane}, 1")
    out.lines[place] += f", [ {following}, %{head} ]"
    out.do(f"br i1 {out.emit(f'icmp ult i64 {following}, {lanes}')}, label %{head}, label %{after}")
    out.begin(after)
    return Value(out.emit(f"load {type_of(kind, lanes)}, ptr {results}, align 64"), kind, lanes)
