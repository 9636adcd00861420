"""The walker: one native function, in LLVM's assembly, that runs every program of kernels.

A program is an array of words: how many words of steps there are, the arrays, the address of the thread pool, the cells, then for each step: the
kernel's address, the number of its arguments, its grain (with its weight, see `schedule.py`; 0: not to be cut among threads), and (where,
value) for each argument. `where` is VALUE for the value itself, ARENA for an offset in the arena (the last array), else the number of the array,
or of the cell, that it is an offset in: cells are words that hold addresses, behind those of the arrays. In the place of a kernel's
address, a small number says what else is to be done: see `MOVES`.
"""

from __future__ import annotations

from functools import lru_cache
from string import Template

from . import crew, interrupts

VALUE, ARENA = -1, -2
SYMBOL = "tracejit_walk"
MOVES = ("store", "add", "swap", "jump", "unless", "unequal")  # by number: see `lowering/steps.py`; a jump's last argument is a distance in bytes
TUPLE_ITEMS, ARRAY_DATA = 3, 2  # where CPython and NumPy keep them, in words: PyTupleObject.ob_item, PyArrayObject.data

TEXT = """
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyErr_Occurred()

; As CPython calls a function of one argument, (program, tuple of arrays) → int, without the interpreter's lock; null if it was interrupted.
define ptr @$symbol(ptr %program, ptr %arrays) {
  %thread = call ptr @PyEval_SaveThread()
  %status = call i64 @walk(ptr %program, ptr %arrays)
  call void @PyEval_RestoreThread(ptr %thread)
  %error = call ptr @PyErr_Occurred()
  %interrupted = icmp ne ptr %error, null
  br i1 %interrupted, label %raise, label %done
done:
  %result = call ptr @PyLong_FromLongLong(i64 %status)
  ret ptr %result
raise:
  ret ptr null
}

; 0, or 1 if a step failed.
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

; Run a program's words. The arena begins with the arrays' addresses and the cells; then there is room for one row of arguments.
define internal i64 @run(ptr %code, ptr %arena) {
entry:
  %turns_place = alloca i64
  %asked_place = alloca i64
  store i64 0, ptr %turns_place
  store i64 0, ptr %asked_place
  %length = load i64, ptr %code
  %count_place = getelementptr i64, ptr %code, i64 1
  %count = load i64, ptr %count_place
  %pool_place = getelementptr ptr, ptr %code, i64 2
  %pool = load ptr, ptr %pool_place
  %cells_place = getelementptr i64, ptr %code, i64 3
  %cells = load i64, ptr %cells_place
  %taken = add i64 %count, %cells
  %args = getelementptr i64, ptr %arena, i64 %taken
  %b_place = getelementptr i64, ptr %args, i64 1
  %c_place = getelementptr i64, ptr %args, i64 2
  %first = getelementptr i64, ptr %code, i64 4
  %end = getelementptr i64, ptr %first, i64 %length
  br label %step
step:
  %at = phi ptr [ %first, %entry ], [ %next, %ran ]
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
  %number = ptrtoint ptr %kernel to i64
  switch i64 %number, label %kernel_runs [ i64 0, label %store
                                           i64 1, label %add
                                           i64 2, label %swap
                                           i64 3, label %jump
                                           i64 4, label %unless
                                           i64 5, label %unequal ]
store:
  %store_a = load ptr, ptr %args
  %store_b = load i64, ptr %b_place
  store i64 %store_b, ptr %store_a
  br label %ran
add:
  %add_a = load ptr, ptr %args
  %add_b = load i64, ptr %b_place
  %add_before = load i64, ptr %add_a
  %add_after = add i64 %add_before, %add_b
  store i64 %add_after, ptr %add_a
  br label %ran
swap:
  %swap_a = load ptr, ptr %args
  %swap_b = load ptr, ptr %b_place
  %swapped_a = load i64, ptr %swap_a
  %swapped_b = load i64, ptr %swap_b
  store i64 %swapped_b, ptr %swap_a
  store i64 %swapped_a, ptr %swap_b
  br label %ran
jump:
  %jump_by = load i64, ptr %args
  br label %go
unless:
  %unless_a = load ptr, ptr %args
  %unless_by = load i64, ptr %b_place
  %unless_byte = load i8, ptr %unless_a
  %unless_zero = icmp eq i8 %unless_byte, 0
  br i1 %unless_zero, label %go, label %ran
unequal:
  %unequal_a = load ptr, ptr %args
  %unequal_b = load i64, ptr %b_place
  %unequal_by = load i64, ptr %c_place
  %unequal_word = load i64, ptr %unequal_a
  %unequal_other = icmp ne i64 %unequal_word, %unequal_b
  br i1 %unequal_other, label %go, label %ran
go:
  %by = phi i64 [ %jump_by, %jump ], [ %unless_by, %unless ], [ %unequal_by, %unequal ]
  %there = getelementptr i8, ptr %behind, i64 %by
  %back = icmp slt i64 %by, 0
  br i1 %back, label %turn, label %ran
turn:
  %turns = load i64, ptr %turns_place
  %turns_now = add i64 %turns, 1
  store i64 %turns_now, ptr %turns_place
  %turns_low = and i64 %turns_now, 255
  %time = icmp eq i64 %turns_low, 0
  br i1 %time, label %look, label %ran
look:
  %stopped = call i64 @interrupted(ptr %asked_place)
  br label %ran
kernel_runs:
  %whole = icmp eq i64 %grain, 0
  br i1 %whole, label %one, label %many
one:
  %one_status = call i64 @call(ptr %kernel, ptr %args)
  br label %ran
many:
  %many_status = call i64 @share(ptr %pool, ptr %kernel, ptr %args, i64 %n, i64 %grain)
  br label %ran
ran:
  %status = phi i64 [ %one_status, %one ], [ %many_status, %many ], [ 0, %store ], [ 0, %add ], [ 0, %swap ], [ 0, %unless ], [ 0, %unequal ], [ 0, %go ], [ 0, %turn ], [ %stopped, %look ]
  %next = phi ptr [ %behind, %one ], [ %behind, %many ], [ %behind, %store ], [ %behind, %add ], [ %behind, %swap ], [ %behind, %unless ],
                   [ %behind, %unequal ], [ %there, %go ], [ %there, %turn ], [ %there, %look ]
  %failed = icmp ne i64 %status, 0
  %finished = icmp eq ptr %next, %end
  %leave = or i1 %failed, %finished
  br i1 %leave, label %done, label %step
done:
  %result = zext i1 %failed to i64
  ret i64 %result
}
"""


@lru_cache(maxsize=None)
def native_text() -> str:
    """The walker, its question for interrupts and the thread pool, one module in LLVM's assembly."""
    values = {"symbol": SYMBOL, "array_data": ARRAY_DATA, "tuple_items": TUPLE_ITEMS, "VALUE": VALUE, "ARENA": ARENA}
    return Template(TEXT).substitute(values) + interrupts.native_text() + crew.native_text()
