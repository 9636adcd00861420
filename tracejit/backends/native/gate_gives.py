"""What the gate does for a call that it lets through: new arrays, the program, and what is made of the results. In the gate's shorthand."""

from __future__ import annotations

TEXT = """
; What runs

define internal i1 @output(ptr %call, ptr %row) alwaysinline {
  %permit = word %call, 0
  %new_array = word %permit, $new_array
  %array_type = word %permit, $array_type
  %dtype = word %row, 1
  %axes = number %row, 2
  %axes_short = trunc i64 %axes to i32
  %extents = word %row, 3
  call void @Py_IncRef(ptr %dtype)
  %array = call ptr %new_array(ptr %array_type, ptr %dtype, i32 %axes_short, ptr %extents, ptr null, ptr null, i32 0, ptr null)
  %held = word %call, 2
  %n = number %row, 0
  %place = getelementptr ptr, ptr %held, i64 %n
  store ptr %array, ptr %place
  %made = icmp ne ptr %array, null
  ret i1 %made
}

; The program's status; with no arena at hand, nothing runs, and it is not 0.
define internal i64 @run_program(ptr %call) alwaysinline {
  %permit = word %call, 0
  %arenas = word %permit, $arenas
  %size = number %arenas, $SIZE
  %none = icmp eq i64 %size, 0
  br i1 %none, label %no, label %take
take:
  %last = sub i64 %size, 1
  %items = word %arenas, $LIST_ITEMS
  %arena = word %items, %last
  call void @Py_IncRef(ptr %arena)
  call i32 @PyList_SetSlice(ptr %arenas, i64 %last, i64 %size, ptr null)
  %count = number %permit, $arrays
  %held = word %call, 2
  %arena_number = sub i64 %count, 1
  %arena_place = getelementptr ptr, ptr %held, i64 %arena_number
  store ptr %arena, ptr %arena_place
  %table = word %arena, $DATA
  call void @gather(ptr %held, i64 %count, ptr %table)
  %program = word %permit, $program
  %long = number %permit, $long
  %released = icmp ne i64 %long, 0
  br i1 %released, label %release, label %keep
release:
  %thread = call ptr @PyEval_SaveThread()
  %long_status = call i64 @run(ptr %program, ptr %table)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %ran
keep:
  %short_status = call i64 @run(ptr %program, ptr %table)
  br label %ran
ran:
  %status = phi i64 [ %long_status, %release ], [ %short_status, %keep ]
  %appended = call i32 @PyList_Append(ptr %arenas, ptr %arena)
  %kept = icmp eq i32 %appended, 0
  br i1 %kept, label %done, label %lose
lose:
  call void @PyErr_Clear()
  br label %done
done:
  ret i64 %status
no:
  ret i64 1
}

; What is made of it

; Another version of a tensor's memory, which the tensor's history speaks of.
define internal i1 @written(ptr %call, ptr %row) alwaysinline {
  %permit = word %call, 0
  %tensor = word %row, 0
  %storage = call ptr @storage(ptr %permit, ptr %tensor)
  %have = icmp ne ptr %storage, null
  br i1 %have, label %count, label %fail
count:
  %version_name = word %permit, $version
  %version = call ptr @PyObject_GetAttr(ptr %storage, ptr %version_name)
  %known = icmp ne ptr %version, null
  br i1 %known, label %bump, label %drop
bump:
  %before = call i64 @PyLong_AsLongLong(ptr %version)
  call void @Py_DecRef(ptr %version)
  %now = add i64 %before, 1
  %later = call ptr @PyLong_FromLongLong(i64 %now)
  %stored = call i32 @PyObject_SetAttr(ptr %storage, ptr %version_name, ptr %later)
  %seen_name = word %permit, $_seen
  %seen = call i32 @PyObject_SetAttr(ptr %tensor, ptr %seen_name, ptr %later)
  call void @Py_DecRef(ptr %later)
  call void @Py_DecRef(ptr %storage)
  %both = or i32 %stored, %seen
  %fine = icmp eq i32 %both, 0
  ret i1 %fine
drop:
  call void @Py_DecRef(ptr %storage)
  ret i1 false
fail:
  ret i1 false
}

define internal ptr @storage(ptr %permit, ptr %tensor) alwaysinline {
  %name = word %permit, $_storage
  %storage = call ptr @PyObject_GetAttr(ptr %tensor, ptr %name)
  %none = word %permit, $none
  %absent = icmp eq ptr %storage, %none
  br i1 %absent, label %new, label %done
new:
  call void @Py_DecRef(ptr %storage)
  %storage_of = word %permit, $storage_of
  %fresh = call ptr @PyObject_CallOneArg(ptr %storage_of, ptr %tensor)
  ret ptr %fresh
done:
  ret ptr %storage
}

define internal i1 @make(ptr %call, ptr %row) alwaysinline {
  %permit = word %call, 0
  %held = word %call, 2
  %n = number %row, 0
  %array = word %held, %n
  %type = word %row, 2
  %bare = icmp eq ptr %type, null
  br i1 %bare, label %as_array, label %as_tensor
as_array:
  call void @Py_IncRef(ptr %array)
  %scalar_of = word %permit, $scalar_of
  %own = call ptr %scalar_of(ptr %array)
  br label %keep
as_tensor:
  %tensor = call ptr @PyType_GenericNew(ptr %type, ptr null, ptr null)
  %refused = icmp eq ptr %tensor, null
  br i1 %refused, label %fail, label %fill
fill:
  %name = word %permit, $_value
  %filled = call i32 @PyObject_SetAttr(ptr %tensor, ptr %name, ptr %array)
  br label %keep
keep:
  %object = phi ptr [ %own, %as_array ], [ %tensor, %fill ]
  %status = phi i32 [ 0, %as_array ], [ %filled, %fill ]
  %made = word %call, 3
  %number = number %row, 1
  %place = getelementptr ptr, ptr %made, i64 %number
  store ptr %object, ptr %place
  %have = icmp ne ptr %object, null
  %right = icmp eq i32 %status, 0
  %fine = and i1 %have, %right
  ret i1 %fine
fail:
  ret i1 false
}

; An object, or what was made under a number.
define internal ptr @named(ptr %call, ptr %row, i64 %place) alwaysinline {
  %number = number %row, %place
  %is_number = icmp ult i64 %number, $SMALLEST_ADDRESS
  br i1 %is_number, label %own, label %other
own:
  %made = word %call, 3
  %object = word %made, %number
  ret ptr %object
other:
  %address = inttoptr i64 %number to ptr
  ret ptr %address
}

define internal i1 @put(ptr %call, ptr %row) alwaysinline {
  %object = call ptr @named(ptr %call, ptr %row, i64 0)
  %name = word %row, 1
  %value = call ptr @named(ptr %call, ptr %row, i64 2)
  %status = call i32 @PyObject_SetAttr(ptr %object, ptr %name, ptr %value)
  %fine = icmp eq i32 %status, 0
  ret i1 %fine
}

define internal ptr @results(ptr %call) alwaysinline {
entry:
  %permit = word %call, 0
  %rows = word %permit, $results
  %finish = word %permit, $finish
  %single = icmp eq ptr %finish, null
  br i1 %single, label %one, label %many
one:
  %only = call ptr @named(ptr %call, ptr %rows, i64 0)
  call void @Py_IncRef(ptr %only)
  ret ptr %only
many:
  %count = number %permit, $results_count
  %list = call ptr @PyList_New(i64 %count)
  %refused = icmp eq ptr %list, null
  br i1 %refused, label %fail, label %look
look:
  %n = phi i64 [ 0, %many ], [ %next, %put ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %put, label %done
put:
  %object = call ptr @named(ptr %call, ptr %rows, i64 %n)
  call void @Py_IncRef(ptr %object)
  call i32 @PyList_SetItem(ptr %list, i64 %n, ptr %object)
  %next = add i64 %n, 1
  br label %look
done:
  %result = call ptr @PyObject_CallOneArg(ptr %finish, ptr %list)
  call void @Py_DecRef(ptr %list)
  ret ptr %result
fail:
  ret ptr null
}
"""
