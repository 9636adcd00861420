"""What native loops ask now and then: whether the user interrupts them (Ctrl-C)."""

from __future__ import annotations

from functools import lru_cache
from string import Template

PATIENCE = 100_000  # microseconds of the processor between two questions

TEXT = """
declare i32 @PyErr_CheckSignals()
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare i64 @clock()

; Whether Python has to raise what a signal asks for (Ctrl-C): asked as rarely as ten times a second. `last`: the time it was asked, or 0.
define internal i64 @interrupted(ptr %last) noinline {
  %now = call i64 @clock()
  %before = load i64, ptr %last
  %first = icmp eq i64 %before, 0
  %passed = sub i64 %now, %before
  %soon = icmp ult i64 %passed, $PATIENCE
  br i1 %first, label %begin, label %later
begin:
  store i64 %now, ptr %last
  ret i64 0
later:
  br i1 %soon, label %no, label %ask
no:
  ret i64 0
ask:
  store i64 %now, ptr %last
  %state = call i32 @PyGILState_Ensure()
  %signal = call i32 @PyErr_CheckSignals()
  call void @PyGILState_Release(i32 %state)
  %raises = icmp ne i32 %signal, 0
  %status = zext i1 %raises to i64
  ret i64 %status
}
"""


@lru_cache(maxsize=None)
def native_text() -> str:
    """The function `interrupted`, in LLVM's assembly, for the modules whose loops call it."""
    return Template(TEXT).substitute(PATIENCE=PATIENCE)
