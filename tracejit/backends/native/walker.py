"""The walker: one native function, in LLVM's assembly, that runs every program of kernels.

A program is an array of words: steps, arrays, the address of the thread pool, then for each step: the kernel's address, the number of its
arguments, its grain (with its weight, see `schedule.py`; 0: not to be cut among threads), and (where, value) for each argument. `where` is VALUE for the value itself, ARENA
for an offset in the arena (the last array), else the number of the array that it is an offset in.
"""

from __future__ import annotations

from functools import lru_cache
from string import Template

from . import crew

VALUE, ARENA = -1, -2
SYMBOL = "tracejit_walk"
TUPLE_ITEMS, ARRAY_DATA = 3, 2  # where CPython and NumPy keep them, in words: PyTupleObject.ob_item, PyArrayObject.data

TEXT = """
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyLong_FromLongLong(i64)

; As CPython calls a function of one argument, (program, tuple of arrays) → int, without the interpreter's lock.
define ptr @$symbol(ptr %program, ptr %arrays) {
  %thread = call ptr @PyEval_SaveThread()
  %status = call i64 @walk(ptr %program, ptr %arrays)
  call void @PyEval_RestoreThread(ptr %thread)
  %result = call ptr @PyLong_FromLongLong(i64 %status)
  ret ptr %result
}

; 0, or 1 + the step that failed.
define internal i64 @walk(ptr %program, ptr %arrays) {
  %code_place = getelementptr ptr, ptr %program, i64 $array_data
  %code = load ptr, ptr %code_place
  %count_place = getelementptr i64, ptr %code, i64 1
  %count = load i64, ptr %count_place
  %items = getelementptr ptr, ptr %arrays, i64 $tuple_items
  %last = sub i64 %count, 1
  %arena_item = getelementptr ptr, ptr %items, i64 %last
  %arena_array = load ptr, ptr %arena_item
  %arena_place = getelementptr ptr, ptr %arena_array, i64 $array_data
  %arena = load ptr, ptr %arena_place
  call void @gather(ptr %items, i64 %count, ptr %arena)
  %status = call i64 @run(ptr %code, ptr %arena)
  ret i64 %status
}

; The addresses of arrays' memory, one after the other.
define internal void @gather(ptr %arrays, i64 %count, ptr %addresses) {
entry:
  br label %array
array:
  %a = phi i64 [ 0, %entry ], [ %a_next, %array ]
  %item = getelementptr ptr, ptr %arrays, i64 %a
  %object = load ptr, ptr %item
  %data_place = getelementptr ptr, ptr %object, i64 $array_data
  %data = load ptr, ptr %data_place
  %room = getelementptr ptr, ptr %addresses, i64 %a
  store ptr %data, ptr %room
  %a_next = add i64 %a, 1
  %a_more = icmp slt i64 %a_next, %count
  br i1 %a_more, label %array, label %done
done:
  ret void
}

; Run a program's words. The arena begins with the arrays' addresses; then there is room for one row of arguments.
define internal i64 @run(ptr %code, ptr %arena) {
entry:
  %steps = load i64, ptr %code
  %count_place = getelementptr i64, ptr %code, i64 1
  %count = load i64, ptr %count_place
  %pool_place = getelementptr ptr, ptr %code, i64 2
  %pool = load ptr, ptr %pool_place
  %args = getelementptr i64, ptr %arena, i64 %count
  %first = getelementptr i64, ptr %code, i64 3
  br label %step
step:
  %s = phi i64 [ 0, %entry ], [ %s_next, %ran ]
  %at = phi ptr [ %first, %entry ], [ %behind, %ran ]
  %kernel = load ptr, ptr %at
  %n_place = getelementptr i64, ptr %at, i64 1
  %n = load i64, ptr %n_place
  %grain_place = getelementptr i64, ptr %at, i64 2
  %grain = load i64, ptr %grain_place
  %pairs = getelementptr i64, ptr %at, i64 3
  br label %argument
argument:
  %k = phi i64 [ 0, %step ], [ %k_next, %resolved ]
  %pair = phi ptr [ %pairs, %step ], [ %behind, %resolved ]
  %where = load i64, ptr %pair
  %value_place = getelementptr i64, ptr %pair, i64 1
  %value = load i64, ptr %value_place
  switch i64 %where, label %in_array [ i64 $VALUE, label %resolved
                                       i64 $ARENA, label %in_arena ]
in_arena:
  %arena_base = ptrtoint ptr %arena to i64
  br label %offset
in_array:
  %array_base_place = getelementptr i64, ptr %arena, i64 %where
  %array_base = load i64, ptr %array_base_place
  br label %offset
offset:
  %base = phi i64 [ %arena_base, %in_arena ], [ %array_base, %in_array ]
  %place = add i64 %base, %value
  br label %resolved
resolved:
  %argument_value = phi i64 [ %value, %argument ], [ %place, %offset ]
  %argument_place = getelementptr i64, ptr %args, i64 %k
  store i64 %argument_value, ptr %argument_place
  %behind = getelementptr i64, ptr %pair, i64 2
  %k_next = add i64 %k, 1
  %k_more = icmp slt i64 %k_next, %n
  br i1 %k_more, label %argument, label %run
run:
  %whole = icmp eq i64 %grain, 0
  br i1 %whole, label %one, label %many
one:
  %one_status = call i64 @call(ptr %kernel, ptr %args)
  br label %ran
many:
  %many_status = call i64 @share(ptr %pool, ptr %kernel, ptr %args, i64 %n, i64 %grain)
  br label %ran
ran:
  %status = phi i64 [ %one_status, %one ], [ %many_status, %many ]
  %s_next = add i64 %s, 1
  %failed = icmp ne i64 %status, 0
  %finished = icmp eq i64 %s_next, %steps
  %leave = or i1 %failed, %finished
  br i1 %leave, label %done, label %step
done:
  %result = select i1 %failed, i64 %s_next, i64 0
  ret i64 %result
}
"""


@lru_cache(maxsize=None)
def native_text() -> str:
    """The walker and the thread pool, one module in LLVM's assembly."""
    values = {"symbol": SYMBOL, "array_data": ARRAY_DATA, "tuple_items": TUPLE_ITEMS, "VALUE": VALUE, "ARENA": ARENA}
    return Template(TEXT).substitute(values) + crew.native_text()
