"""The gate: one native function, in LLVM's assembly, by which a call of a compiled function is replayed without a Python frame.

CPython calls it as a built-in function whose owner is a list: what to call otherwise, then permits. A permit is an array of words that
says which calls it lets through (rows of conditions), what runs, and what is made of the results. The first permit whose conditions all
hold runs; where none does, the arguments are handed on to Python as they came, with nothing done. So the gate says yes, or asks.

A permit begins with the words of HEADER; then for each of SECTIONS the address, the number and the width in words of its rows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import Template

from . import gate_asks, gate_check, gate_gives, walker

SYMBOL = "tracejit_gate"
HEADER = {
    name: place
    for place, name in enumerate(
        (
            "hits",  # the address of a counter of calls
            "arguments", "keywords",  # how many are given by position, and by keyword
            "arrays",  # of the program: inputs, outputs, the arena
            "held",  # references kept during the call: `arrays`, then what is looked at alone
            "made",  # objects made
            "function", "rest",  # what is called with the very arguments instead of a program (0: nothing), and the address of how often yet
            "program",  # the address of its words
            "arenas",  # the list of arenas that no call is using
            "long",  # 1 if it runs without the interpreter's lock
            "finish",  # what is called with the list of results; 0: there is one, and it is returned
            "new_array", "scalar_of",  # NumPy's PyArray_NewFromDescr and PyArray_Return
            "storage_of",  # of a tensor whose storage is not made yet
            "array_type", "float_type", "dict_type", "none", "no", "yes",  # objects
            "_value", "_requires_grad", "_application", "_storage", "version", "_seen",  # names
        )
    )
}  # fmt: skip
SECTIONS = {
    name: len(HEADER) + 3 * place
    for place, name in enumerate(
        (
            "names",  # (number, name): the keyword is spelt so; arguments given by keyword come behind the others
            "objects",  # (argument, object): is that object
            "floats",  # (argument, bits)
            "referents",  # (argument, weak reference): is what it refers to
            "given_arrays", "given_tensors",  # (argument, array's place among held, class, requires_grad, dtype, axes, address of extents and strides)
            "different",  # (argument, argument): are two objects
            "captures",  # (tensor, array's place among held, array): still has that array
            "apart",  # (array, low, high, array, low, high): their bytes, from their data on, share none
            "attributes",  # (object, name, value, 1 or 0): is that value, or is not
            "own",  # (thread-local object, name, value, 1 if that is the default, 0, 0: the thread last seen, and its dict; "__dict__")
            "check",  # (one of STEPS, object or number, what it says, number): steps from place to place, and what is asked of them
            "guards",  # (function): gives None
            "outputs",  # (array's place among held, dtype, axes, address of extents)
            "written",  # (tensor): has another version now
            "makes",  # (array's place among held, number made, class or 0): a tensor of the array, or the array or scalar itself
            "stores",  # (object, name, value): attributes, of objects or of numbers made
            "results",  # (object or number made)
        )
    )
}  # fmt: skip
CHECKS = ("names", "objects", "floats", "referents", "given_arrays", "given_tensors", "different", "captures", "apart", "attributes", "own", "check", "guards")
WIDTHS = {"names": 2, "objects": 2, "floats": 2, "referents": 2, "given_arrays": 7, "given_tensors": 7, "different": 2, "captures": 3, "apart": 6,
          "attributes": 4, "own": 7, "check": 4, "guards": 1, "outputs": 4, "written": 1, "makes": 3, "stores": 3, "results": 1}  # fmt: skip
# Of a check: what is found of a (b: a name, a key, nothing), and kept under a number; or what is asked of a (b: an object, a length, an
# address of a number of keys and the keys).
STEPS = ("attribute", "item", "referent", "is", "refers", "type_is", "length", "keys", "absent", "true_of", "context")
SMALLEST_ADDRESS = 4096  # less is the number of an object made in this call

# Where CPython and NumPy keep things, in words; `permits/layout.py` sees to it that they do.
LAYOUT = {
    "TYPE": 1, "LIST_ITEMS": 3, "TUPLE_ITEMS": walker.TUPLE_ITEMS, "SIZE": 2, "FLOAT": 2, "REFERENT": 2,
    "DATA": walker.ARRAY_DATA, "AXES": 3, "EXTENTS": 4, "STRIDES": 5, "DTYPE": 7,
}  # fmt: skip
MISS = "inttoptr (i64 1 to ptr)"  # nothing was done: ask Python

# Two shorthands, here and in the texts of `gate_asks`, `gate_check` and `gate_gives`: `%x = word %p, n` and `%x = number %p, n` are what
# lies n words behind an address, as a pointer and as an integer.
TEXT = """
declare ptr @PyObject_GetAttr(ptr, ptr)
declare i32 @PyObject_SetAttr(ptr, ptr, ptr)
declare ptr @PyObject_CallNoArgs(ptr)
declare ptr @PyObject_CallOneArg(ptr, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyObject_GetItem(ptr, ptr)
declare i64 @PyObject_Size(ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare i32 @PyContextVar_Get(ptr, ptr, ptr)
declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare i32 @PyList_SetSlice(ptr, i64, i64, ptr)
declare i32 @PyList_Append(ptr, ptr)
declare ptr @PyType_GenericNew(ptr, ptr, ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyThreadState_Get()
declare i64 @PyThreadState_GetID(ptr)
declare void @PyErr_Clear()
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare i32 @memcmp(ptr, ptr, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; A call in progress: its permit, its arguments, references held (arrays; all are given back at its end), objects made (the same), keywords.
%Call = type { ptr, ptr, ptr, ptr, ptr }

define ptr @$SYMBOL(ptr %owner, ptr %args, i64 %count, ptr %names) {
entry:
  %plain = icmp eq ptr %names, null
  br i1 %plain, label %begin, label %spelt
spelt:
  %spelt_keywords = number %names, $SIZE
  br label %begin
begin:
  %keywords = phi i64 [ 0, %entry ], [ %spelt_keywords, %spelt ]
  br label %look
look:
  %n = phi i64 [ 1, %begin ], [ %next, %other ]
  %size = number %owner, $SIZE
  %more = icmp slt i64 %n, %size
  br i1 %more, label %try, label %ask
try:
  %items = word %owner, $LIST_ITEMS
  %permit = word %items, %n
  %words_array = word %permit, $TUPLE_ITEMS
  %words = word %words_array, $DATA
  %arguments = number %words, $arguments
  %wanted_keywords = number %words, $keywords
  %as_many = icmp eq i64 %arguments, %count
  %as_many_more = icmp eq i64 %wanted_keywords, %keywords
  %fits = and i1 %as_many, %as_many_more
  br i1 %fits, label %go, label %other
go:
  call void @Py_IncRef(ptr %permit)
  %result = call ptr @attempt(ptr %words, ptr %args, ptr %names)
  call void @Py_DecRef(ptr %permit)
  %missed = icmp eq ptr %result, $MISS
  br i1 %missed, label %other, label %done
other:
  %next = add i64 %n, 1
  br label %look
ask:
  %all = word %owner, $LIST_ITEMS
  %fallback = word %all, 0
  %answer = call ptr @PyObject_Vectorcall(ptr %fallback, ptr %args, i64 %count, ptr %names)
  ret ptr %answer
done:
  ret ptr %result
}

; The result of a call by one permit; null, if an exception is set; MISS, if the permit is not for this call.
define internal ptr @attempt(ptr %permit, ptr %args, ptr %names) {
  %held_count = number %permit, $held
  %made_count = number %permit, $made
  %all = add i64 %held_count, %made_count
  %held = alloca ptr, i64 %all
  %made = getelementptr ptr, ptr %held, i64 %held_count
  %bytes = shl i64 %all, 3
  call void @llvm.memset.p0.i64(ptr %held, i8 0, i64 %bytes, i1 false)
  %call = alloca %Call
  %call_args = getelementptr %Call, ptr %call, i32 0, i32 1
  %call_held = getelementptr %Call, ptr %call, i32 0, i32 2
  %call_made = getelementptr %Call, ptr %call, i32 0, i32 3
  %call_names = getelementptr %Call, ptr %call, i32 0, i32 4
  store ptr %names, ptr %call_names
  store ptr %permit, ptr %call
  store ptr %args, ptr %call_args
  store ptr %held, ptr %call_held
  store ptr %made, ptr %call_made
  %result = call ptr @go_through(ptr %call)
  call void @give_back(ptr %held, i64 %all)
  ret ptr %result
}

define internal void @give_back(ptr %references, i64 %count) {
entry:
  br label %look
look:
  %n = phi i64 [ 0, %entry ], [ %next, %give ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %give, label %done
give:
  %object = word %references, %n
  call void @Py_DecRef(ptr %object)
  %next = add i64 %n, 1
  br label %look
done:
  ret void
}

define internal ptr @go_through(ptr %call) {
  %permit = word %call, 0
$checks
  %function = word %permit, $function
  %replayed = icmp eq ptr %function, null
  br i1 %replayed, label %allocate, label %plain
plain:
  %answer = call ptr @call_plainly(ptr %call, ptr %function)
  ret ptr %answer
allocate:
  %outputs = call i1 @every(ptr %call, i64 $outputs, ptr @output)
  br i1 %outputs, label %run, label %fail
run:
  %status = call i64 @run_program(ptr %call)
  %fine = icmp eq i64 %status, 0
  br i1 %fine, label %hand_out, label %stopped
stopped:
  %error = call ptr @PyErr_Occurred()
  %no_error = icmp eq ptr %error, null
  br i1 %no_error, label %miss, label %fail
hand_out:
  %counter = word %permit, $hits
  %hits = load i64, ptr %counter
  %hits_now = add i64 %hits, 1
  store i64 %hits_now, ptr %counter
  %wrote = call i1 @every(ptr %call, i64 $written, ptr @written)
  br i1 %wrote, label %make, label %fail
make:
  %makes = call i1 @every(ptr %call, i64 $makes, ptr @make)
  br i1 %makes, label %put, label %fail
put:
  %stores = call i1 @every(ptr %call, i64 $stores, ptr @put)
  br i1 %stores, label %give, label %fail
give:
  %result = call ptr @results(ptr %call)
  ret ptr %result
fail:
  ret ptr null
miss:
  ret ptr $MISS
}

; What a function gives of the call's own arguments, as long as such calls are not asked about; MISS then. References that were kept are given
; back first: the function finds as many as its caller has.
define internal ptr @call_plainly(ptr %call, ptr %function) {
  %permit = word %call, 0
  %rest = word %permit, $rest
  %left = load i64, ptr %rest
  %some = icmp sgt i64 %left, 0
  br i1 %some, label %go, label %miss
go:
  %left_now = sub i64 %left, 1
  store i64 %left_now, ptr %rest
  %counter = word %permit, $hits
  %hits = load i64, ptr %counter
  %hits_now = add i64 %hits, 1
  store i64 %hits_now, ptr %counter
  %held = word %call, 2
  %held_count = number %permit, $held
  %made_count = number %permit, $made
  %all = add i64 %held_count, %made_count
  call void @give_back(ptr %held, i64 %all)
  %bytes = shl i64 %all, 3
  call void @llvm.memset.p0.i64(ptr %held, i8 0, i64 %bytes, i1 false)
  %args = word %call, 1
  %names = word %call, 4
  %count = number %permit, $arguments
  %answer = call ptr @PyObject_Vectorcall(ptr %function, ptr %args, i64 %count, ptr %names)
  ret ptr %answer
miss:
  ret ptr $MISS
}

; Whether a step says yes to every row of a section, in order.
define internal i1 @every(ptr %call, i64 %section, ptr %step) alwaysinline {
entry:
  %permit = word %call, 0
  %first = word %permit, %section
  %behind = add i64 %section, 1
  %count = number %permit, %behind
  %last = add i64 %section, 2
  %width = number %permit, %last
  br label %look
look:
  %n = phi i64 [ 0, %entry ], [ %next, %passed ]
  %row = phi ptr [ %first, %entry ], [ %after, %passed ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %try, label %yes
try:
  %ok = call i1 %step(ptr %call, ptr %row)
  br i1 %ok, label %passed, label %no
passed:
  %next = add i64 %n, 1
  %after = getelementptr ptr, ptr %row, i64 %width
  br label %look
yes:
  ret i1 true
no:
  ret i1 false
}
"""

CHECK = """  %$name = call i1 @every(ptr %call, i64 $place, ptr @$name)
  br i1 %$name, label %after_$name, label %miss
after_$name:
"""


@lru_cache(maxsize=None)
def native_text() -> str:
    """The gate, and the walker that it runs programs with, one module in LLVM's assembly."""
    checks = "".join(Template(CHECK).substitute(name=name, place=SECTIONS[name]) for name in CHECKS)
    places = {**LAYOUT, **HEADER, **SECTIONS, "results_count": SECTIONS["results"] + 1, "SMALLEST_ADDRESS": SMALLEST_ADDRESS, "MISS": MISS}
    cases = "\n    ".join(f"i64 {number}, label %{name}" for number, name in enumerate(STEPS))
    text = Template(TEXT + gate_asks.TEXT + gate_check.TEXT + gate_gives.TEXT).substitute(places, SYMBOL=SYMBOL, steps=cases, checks=checks.removesuffix("\n"))
    return re.sub(r"(%\w+) = (word|number) (\S+), (\S+)", _load, text) + walker.native_text()


def _load(shorthand: re.Match[str]) -> str:
    name, kind, address, place = shorthand.groups()
    return f"{name}.at = getelementptr i64, ptr {address}, i64 {place}\n  {name} = load {'ptr' if kind == 'word' else 'i64'}, ptr {name}.at"
