"""Kernel text to PTX, by the translator of the CPU's kernels and LLVM's target for NVIDIA's GPUs.

A kernel is one function of its arguments, 64-bit words; what it calls stands in it. One that looks its words up by numbers that it works out
(see `bundles.py`) takes them all as one argument, by value. LLVM contracts nothing and keeps denormals, so arithmetic has the CPU's bits.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any, Iterable

from ....runtime import store
from ...llvm import machine
from ...llvm.assembly import WEAK, Value, literal, type_of
from ...llvm.expressions import Env, Module
from ...llvm.translate import Translator, sources
from ...text import elementary, remainders
from . import words
from .words import MEETINGS, TEXTS, WORDS, ThreadAssembly

TRIPLE = "nvptx64-nvidia-cuda"
GENERATIONS = (75, 80, 86, 89, 90, 100, 120)  # that LLVM knows; it ends the process where it is asked for others
PASSES = (*machine.PASSES, "loop_unroll", "instruction_combine", "simplify_cfg")
READS = 4  # on their way at a time that are enough
LONG = 100  # instructions of a function that a pack computes for one element after another


def ptx_of(text: str, arch: str = "sm_90") -> str:
    """The PTX of a kernel's text: the function `kernel`, of 64-bit words. Raises TypeError for what kernel text cannot say."""
    target = _target(arch)
    return target.emit_assembly(machine.optimised(assembly_of(text), target, PASSES))


def assembly_of(text: str) -> str:
    """A kernel as a module in LLVM's assembly language."""
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    return f'target triple = "{TRIPLE}"\n{ThreadTranslator().module(function).text}'


@lru_cache(maxsize=None)
def _target(arch: str) -> Any:
    """The latest generation that has nothing a GPU has not. What it needs of PTX its driver reads."""
    llvm, wanted = machine.compiler(), int(arch.removeprefix("sm_"))
    known = max((number for number in GENERATIONS if number <= wanted), default=GENERATIONS[0])
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=f"sm_{known}", opt=3)


class ThreadTranslator(Translator):
    """What one thread does: a pack of neighbouring elements in lanes, which LLVM takes apart."""

    assembly, words, own = ThreadAssembly, WORDS, TEXTS
    side_by_side = ("lanes", "loose")
    out: ThreadAssembly

    def __init__(self) -> None:
        super().__init__()
        self.seldom = 0  # instructions of texts that are seldom run
        self.local: set[str] = set()  # the kernel's names of arrays that are registers
        self.turns = 1  # of the loop at hand that are done together
        self.row = 0  # how many words the kernel takes as one argument; 0: each is one

    def module(self, function: ast.FunctionDef) -> Module:
        (args,) = function.args.args
        self.row = _words_at_most(function)
        values = [Value("%args", "pointer i64")] if self.row else [Value(f"%a{k}", "i64") for k in range(_arguments(function, args.arg))]
        self.local = _local_arrays(function)
        self.statements(function.body, {args.arg: values[0] if self.row else tuple(values)})
        if not isinstance(function.body[-1], ast.Return):
            self.out.leave("")
        return self.module_of(function.name, Value("", "i64"), values)

    def head(self, symbol: str, result: Value, operands: Iterable[Value]) -> str:
        type_ = f"ptr byval([{self.row} x i64]) align 8" if self.row else "i64"
        return f"define ptx_kernel void @{symbol}({', '.join(f'{type_} {v.text}' for v in operands)}) nounwind {{"

    def _Return(self, node: ast.Return, env: Env) -> None:
        self.out.leave("")

    def _lanes(self, node: ast.For, env: Env, start: Value, stop: Value) -> None:
        """A pack. In `lanes` its elements lie at a multiple of its size in memory, in `loose` anywhere."""
        if start.literal is None or stop.literal is None:
            raise TypeError("a pack has a number of elements that its text tells")
        self.out.whole = node.iter.func.id == "lanes"  # type: ignore[attr-defined]
        super()._lanes(node, env, start, stop)
        self.out.whole = False

    # Loops

    def _range(self, node: ast.For, env: Env, start: Value, stop: Value, step: Value) -> None:
        """Where a loop does nothing to memory but read it, two turns are done together: what the second reads is on its way while the first waits."""
        around, self.turns = self.turns, 2 if _only_reads(node, self.local) else 1
        super()._range(node, env, start, stop, step)
        self.turns = around

    def _While(self, node: ast.While, env: Env) -> None:
        around, self.turns = self.turns, 1
        super()._While(node, env)
        self.turns = around

    def _following(self, counter: Value, step: Value) -> Value:
        return counter._replace(text=self.out.emit(f"add nsw i64 {counter.text}, {step.text}"))

    def _again(self, head: str) -> None:
        self.out.do(f"br label %{head}, !llvm.loop {self.out.loop(self.turns)}")

    # Functions

    def _body(self, function: FunctionType, operands: Iterable[Value]) -> Any:
        operands = tuple(operands)
        if self.world or _lanes_of(operands) == 1 or any(v.imag for v in operands) or _length(function, operands) <= LONG:
            return super()._body(function, operands)
        return self._one_by_one(function, operands)

    def _apart(self, function: FunctionType, *operands: Value) -> Value:
        before = len(self.out.lines)
        found = self._one_by_one(function, operands) if _lanes_of(operands) > 1 else super()._body(function, operands)
        self.seldom += len(self.out.lines) - before
        return found

    def _one_by_one(self, function: FunctionType, operands: tuple[Value, ...]) -> Value:
        """What a function gives of the elements of a pack, in a loop over them: of a long text one copy, and the registers of one element."""
        out, masks, lanes = self.out, self.out.masks, self.out.width
        before, head, after = out.block, out.label("each"), out.label("after")
        out.jump(head)
        out.begin(head)
        lane, found = out.name(), out.name()
        place = len(out.lines)
        out.width, out.masks = 1, []
        number = Value(lane, "i32")
        result = out.typed(super()._body(function, [out.chosen(v, number) for v in operands]))
        following = out.binary("+", number, literal(1))
        goes_on = out.compare("<", following, literal(lanes))
        out.width, out.masks = lanes, masks
        here = out.compare("==", Value(f"<{', '.join(f'i32 {k}' for k in range(lanes))}>", "i32", lanes), out.spread(number))
        whole = out.select(here, result, Value(found, result.kind, lanes))
        out.lines[place:place] = [
            f"  {lane} = phi i32 [ 0, %{before} ], [ {following.text}, %{out.block} ]",
            f"  {found} = phi {type_of(result.kind, lanes)} [ poison, %{before} ], [ {whole.text}, %{out.block} ]",
        ]
        out.do(f"br i1 {goes_on.text}, label %{head}, label %{after}, !llvm.loop {out.loop()}")
        out.begin(after)
        return whole


def _local_arrays(function: ast.FunctionDef) -> set[str]:
    """The names of a thread's own arrays."""
    assigned = [n for n in ast.walk(function) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) and isinstance(n.value.func, ast.Name)]
    return {n.targets[0].id for n in assigned if n.value.func.id.startswith("lanes_")}  # type: ignore[attr-defined]


def _only_reads(node: ast.For, local: set[str]) -> bool:
    """Whether the turns of a loop without loops in it do little but read memory in a few places: they write none, meet no other thread, and
    compute no function that takes longer than a read; and how many there are is known without a division by what the text does not tell."""
    if not all(isinstance(step, ast.Constant) for step in node.iter.args[2:]):  # type: ignore[attr-defined]
        return False
    within = [n for statement in node.body for n in ast.walk(statement)]
    touched = [type(n.ctx) for n in within if isinstance(n, ast.Subscript) and not (isinstance(n.value, ast.Name) and n.value.id in local)]
    called = {n.func.id for n in within if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return set(touched) == {ast.Load} and len(touched) <= READS and not called & {"range", *MEETINGS, *elementary.FUNCTIONS} and not any(isinstance(n, (ast.While, ast.Return)) for n in within)


def _lanes_of(operands: Iterable[Value]) -> int:
    return max((v.lanes for v in operands), default=1)


def _length(function: FunctionType, operands: Iterable[Value]) -> int:
    """How many instructions a function has for one element, but for those that are seldom run."""
    return _length_of(function, tuple(v if v.kind in WEAK else Value("%a", v.kind) for v in operands))


@lru_cache(maxsize=None)
def _length_of(function: FunctionType, operands: tuple[Value, ...]) -> int:
    alone = ThreadTranslator()
    alone._body(function, operands)
    return len(alone.out.lines) - alone.seldom


def _words_at_most(function: ast.FunctionDef) -> int:
    """The number that a kernel's text says by the word of this name; 0 if it does not."""
    called = [n for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "words_at_most"]
    return max((ast.literal_eval(n.args[0]) for n in called), default=0)


def _arguments(function: ast.FunctionDef, args: str) -> int:
    """How many words a kernel is called with: as many as the greatest number that it asks for."""
    numbers = [-1]
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == args:
            numbers.append(ast.literal_eval(node.slice))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name) and node.args[0].id == args:
            numbers.append(ast.literal_eval(node.args[1]))
    return max(numbers) + 1


@lru_cache(maxsize=None)
def version() -> str:
    """What all code made here depends on: the compiler, and the modules that kernel text leans on."""
    own = [Path(__file__).read_text(), *(Path(str(module.__file__)).read_text() for module in (remainders, words))]
    return store.key_of(str(machine.compiler().llvm_version_info), *own, *sources())
