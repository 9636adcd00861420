"""Large blocks of memory, kept when they are freed: results and temporaries land in memory that was touched before, in huge pages.

A fresh large array costs a page fault for every 4 KiB that are written. So large arrays get their memory from a pool, by NumPy's own
interface for allocators (NEP 49): they own their memory as others do, and its return to the pool is how they are freed. What the pool
holds, lent or kept, is never more than what was lent at one time before; and it keeps no more than a share of the machine's memory.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from string import Template
from typing import Any, Callable

import numpy as np

from ...backend import LARGE
from ...spec import DType, Shape
from . import jit
from .numpy_table import numpy_function

SHARE = 4  # a fourth of the machine's memory is the most that is kept
HEADER = 64  # bytes before an array's own: what the pool knows of the block; a cache line, so that arrays begin at one
HUGE_PAGE = 1 << 21
SYMBOL = "tracejit_blocks"

# NumPy's PyDataMem_Handler, then the pool's own words, by their place in bytes.
FIELDS = {"lent": 168, "kept": 176, "peak": 184, "limit": 192, "ring": 200}

TEXT = """
declare ptr @malloc(i64)
declare i32 @posix_memalign(ptr, i64, i64)
declare i32 @madvise(ptr, i64, i32)
declare void @free(ptr)
declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; A block begins with its size and its neighbours in the ring of kept blocks: the one freed before it, and the one freed after it.
; The ring's own entry has the last freed as the one before it, and the first as the one after.
%Block = type { i64, ptr, ptr }
%Pool = type { [127 x i8], i8, ptr, ptr, ptr, ptr, ptr, i64, i64, i64, i64, %Block }
@$SYMBOL = global %Pool {
  [127 x i8] c"tracejit$zeros", i8 1, ptr null, ptr @allocate, ptr @allocate_zeros, ptr @reallocate, ptr @release,
  i64 0, i64 0, i64 0, i64 $limit_bytes, %Block { i64 0, ptr $ring, ptr $ring }
}, align 64

; Small memory, which NumPy asks for too while it makes large arrays, is the C library's.
define internal ptr @allocate(ptr %context, i64 %size) {
  %small = icmp ult i64 %size, $LARGE
  br i1 %small, label %apart, label %block
block:
  %data = call ptr @allocate_block(i64 %size)
  ret ptr %data
apart:
  %whole = add i64 %size, $HEADER
  %new = call ptr @malloc(i64 %whole)
  %refused = icmp eq ptr %new, null
  br i1 %refused, label %none, label %done
done:
  store i64 %whole, ptr %new
  %own = getelementptr i8, ptr %new, i64 $HEADER
  ret ptr %own
none:
  ret ptr null
}

define internal ptr @allocate_block(i64 %size) {
entry:
  %with_header = add i64 %size, $rounding
  %need = and i64 %with_header, $rounded
  %tolerance = lshr i64 %need, 2
  %most = add i64 %need, %tolerance
  br label %look
look: ; among the last freed first: what is still in a cache is found there
  %at = phi ptr [ $ring, %entry ], [ %block, %other ]
  %tries = phi i64 [ 0, %entry ], [ %more, %other ]
  %older = getelementptr %Block, ptr %at, i32 0, i32 1
  %block = load ptr, ptr %older
  %end = icmp eq ptr %block, $ring
  %far = icmp eq i64 %tries, $TRIES
  %none = or i1 %end, %far
  br i1 %none, label %fresh, label %fit
fit:
  %found = load i64, ptr %block
  %enough = icmp uge i64 %found, %need
  %close = icmp ule i64 %found, %most
  %fits = and i1 %enough, %close
  br i1 %fits, label %again, label %other
other:
  %more = add i64 %tries, 1
  br label %look
again:
  call void @unlink(ptr %block)
  call void @lend(i64 %found)
  %known = getelementptr i8, ptr %block, i64 $HEADER
  ret ptr %known
fresh:
  call void @lend(i64 %need)
  %lent = load i64, ptr $lent
  %peak = load i64, ptr $peak
  %room = sub i64 %peak, %lent
  call void @trim(i64 %room)
  %new = call ptr @take(i64 %need)
  %refused = icmp eq ptr %new, null
  br i1 %refused, label %retry, label %hand_out
retry:
  call void @trim(i64 0)
  %last = call ptr @take(i64 %need)
  %out = icmp eq ptr %last, null
  br i1 %out, label %fail, label %hand_out
hand_out:
  %got = phi ptr [ %new, %fresh ], [ %last, %retry ]
  store i64 %need, ptr %got
  %data = getelementptr i8, ptr %got, i64 $HEADER
  ret ptr %data
fail:
  %before = sub i64 %lent, %need
  store i64 %before, ptr $lent
  ret ptr null
}

; Memory from the system, in huge pages where it gives them.
define internal ptr @take(i64 %size) {
  %place = alloca ptr
  %status = call i32 @posix_memalign(ptr %place, i64 $HUGE_PAGE, i64 %size)
  %refused = icmp ne i32 %status, 0
  br i1 %refused, label %fail, label %done
done:
  %block = load ptr, ptr %place
  call i32 @madvise(ptr %block, i64 %size, i32 $MADV_HUGEPAGE)
  ret ptr %block
fail:
  ret ptr null
}

define internal void @lend(i64 %size) {
  %lent = load i64, ptr $lent
  %now = add i64 %lent, %size
  store i64 %now, ptr $lent
  %peak = load i64, ptr $peak
  %most = call i64 @llvm.umax.i64(i64 %peak, i64 %now)
  store i64 %most, ptr $peak
  ret void
}

define internal void @release(ptr %context, ptr %data, i64 %size) {
  %nothing = icmp eq ptr %data, null
  br i1 %nothing, label %done, label %known
known:
  %block = getelementptr i8, ptr %data, i64 -$HEADER
  %bytes = load i64, ptr %block
  %small = icmp ult i64 %bytes, $LEAST
  br i1 %small, label %forget, label %keep
forget:
  call void @free(ptr %block)
  ret void
keep:
  %lent = load i64, ptr $lent
  %less = sub i64 %lent, %bytes
  store i64 %less, ptr $lent
  call void @link(ptr %block)
  %limit = load i64, ptr $limit
  call void @trim(i64 %limit)
  br label %done
done:
  ret void
}

; Give the blocks that were kept for longest back to the system, until no more than these bytes are kept.
define internal void @trim(i64 %room) {
entry:
  br label %look
look:
  %kept = load i64, ptr $kept
  %over = icmp ugt i64 %kept, %room
  br i1 %over, label %drop, label %done
drop:
  %oldest = getelementptr %Block, ptr $ring, i32 0, i32 2
  %block = load ptr, ptr %oldest
  call void @unlink(ptr %block)
  call void @free(ptr %block)
  br label %look
done:
  ret void
}

define internal void @link(ptr %block) {
  %last_place = getelementptr %Block, ptr $ring, i32 0, i32 1
  %last = load ptr, ptr %last_place
  %older = getelementptr %Block, ptr %block, i32 0, i32 1
  %newer = getelementptr %Block, ptr %block, i32 0, i32 2
  %after_last = getelementptr %Block, ptr %last, i32 0, i32 2
  store ptr %last, ptr %older
  store ptr $ring, ptr %newer
  store ptr %block, ptr %after_last
  store ptr %block, ptr %last_place
  %bytes = load i64, ptr %block
  %kept = load i64, ptr $kept
  %more = add i64 %kept, %bytes
  store i64 %more, ptr $kept
  ret void
}

define internal void @unlink(ptr %block) {
  %older_place = getelementptr %Block, ptr %block, i32 0, i32 1
  %newer_place = getelementptr %Block, ptr %block, i32 0, i32 2
  %older = load ptr, ptr %older_place
  %newer = load ptr, ptr %newer_place
  %after_older = getelementptr %Block, ptr %older, i32 0, i32 2
  %before_newer = getelementptr %Block, ptr %newer, i32 0, i32 1
  store ptr %newer, ptr %after_older
  store ptr %older, ptr %before_newer
  %bytes = load i64, ptr %block
  %kept = load i64, ptr $kept
  %less = sub i64 %kept, %bytes
  store i64 %less, ptr $kept
  ret void
}

define internal ptr @allocate_zeros(ptr %context, i64 %count, i64 %item) {
  %size = mul i64 %count, %item
  %data = call ptr @allocate(ptr %context, i64 %size)
  %refused = icmp eq ptr %data, null
  br i1 %refused, label %done, label %clear
clear:
  call void @llvm.memset.p0.i64(ptr %data, i8 0, i64 %size, i1 false)
  br label %done
done:
  ret ptr %data
}

define internal ptr @reallocate(ptr %context, ptr %data, i64 %size) {
  %fresh = call ptr @allocate(ptr %context, i64 %size)
  %refused = icmp eq ptr %fresh, null
  %nothing = icmp eq ptr %data, null
  %either = or i1 %refused, %nothing
  br i1 %either, label %done, label %move
move:
  %block = getelementptr i8, ptr %data, i64 -$HEADER
  %bytes = load i64, ptr %block
  %before = sub i64 %bytes, $HEADER
  %length = call i64 @llvm.umin.i64(i64 %before, i64 %size)
  call void @llvm.memcpy.p0.p0.i64(ptr %fresh, ptr %data, i64 %length, i1 false)
  call void @release(ptr %context, ptr %data, i64 %before)
  br label %done
done:
  ret ptr %fresh
}
"""
ROUNDING = 1 << 16  # sizes of blocks are multiples of this
TRIES = 64  # kept blocks that are looked at for one that fits
MADV_HUGEPAGE = 14  # of Linux; elsewhere the call does nothing


def native_text(limit: int) -> str:
    """The pool in LLVM's assembly: a PyDataMem_Handler, the pool's words behind it. `limit`: the most bytes to keep."""
    places = {name: f"getelementptr (i8, ptr @{SYMBOL}, i64 {place})" for name, place in FIELDS.items()}
    numbers = {"HEADER": HEADER, "HUGE_PAGE": HUGE_PAGE, "TRIES": TRIES, "MADV_HUGEPAGE": MADV_HUGEPAGE, "LARGE": LARGE, "LEAST": LARGE + HEADER, "limit_bytes": limit}
    rounding = {"rounding": HEADER + ROUNDING - 1, "rounded": -ROUNDING, "zeros": "\\00" * (127 - len("tracejit"))}
    return Template(TEXT).substitute(places | numbers | rounding, SYMBOL=SYMBOL)


def allocator(size: int) -> Callable[[Shape, DType], np.ndarray]:
    """What makes arrays of this many bytes: `np.empty` or, for large ones, `empty`."""
    return empty if size >= LARGE and _handler() is not None else np.empty


def empty(shape: Shape, dtype: DType) -> np.ndarray:
    """A new array whose memory comes from the pool, and goes back to it."""
    return in_blocks(np.empty, shape, dtype)


def in_blocks(function: Callable[..., Any], *values: Any, **attrs: Any) -> Any:
    """What a NumPy function gives; the large arrays that it makes get their memory from the pool."""
    handler = _handler()
    if handler is None:
        return function(*values, **attrs)
    set_handler = _set_handler()
    before = set_handler(handler)
    try:
        return function(*values, **attrs)
    finally:
        set_handler(before)


def state() -> dict[str, int]:
    """Bytes: lent to arrays, kept for others, most ever lent at a time, and the most to keep."""
    return {name: ctypes.c_int64.from_address(_address() + FIELDS[name]).value for name in ("lent", "kept", "peak", "limit")}


@lru_cache(maxsize=None)
def _address() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return jit.native(native_text(memory // SHARE), SYMBOL)


@lru_cache(maxsize=None)
def _handler() -> Any | None:
    """The pool as NumPy takes it; None on a system that lacks what it is made of."""
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    try:
        return capsule(_address(), b"mem_handler", None)
    except (RuntimeError, OSError, ValueError, AttributeError):
        return None


@lru_cache(maxsize=None)
def _set_handler() -> Callable[[Any], Any]:
    """NumPy's PyDataMem_SetHandler: the handler before it."""
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(numpy_function("PyDataMem_SetHandler"))
