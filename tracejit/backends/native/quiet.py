"""BLAS on one thread for a while: what calls it from several threads keeps them all busy, and its bits depend on no number of threads.

OpenBLAS has one number of threads for the whole process. Whoever comes first sets it to one and remembers what it was; whoever leaves
last sets it back.
"""

from __future__ import annotations

import ctypes
import importlib
import os
from functools import lru_cache
from string import Template
from typing import NamedTuple

from . import jit

NAMES = ("scipy_openblas_{}_num_threads", "openblas_{}_num_threads", "scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_")
SYMBOL = "tracejit_quiet"
WORDS = ("lock", "inside", "before", "set", "get")  # a lock; how many are inside; the number before; OpenBLAS's two functions

TEXT = """
define ptr @at(ptr %words, i64 %place) alwaysinline {
  %address = getelementptr i64, ptr %words, i64 %place
  ret ptr %address
}

; `change`: 1 for one more inside, -1 for one less.
define void @$symbol(ptr %words, i64 %change) {
entry:
  br label %lock
lock:
  %taken = cmpxchg ptr %words, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %taken, 1
  br i1 %mine, label %count, label %lock
count:
  %inside = call ptr @at(ptr %words, i64 $inside)
  %others = load i64, ptr %inside
  %now = add i64 %others, %change
  store i64 %now, ptr %inside
  %before = call ptr @at(ptr %words, i64 $before)
  %set_place = call ptr @at(ptr %words, i64 $set)
  %set = load ptr, ptr %set_place
  %first = icmp eq i64 %others, 0
  br i1 %first, label %quieten, label %look
quieten:
  %get_place = call ptr @at(ptr %words, i64 $get)
  %get = load ptr, ptr %get_place
  %number = call i32 %get()
  store i32 %number, ptr %before
  call void %set(i32 1)
  br label %unlock
look:
  %last = icmp eq i64 %now, 0
  br i1 %last, label %restore, label %unlock
restore:
  %old = load i32, ptr %before
  call void %set(i32 %old)
  br label %unlock
unlock:
  store atomic i64 0, ptr %words seq_cst, align 8
  ret void
}
"""


class Quiet(NamedTuple):
    """Addresses: of the function `(words, 1 or -1)` to call before and after, and of its words."""

    function: int
    words: int


def quiet() -> Quiet | None:
    """How SciPy's BLAS is kept on one thread; None if it is none that can be."""
    words = _words()
    return None if words is None else Quiet(jit.native(_text(), SYMBOL), ctypes.addressof(words))


@lru_cache(maxsize=None)
def _text() -> str:
    return Template(TEXT).substitute({name: place for place, name in enumerate(WORDS)}, symbol=SYMBOL)


@lru_cache(maxsize=None)
def _words() -> ctypes.Array | None:
    library = ctypes.CDLL(importlib.import_module("scipy.linalg.cython_blas").__file__)  # which finds what it is linked to
    for name in NAMES:
        try:
            functions = {word: ctypes.cast(library[name.format(word)], ctypes.c_void_p).value or 0 for word in ("set", "get")}
        except AttributeError:
            continue
        words = (ctypes.c_int64 * len(WORDS))(*(functions.get(word, 0) for word in WORDS))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _nobody_inside(words))
        return words
    return None


def _nobody_inside(words: ctypes.Array) -> None:
    """In the child of a fork nobody is inside; the number is what it was before the parent's threads came."""
    place = {name: place for place, name in enumerate(WORDS)}
    if words[place["inside"]]:
        ctypes.CFUNCTYPE(None, ctypes.c_int)(words[place["set"]])(words[place["before"]])
    words[place["lock"]] = words[place["inside"]] = 0
