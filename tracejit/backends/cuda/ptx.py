"""Kernel text to PTX, by the translator of the CPU's kernels and LLVM's target for NVIDIA's GPUs.

A kernel is one function, called with its arguments as 64-bit words. What it calls stands beside it: a GPU's code is linked to nothing.
LLVM contracts nothing and keeps denormals, so arithmetic has the CPU's bits.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from types import FunctionType
from typing import Any, Iterable, Iterator

from ..llvm.assembly import Value, type_of
from ..llvm.calls import called_in
from ..llvm.expressions import Module
from ..llvm.machine import compiler, optimised
from ..llvm.translate import Translator
from .words import TEXTS, WORDS, ThreadAssembly

TRIPLE = "nvptx64-nvidia-cuda"
FEATURES = "+ptx80"  # PTX 8.0: what CUDA 12 and later read


def ptx_of(text: str, arch: str = "sm_90") -> str:
    """The PTX of a kernel's text: the function `kernel`, of 64-bit words. Raises TypeError for what kernel text cannot say."""
    target = _target(arch)
    return target.emit_assembly(optimised(assembly_of(text), target))


def assembly_of(text: str) -> str:
    """The kernel, and all functions that it calls, as one module in LLVM's assembly language."""
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    texts = {module.symbol: module.text for module in _with_called(ThreadTranslator().module(function))}
    lines = [line for text in texts.values() for line in text.splitlines()]
    outside = dict.fromkeys(line for line in lines if line[:1] in ("d", "@") and not line.startswith("define"))
    beside = [line for line in outside if _declared(line) not in texts]
    return "\n".join([f'target triple = "{TRIPLE}"', *beside, *(line for line in lines if line not in outside), ""])


def _with_called(module: Module) -> Iterator[Module]:
    yield module
    for inner in module.called:
        yield from _with_called(inner)


def _declared(line: str) -> str:
    return line.partition("@")[2].partition("(")[0]


@lru_cache(maxsize=None)
def _target(arch: str) -> Any:
    llvm = compiler()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=arch, features=FEATURES, opt=3)


class ThreadTranslator(Translator):
    """What one thread does: a pack of neighbouring elements in lanes, which LLVM takes apart."""

    assembly, words, own = ThreadAssembly, WORDS, TEXTS
    side_by_side = ("lanes", "loose")
    out: ThreadAssembly

    def __init__(self) -> None:
        super().__init__()
        self.kernel = ""  # the name of the kernel that is being translated; "" in a function that it calls

    def module(self, function: ast.FunctionDef) -> Module:
        (args,) = function.args.args
        values = [Value(f"%a{k}", "i64") for k in range(_arguments(function, args.arg))]
        self.kernel, self.calls = function.name, called_in(function)
        self.statements(function.body, {args.arg: tuple(values)})
        if not isinstance(function.body[-1], ast.Return):
            self.out.leave("")
        return self.module_of(function.name, Value("", "i64"), values)

    def head(self, symbol: str, result: Value, operands: Iterable[Value]) -> str:
        parameters = ", ".join(f"{type_of(v.kind)} {v.text}" for v in operands)
        if symbol == self.kernel:
            return f"define ptx_kernel void @{symbol}({parameters}) nounwind {{"
        return f"define internal {type_of(result.kind)} @{symbol}({parameters}) noinline nounwind {{"

    def _Return(self, node: ast.Return, env: Any) -> None:
        self.out.leave("")

    def _lanes(self, node: ast.For, env: Any, start: Value, stop: Value) -> None:
        """A pack. In `lanes` its elements lie at a multiple of its size in memory, in `loose` anywhere."""
        if start.literal is None or stop.literal is None:
            raise TypeError("a pack has a number of elements that its text tells")
        self.out.whole = node.iter.func.id == "lanes"  # type: ignore[attr-defined]
        super()._lanes(node, env, start, stop)
        self.out.whole = False

    # Functions

    def _called_or_not(self, function: FunctionType, operands: list[Value]) -> Value:
        return self._apart(function, *operands)

    def _apart(self, function: FunctionType, *operands: Value) -> Value:
        """A call, for each lane, of a function that stands by itself."""
        out, operands = self.out, self.out.alike(*operands)
        symbol, kind = self._called(function, operands, 1)
        lanes = operands[0].lanes
        called = f"call {type_of(kind)} @{symbol}"
        if lanes == 1:
            return Value(out.emit(f"{called}({', '.join(f'{type_of(v.kind)} {v.text}' for v in operands)})"), kind)
        found = "poison"
        for lane in range(lanes):
            parts = [f"{type_of(v.kind)} {out.emit(f'extractelement {type_of(v.kind, lanes)} {v.text}, i32 {lane}')}" for v in operands]
            one = out.emit(f"{called}({', '.join(parts)})")
            found = out.emit(f"insertelement {type_of(kind, lanes)} {found}, {type_of(kind)} {one}, i32 {lane}")
        return Value(found, kind, lanes)


def _arguments(function: ast.FunctionDef, args: str) -> int:
    """How many words a kernel is called with: as many as the greatest number that it asks for."""
    numbers = [-1]
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == args:
            numbers.append(ast.literal_eval(node.slice))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name) and node.args[0].id == args:
            numbers.append(ast.literal_eval(node.args[1]))
    return max(numbers) + 1
