"""Whom the crew wakes, and when: the part of its text that starts workers and calls those that sleep."""

from __future__ import annotations

WAKING = 32  # the chunks, of a loop or of several small ones, for which a sleeping worker is woken; else those that are awake help
PATIENCE = 6  # doublings of that, at most, while small loops come too seldom to keep anybody awake
STACK = 1 << 23  # bytes of a worker's stack: some systems give little unasked

TEXT = """
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)

; Whether small loops, this one of so many chunks too, have done alone what waking costs. Where those woken last had little to do before
; they fell asleep again, twice as much is waited for.
define internal i1 @owed(ptr %pool, i64 %chunks) {
  %before = call i64 @get(ptr %pool, i64 $owed)
  %owed = add i64 %before, %chunks
  %vain = call i64 @get(ptr %pool, i64 $vain)
  %price = shl i64 $WAKING, %vain
  %paid = icmp sge i64 %owed, %price
  br i1 %paid, label %wake, label %wait
wake:
  %helped = call i64 @get(ptr %pool, i64 $helped)
  %enough = icmp sge i64 %helped, $WAKING
  %more = add i64 %vain, 1
  %most = call i64 @llvm.smin.i64(i64 %more, i64 $PATIENCE)
  %again = select i1 %enough, i64 0, i64 %most
  call void @set(ptr %pool, i64 $vain, i64 %again)
  call void @set(ptr %pool, i64 $helped, i64 0)
  call void @set(ptr %pool, i64 $owed, i64 0)
  ret i1 true
wait:
  call void @set(ptr %pool, i64 $owed, i64 %owed)
  ret i1 false
}

; Start the workers that are missing; fewer, where the system gives no more.
define internal void @hire(ptr %pool, i64 %wanted) {
entry:
  %thread = alloca i64
  %attributes = alloca [16 x i64]
  %mutex = call ptr @at(ptr %pool, i64 $mutex)
  %wake = call ptr @at(ptr %pool, i64 $wake)
  %first = call i64 @get(ptr %pool, i64 $workers)
  %none = icmp eq i64 %first, 0
  br i1 %none, label %found, label %check
found:
  call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  call i32 @pthread_cond_init(ptr %wake, ptr null)
  br label %check
check:
  %started = call i64 @get(ptr %pool, i64 $workers)
  %missing = icmp slt i64 %started, %wanted
  br i1 %missing, label %start, label %done
start:
  call i32 @pthread_attr_init(ptr %attributes)
  call i32 @pthread_attr_setstacksize(ptr %attributes, i64 $STACK)
  %status = call i32 @pthread_create(ptr %thread, ptr %attributes, ptr @worker, ptr %pool)
  %refused = icmp ne i32 %status, 0
  br i1 %refused, label %done, label %count
count:
  %handle = load i64, ptr %thread
  call i32 @pthread_detach(i64 %handle)
  %more = add i64 %started, 1
  call void @set(ptr %pool, i64 $workers, i64 %more)
  br label %check
done:
  ret void
}

; Wake as many sleepers as can help. Whoever falls asleep counts himself before he looks at the gate, which is open by now.
define internal void @rouse(ptr %pool, i64 %helpers) {
entry:
  %asleep = call i64 @get(ptr %pool, i64 $asleep)
  %calls = call i64 @llvm.smin.i64(i64 %asleep, i64 %helpers)
  %any = icmp sgt i64 %calls, 0
  br i1 %any, label %ring, label %done
ring:
  %mutex = call ptr @at(ptr %pool, i64 $mutex)
  %wake = call ptr @at(ptr %pool, i64 $wake)
  call i32 @pthread_mutex_lock(ptr %mutex)
  br label %next
next:
  %left = phi i64 [ %calls, %ring ], [ %fewer, %next ]
  call i32 @pthread_cond_signal(ptr %wake)
  %fewer = sub i64 %left, 1
  %again = icmp sgt i64 %fewer, 0
  br i1 %again, label %next, label %rung
rung:
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %done
done:
  ret void
}
"""

SETTINGS = {"WAKING": WAKING, "PATIENCE": PATIENCE, "STACK": STACK}
