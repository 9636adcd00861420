"""The walker: one native function that runs every program of kernels. Imported only when it has to be compiled."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, registry
from numba.core.compiler_lock import global_compiler_lock

from .words import compile_lean, object_code, word

TUPLE_ITEMS, ARRAY_DATA = 3, 2  # where CPython and NumPy keep them, in words: PyTupleObject.ob_item, PyArrayObject.data


@word
def call_address(typing: Any, address: Any, args: Any) -> Any:
    """Call a kernel: status of `address(result*, error**, args)`, or 1 if it returned non-zero."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = ir.IntType(64)
        result = cgutils.alloca_once(builder, number)
        error = cgutils.alloca_once(builder, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.IntType(32), [number.as_pointer(), ir.IntType(8).as_pointer().as_pointer(), number.as_pointer()])
        function = builder.inttoptr(values[0], kind.as_pointer())
        builder.call(function, [result, error, values[1]])
        return builder.load(result)

    return types.int64(types.int64, types.CPointer(types.int64)), generate


@word
def words_at(typing: Any, address: Any) -> Any:
    """An address as a pointer to 64-bit words."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), generate


@word
def address_of_word(typing: Any, pointer: Any, k: Any) -> Any:
    """The address of word `k` behind a pointer, itself a pointer."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.gep(values[0], [values[1]])

    return types.CPointer(types.int64)(types.CPointer(types.int64), types.int64), generate


def walk(program: int, arrays: int) -> int:
    """The native machine: runs the steps of a program, an array of words, on a tuple of arrays, both given as objects'
    addresses. 0, or 1 + the step that failed.

    A program is words: steps, arrays, then for each step: address, count, and (where, value) for each argument. `where` is
    -1 for the value itself, -2 for an offset in the arena (the last array), else the number of the array it is an offset in.
    """
    code = words_at(words_at(program)[ARRAY_DATA])
    objects = words_at(arrays)
    count = code[1]
    arena = words_at(objects[TUPLE_ITEMS + count - 1])[ARRAY_DATA]
    room = words_at(arena)
    for k in range(count):
        room[k] = words_at(objects[TUPLE_ITEMS + k])[ARRAY_DATA]
    args = address_of_word(room, count)
    at = 2
    for step in range(code[0]):
        address = code[at]
        n = code[at + 1]
        at += 2
        for k in range(n):
            where = code[at + 2 * k]
            value = code[at + 2 * k + 1]
            if where == -1:
                args[k] = value
            elif where == -2:
                args[k] = arena + value
            else:
                args[k] = room[where] + value
        at += 2 * n
        if call_address(address, args) != 0:
            return step + 1
    return 0


@global_compiler_lock
def compile_walker() -> tuple[bytes, str]:
    """(object code, symbol) of `walk` as CPython calls a function of one argument, `(program, arrays)` → int; the interpreter's
    lock is let go meanwhile."""
    library, symbol = compile_lean(walk, (types.int64, types.int64))
    entry = registry.cpu_target.target_context.codegen().create_library("tracejit.walker")
    entry.enable_object_caching()
    entry.add_linking_library(library)
    module = entry.create_ir_module("tracejit.walker")
    number, status, pointer = ir.IntType(64), ir.IntType(32), ir.IntType(8).as_pointer()

    def outside(name: str, result: Any, *operands: Any) -> Any:
        return ir.Function(module, ir.FunctionType(result, operands), name)

    body = outside("tracejit_walk", number, number, number)
    builder = ir.IRBuilder(body.append_basic_block())
    result, error = builder.alloca(number), builder.alloca(pointer)
    thread = builder.call(outside("PyEval_SaveThread", pointer), [])
    builder.call(outside(symbol, status, number.as_pointer(), pointer.as_pointer(), number, number), [result, error, *body.args])
    builder.call(outside("PyEval_RestoreThread", ir.VoidType(), pointer), [thread])
    builder.ret(builder.call(outside("PyLong_FromLongLong", number, number), [builder.load(result)]))
    entry.add_ir_module(module)
    entry.finalize()
    return object_code(entry), body.name
