"""The crew: native code, in LLVM's assembly, by which threads share the turns of a loop. Around a few words of memory, the pool.

Workers are started by the first large loop that a process meets, with `pthread_create`: they never see the interpreter, so nothing of
Python has to be ready for them. A caller that finds the pool busy runs its loop itself, and nobody waits for a sleeping worker: the
caller claims chunks as the workers do.
"""

from __future__ import annotations

import platform
from string import Template

from . import waking

SPINS = 2500  # looks for more work before a worker falls asleep: as long as waking it would take, see docs/decisions.md
SHARES = 4  # chunks for each thread, so that one that is late or slow does not keep the others waiting
BACK = 1 << 32  # in `claimed`, above the number of chunks claimed from the front
OPEN = 1 << 32  # in `gate`, above the number of workers inside
WEIGHT = 1 << 32  # in a grain, above the turns of the least chunk: how many times the least work that is worth one they are

# The pool's words, by their place in bytes; what different threads write lies on different cache lines.
FIELDS = {
    "threads": 0,  # how many may work at once, the caller included; set from outside
    "workers": 8,  # how many were started
    "asleep": 16,
    "yield": 24,  # 1 while a routine with threads of its own runs: then no worker looks for more work
    "owed": 32,  # chunks of small loops that ran alone since a worker was last woken for such
    "helped": 40,  # chunks of loops that found a worker awake since then
    "vain": 48,  # how often in a row that was too few
    "busy": 64,  # 1 while a caller has the pool
    "gate": 128,  # OPEN while chunks are handed out, + the workers inside, who read what follows
    "claimed": 192,  # how many chunks the caller claimed, from the front, and BACK for each that a worker claimed, from the back
    "end": 256, "chunk": 264, "kernel": 272, "args": 280, "count": 288, "helpers": 296, "begin": 304, "chunks": 312,
    "failed": 320,
    "mutex": 384, "wake": 512,
}  # fmt: skip
SIZE = 640
PAUSE = {
    "x86_64": "declare void @llvm.x86.sse2.pause()\ndefine internal void @pause() alwaysinline {\n  call void @llvm.x86.sse2.pause()\n  ret void\n}",
    "aarch64": "declare void @llvm.aarch64.hint(i32)\ndefine internal void @pause() alwaysinline {\n  call void @llvm.aarch64.hint(i32 1)\n  ret void\n}",
}
NO_PAUSE = "define internal void @pause() alwaysinline {\n  ret void\n}"

TEXT = """
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @sched_yield()
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
$pause

; A kernel's status for a row of arguments: the one place that knows how kernels are called.
define internal i64 @call(ptr %kernel, ptr %args) {
  %status = call i64 %kernel(ptr %args)
  ret i64 %status
}

; The address of a word of the pool.
define internal ptr @at(ptr %pool, i64 %place) alwaysinline {
  %address = getelementptr i8, ptr %pool, i64 %place
  ret ptr %address
}

define internal i64 @get(ptr %pool, i64 %place) alwaysinline {
  %address = getelementptr i8, ptr %pool, i64 %place
  %value = load atomic i64, ptr %address seq_cst, align 8
  ret i64 %value
}

define internal void @set(ptr %pool, i64 %place, i64 %value) alwaysinline {
  %address = getelementptr i8, ptr %pool, i64 %place
  store atomic i64 %value, ptr %address seq_cst, align 8
  ret void
}

; Run a kernel over its range, args[0] to args[1], by as many threads as may and can. `weighed`: the least that is worth a
; chunk, and its weight; negative, if the kernel has threads of its own.
define internal i64 @share(ptr %pool, ptr %kernel, ptr %args, i64 %count, i64 %weighed) {
  %begin = load i64, ptr %args
  %last = getelementptr i64, ptr %args, i64 1
  %end = load i64, ptr %last
  %extent = sub i64 %end, %begin
  %threads = call i64 @get(ptr %pool, i64 $threads)
  %grain = urem i64 %weighed, $WEIGHT
  %weight = udiv i64 %weighed, $WEIGHT
  %foreign = icmp slt i64 %weighed, 0
  br i1 %foreign, label %make_way, label %compare
make_way:
  call void @set(ptr %pool, i64 $yield, i64 1)
  br label %alone
compare:
  %small = icmp sle i64 %extent, %grain
  %single = icmp sle i64 %threads, 1
  %serial = or i1 %small, %single
  br i1 %serial, label %alone, label %weigh
weigh: ; somebody is awake, or it is worth waking somebody
  %least = sdiv i64 %extent, %grain
  %chunks = mul i64 %least, %weight
  %large = icmp sge i64 %chunks, $WAKING
  %workers = call i64 @get(ptr %pool, i64 $workers)
  %asleep = call i64 @get(ptr %pool, i64 $asleep)
  %awake = icmp sgt i64 %workers, %asleep
  br i1 %awake, label %help, label %doubt
help:
  %before = call i64 @get(ptr %pool, i64 $helped)
  %helped = add i64 %before, %chunks
  call void @set(ptr %pool, i64 $helped, i64 %helped)
  br label %take
doubt:
  br i1 %large, label %take, label %owe
owe:
  %wakes = call i1 @owed(ptr %pool, i64 %chunks)
  br i1 %wakes, label %take, label %alone
take: ; a second caller does not wait for the first
  %rouses = phi i1 [ %large, %help ], [ true, %doubt ], [ true, %owe ]
  %busy = call ptr @at(ptr %pool, i64 $busy)
  %taken = cmpxchg ptr %busy, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %taken, 1
  br i1 %mine, label %together, label %alone
alone:
  %own = call i64 @call(ptr %kernel, ptr %args)
  ret i64 %own
together: ; the chunk is a multiple of the grain, such that each thread finds about $SHARES
  %wanted = mul i64 %threads, $SHARES
  %lot = mul i64 %wanted, %grain
  %less = sub i64 %extent, 1
  %lots = sdiv i64 %less, %lot
  %grains = add i64 %lots, 1
  %chunk = mul i64 %grains, %grain
  %others = sub i64 %threads, 1
  %further = sdiv i64 %less, %chunk
  %helpers = call i64 @llvm.smin.i64(i64 %others, i64 %further)
  %all = add i64 %further, 1
  call void @set(ptr %pool, i64 $begin, i64 %begin)
  call void @set(ptr %pool, i64 $chunks, i64 %all)
  call void @set(ptr %pool, i64 $end, i64 %end)
  call void @set(ptr %pool, i64 $chunk, i64 %chunk)
  %function = ptrtoint ptr %kernel to i64
  call void @set(ptr %pool, i64 $kernel, i64 %function)
  %row = ptrtoint ptr %args to i64
  call void @set(ptr %pool, i64 $args, i64 %row)
  call void @set(ptr %pool, i64 $count, i64 %count)
  call void @set(ptr %pool, i64 $helpers, i64 %helpers)
  call void @set(ptr %pool, i64 $failed, i64 0)
  call void @set(ptr %pool, i64 $yield, i64 0)
  call void @set(ptr %pool, i64 $claimed, i64 0)
  call void @set(ptr %pool, i64 $gate, i64 $OPEN)
  br i1 %rouses, label %call_others, label %begin_work
call_others:
  call void @hire(ptr %pool, i64 %others)
  call void @rouse(ptr %pool, i64 %helpers)
  br label %begin_work
begin_work:
  call void @work(ptr %pool, i64 1)
  %gate = call ptr @at(ptr %pool, i64 $gate)
  atomicrmw and ptr %gate, i64 $inside seq_cst
  call void @join(ptr %pool)
  %failed = call i64 @get(ptr %pool, i64 $failed)
  call void @set(ptr %pool, i64 $busy, i64 0)
  ret i64 %failed
}

; How many chunks were claimed, of a word that says how many from the front and how many from the back.
define internal i64 @both(i64 %claimed) alwaysinline {
  %back = udiv i64 %claimed, $BACK
  %front = urem i64 %claimed, $BACK
  %sum = add i64 %front, %back
  ret i64 %sum
}

; Claim and run chunks until none is left, on arguments of one's own: the caller (%step 1) from the front, workers (%step $BACK) from the
; back, so that in the next loop of a program each finds what it wrote in its own cache.
define internal void @work(ptr %pool, i64 %step) noinline {
entry:
  %count = call i64 @get(ptr %pool, i64 $count)
  %own = alloca i64, i64 %count
  %own_end = getelementptr i64, ptr %own, i64 1
  %given = call i64 @get(ptr %pool, i64 $args)
  %args = inttoptr i64 %given to ptr
  %bytes = shl i64 %count, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %own, ptr %args, i64 %bytes, i1 false)
  %function = call i64 @get(ptr %pool, i64 $kernel)
  %kernel = inttoptr i64 %function to ptr
  %end = call i64 @get(ptr %pool, i64 $end)
  %chunk = call i64 @get(ptr %pool, i64 $chunk)
  %begin = call i64 @get(ptr %pool, i64 $begin)
  %chunks = call i64 @get(ptr %pool, i64 $chunks)
  %claimed = call ptr @at(ptr %pool, i64 $claimed)
  %failed = call ptr @at(ptr %pool, i64 $failed)
  %is_caller = icmp eq i64 %step, 1
  br label %claim
claim:
  %before = atomicrmw add ptr %claimed, i64 %step seq_cst
  %sum = call i64 @both(i64 %before)
  %left = icmp ult i64 %sum, %chunks
  br i1 %left, label %run, label %done
run:
  %front = urem i64 %before, $BACK
  %back = udiv i64 %before, $BACK
  %behind = sub i64 %chunks, %back
  %last_left = sub i64 %behind, 1
  %place = select i1 %is_caller, i64 %front, i64 %last_left
  %offset = mul i64 %place, %chunk
  %first = add i64 %begin, %offset
  %after = add i64 %first, %chunk
  %last = call i64 @llvm.smin.i64(i64 %after, i64 %end)
  store i64 %first, ptr %own
  store i64 %last, ptr %own_end
  %status = call i64 @call(ptr %kernel, ptr %own)
  atomicrmw or ptr %failed, i64 %status seq_cst
  br label %claim
done:
  ret void
}

; Wait until no worker is inside.
define internal void @join(ptr %pool) {
entry:
  br label %look
look:
  %tries = phi i64 [ 0, %entry ], [ %more, %wait ]
  %inside = call i64 @get(ptr %pool, i64 $gate)
  %empty = icmp eq i64 %inside, 0
  br i1 %empty, label %done, label %wait
wait:
  %more = add i64 %tries, 1
  call void @rest(i64 %more)
  br label %look
done:
  ret void
}

; A moment's pause; after many, the turn is given to another thread.
define internal void @rest(i64 %tries) {
  %long = icmp sgt i64 %tries, $SPINS
  br i1 %long, label %yield, label %spin
spin:
  call void @pause()
  ret void
yield:
  call i32 @sched_yield()
  ret void
}

; What a worker does all its life.
define internal ptr @worker(ptr %pool) {
entry:
  br label %again
again:
  call void @await(ptr %pool)
  call void @work(ptr %pool, i64 $BACK)
  %gate = call ptr @at(ptr %pool, i64 $gate)
  atomicrmw sub ptr %gate, i64 1 seq_cst
  br label %again
}

; Return inside an open gate: look for one for some microseconds, then sleep until called.
define internal void @await(ptr %pool) {
entry:
  %mutex = call ptr @at(ptr %pool, i64 $mutex)
  %wake = call ptr @at(ptr %pool, i64 $wake)
  %asleep = call ptr @at(ptr %pool, i64 $asleep)
  br label %look
look:
  %tries = phi i64 [ 0, %entry ], [ %more, %wait ]
  %in = call i1 @enter(ptr %pool)
  br i1 %in, label %done, label %wait
wait:
  call void @pause()
  %more = add i64 %tries, 1
  %long = icmp sgt i64 %more, $SPINS
  %yield = call i64 @get(ptr %pool, i64 $yield)
  %unwanted = icmp ne i64 %yield, 0
  %tired = or i1 %long, %unwanted
  br i1 %tired, label %lie, label %look
lie:
  call i32 @pthread_mutex_lock(ptr %mutex)
  atomicrmw add ptr %asleep, i64 1 seq_cst
  br label %ask
ask:
  %found = call i1 @enter(ptr %pool)
  br i1 %found, label %rise, label %sleep
sleep:
  call i32 @pthread_cond_wait(ptr %wake, ptr %mutex)
  br label %ask
rise:
  atomicrmw sub ptr %asleep, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %done
done:
  ret void
}

; Go in, if the gate is open, a chunk is left and a helper is wanted. Once inside, a worker may read the job: the caller waits for it.
define internal i1 @enter(ptr %pool) {
entry:
  %gate = call ptr @at(ptr %pool, i64 $gate)
  br label %look
look:
  %seen = call i64 @get(ptr %pool, i64 $gate)
  %open = icmp sge i64 %seen, $OPEN
  br i1 %open, label %ask, label %out
ask:
  %inside = sub i64 %seen, $OPEN
  %helpers = call i64 @get(ptr %pool, i64 $helpers)
  %wanted = icmp slt i64 %inside, %helpers
  %claimed = call i64 @get(ptr %pool, i64 $claimed)
  %sum = call i64 @both(i64 %claimed)
  %chunks = call i64 @get(ptr %pool, i64 $chunks)
  %left = icmp ult i64 %sum, %chunks
  %both = and i1 %wanted, %left
  br i1 %both, label %go, label %out
go:
  %more = add i64 %seen, 1
  %swapped = cmpxchg ptr %gate, i64 %seen, i64 %more seq_cst seq_cst
  %in = extractvalue { i64, i1 } %swapped, 1
  br i1 %in, label %done, label %look
done:
  ret i1 true
out:
  ret i1 false
}
"""


def native_text() -> str:
    """The pool in LLVM's assembly: `@share` runs a kernel by many threads, `@call` by one."""
    settings = {"OPEN": OPEN, "BACK": BACK, "WEIGHT": WEIGHT, "inside": OPEN - 1, "SPINS": SPINS, "SHARES": SHARES, **waking.SETTINGS}
    pause = PAUSE.get(platform.machine(), NO_PAUSE)
    return Template(TEXT + waking.TEXT).substitute(FIELDS, **settings, pause=pause)
