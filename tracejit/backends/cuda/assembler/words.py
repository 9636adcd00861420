"""The words that kernel text has on a GPU: those of the CPU, some of them otherwise, and what a thread asks of its place and of its neighbours."""

from __future__ import annotations

from functools import reduce
from typing import Any

from ...llvm import access, words
from ...llvm.assembly import BITS, LLVM, Value, literal, type_of
from ...llvm.pairs import Assembly, by_parts
from ...text import remainders

WIDEST = 16  # bytes of one access of a thread
WARP, WORD = 32, 32  # threads that exchange values, and the bits of what they exchange
ALL = -1  # the mask of a warp whose threads all take part


class ThreadAssembly(Assembly):
    """The instructions of one thread. whole: whether the elements of a pack lie at a multiple of its size in memory."""

    in_vectors = False
    whole = False

    def alignment(self, kind: str, lanes: int = 1) -> int:
        one = super().alignment(kind)
        return min(one * lanes, WIDEST) if self.whole else one

    def loop(self, turns: int = 1) -> str:
        """The name of a note for LLVM at a loop: how many turns are done together."""
        self.count += 1
        wanted = '!{!"llvm.loop.unroll.disable"}' if turns == 1 else f'!{{!"llvm.loop.unroll.count", i32 {turns}}}'
        self.declarations[f"!{self.count}"] = f"!{self.count} = distinct !{{!{self.count}, {wanted}}}"
        return f"!{self.count}"

    def leave(self, value: str) -> None:
        self.do("ret void")

    def chosen(self, value: Value, lane: Value) -> Value:
        """The element of one lane, whose number is not known: by selections, for registers have no addresses."""
        if value.lanes == 1:
            return value
        found, *others = self._elements(value)
        for number, element in enumerate(others, 1):
            found = self.select(self.compare("==", lane, literal(number)), element, found)
        return found

    def _elements(self, value: Value) -> list[Value]:
        type_ = type_of(value.kind, value.lanes)
        return [Value(self.emit(f"extractelement {type_} {value.text}, i32 {lane}"), value.kind) for lane in range(value.lanes)]

    def any_lane(self, condition: Value) -> Value:
        if condition.lanes == 1:
            return condition
        condition = self.binary("&", condition, self.mask()) if self.masks else condition
        return reduce(lambda a, b: self.instruction("or", a, b), self._elements(condition))


# Arguments and arrays


def _pointer(kind: str) -> words.Word:
    def pointer(out: Assembly, args: Value | tuple[Value, ...], k: Value) -> Value:
        """A kernel's memory is the GPU's: said once, LLVM knows it of every access."""
        word = access.load(out, args, k) if isinstance(args, Value) else args[k.literal]
        there = out.emit(f"inttoptr i64 {word.text} to ptr addrspace(1)")
        return Value(out.emit(f"addrspacecast ptr addrspace(1) {there} to ptr"), f"pointer {kind}")

    return pointer


def _local(kind: str) -> words.Word:
    def local(out: Assembly, count: Value) -> Value:
        return access.local_array(out, kind, _number(count))

    return local


def _shared(kind: str) -> words.Word:
    def shared(out: Assembly, count: Value) -> Value:
        """An array of the block's."""
        symbol, stored = f"@shared{out.name()[2:]}", LLVM["u8" if kind == "boolean" else kind]
        out.declarations[symbol] = f"{symbol} = internal addrspace(3) global [{_number(count)} x {stored}] undef, align {WIDEST}"
        return Value(out.emit(f"addrspacecast ptr addrspace(3) {symbol} to ptr"), f"pointer {kind}")

    return shared


def _number(count: Value) -> int:
    if count.literal is None:
        raise TypeError("an array of a GPU's thread or block has a number of elements that its text tells")
    return count.literal


# Threads


def _place(register: str) -> words.Word:
    def place(out: Assembly) -> Value:
        name = f"llvm.nvvm.read.ptx.sreg.{register}"
        out.declare(name, "i32", [])
        return out.cast(Value(out.emit(f"call i32 @{name}()"), "u32"), "i64")

    return place


def _at_most(out: Assembly, count: Value) -> None:
    """A block has at most so many threads, which share a processor's registers. Without a word there are enough for 256."""
    out.declarations["!0"] = f'!nvvm.annotations = !{{!0}}\n!0 = !{{ptr @kernel, !"maxntidx", i32 {_number(count)}}}'


def _words_at_most(out: Assembly, count: Value) -> None:
    """A kernel looks its words up by numbers that it works out, and has so many of them: they are one argument, by value."""


def _together(out: Assembly) -> None:
    out.declare("llvm.nvvm.barrier0", "void", [])
    out.do("call void @llvm.nvvm.barrier0()")


def _exchange(form: str) -> words.Word:
    """The value of another thread of the warp: of that whose number differs by some bits ("bfly"), or of one number ("idx")."""

    def exchange(out: Assembly, x: Value, number: Value) -> Value:
        x = out.typed(x)
        if x.imag:
            return by_parts(lambda part: exchange(out, part, number), x)
        if BITS[x.kind] < WORD:
            return out.cast(exchange(out, out.cast(x, "i32"), number), x.kind)
        name = f"llvm.nvvm.shfl.sync.{form}.i32"
        out.declare(name, "i32", ["i32"] * 4)
        number = out.cast(number, "i32")
        whole, count = type_of(x.kind, x.lanes), x.lanes * BITS[x.kind] // WORD
        halves = found = out.emit(f"bitcast {whole} {x.text} to <{count} x i32>")
        for k in range(count):
            half = out.emit(f"extractelement <{count} x i32> {halves}, i32 {k}")
            half = out.emit(f"call i32 @{name}(i32 {ALL}, i32 {half}, i32 {number.text}, i32 {WARP - 1})")
            found = out.emit(f"insertelement <{count} x i32> {found}, i32 {half}, i32 {k}")
        return x._replace(text=out.emit(f"bitcast <{count} x i32> {found} to {whole}"))

    return exchange


# Integers


def _unsigned(instruction: str) -> words.Word:
    """Of numbers from 0 to 2³¹, in 32 bits: a division of 64 bits takes four times as many instructions."""

    def unsigned(out: Assembly, a: Value, b: Value) -> Value:
        a, b = (out.cast(out.typed(v), "u32") for v in (a, b))
        return out.cast(out.instruction(instruction, *out.alike(a, b)), "i64")

    return unsigned


def wrap(i: Any, n: Any) -> Any:
    """An index on an axis of n elements; a negative one counts from the end, and one out of bounds is brought to the nearest within."""
    i = i + n if i < 0 else i
    i = i if i < n else n - 1
    return i if i > 0 else i - i


# Floats of 16 bits


def _f16_load(out: Assembly, h: Value) -> Value:
    half, single = type_of("u16", h.lanes).replace("i16", "half"), type_of("f32", h.lanes)
    bits = out.emit(f"bitcast {type_of('u16', h.lanes)} {h.text} to {half}")
    return Value(out.emit(f"fpext {half} {bits} to {single}"), "f32", h.lanes)


def _small_store(name: str) -> words.Word:
    def store(out: Assembly, x: Value) -> Value:
        x, bits = out.cast(x, "f32"), type_of("u16", x.lanes)
        small = bits.replace("i16", name)
        rounded = out.emit(f"fptrunc {type_of('f32', x.lanes)} {x.text} to {small}")
        return Value(out.emit(f"bitcast {small} {rounded} to {bits}"), "u16", x.lanes)

    return store


# What kernel text may say here. A routine of the host's cannot be called, and what is a function of text is none of these words.
WORDS: dict[str, Any] = {
    **{name: word for name, word in words.WORDS.items() if not name.startswith("call") and name != "fmod"},
    **{f"{kind}_pointer": _pointer(kind) for kind in BITS},
    **{f"lanes_{kind}": _local(kind) for kind in BITS},
    **{f"shared_{kind}": _shared(kind) for kind in BITS},
    "thread": _place("tid.x"), "threads": _place("ntid.x"), "block": _place("ctaid.x"), "blocks": _place("nctaid.x"),
    "threads_at_most": _at_most, "words_at_most": _words_at_most, "together": _together, "swapped": _exchange("bfly"), "from_thread": _exchange("idx"),
    "divided": _unsigned("udiv"), "left": _unsigned("urem"),
    "f16_load": _f16_load, "f16_store": _small_store("half"), "bf16_store": _small_store("bfloat"),
}  # fmt: skip
MEETINGS = ("together", "swapped", "from_thread")
TEXTS: dict[str, Any] = {"fmod": remainders.fmod, "wrap": wrap}
