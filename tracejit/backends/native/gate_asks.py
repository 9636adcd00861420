"""What the gate asks of a call: for each section of conditions a function, row → whether it holds. In the gate's shorthand."""

from __future__ import annotations

TEXT = """
define internal ptr @argument(ptr %call, ptr %row) alwaysinline {
  %args = word %call, 1
  %n = number %row, 0
  %argument = word %args, %n
  ret ptr %argument
}

define internal i1 @names(ptr %call, ptr %row) alwaysinline {
  %tuple = word %call, 4
  %number = number %row, 0
  %place = add i64 %number, $TUPLE_ITEMS
  %name = word %tuple, %place
  %wanted = word %row, 1
  %same = icmp eq ptr %name, %wanted
  ret i1 %same
}

define internal i1 @objects(ptr %call, ptr %row) alwaysinline {
  %argument = call ptr @argument(ptr %call, ptr %row)
  %wanted = word %row, 1
  %same = icmp eq ptr %argument, %wanted
  ret i1 %same
}

define internal i1 @floats(ptr %call, ptr %row) alwaysinline {
  %argument = call ptr @argument(ptr %call, ptr %row)
  %permit = word %call, 0
  %float = word %permit, $float_type
  %type = word %argument, $TYPE
  %right = icmp eq ptr %type, %float
  br i1 %right, label %compare, label %no
compare:
  %bits = number %argument, $FLOAT
  %wanted = number %row, 1
  %same = icmp eq i64 %bits, %wanted
  ret i1 %same
no:
  ret i1 false
}

define internal i1 @referents(ptr %call, ptr %row) alwaysinline {
  %argument = call ptr @argument(ptr %call, ptr %row)
  %reference = word %row, 1
  %wanted = word %reference, $REFERENT
  %same = icmp eq ptr %argument, %wanted
  ret i1 %same
}

define internal void @hold(ptr %call, ptr %row, ptr %object) alwaysinline {
  %held = word %call, 2
  %n = number %row, 1
  %place = getelementptr ptr, ptr %held, i64 %n
  store ptr %object, ptr %place
  ret void
}

define internal i1 @given_arrays(ptr %call, ptr %row) alwaysinline {
  %argument = call ptr @argument(ptr %call, ptr %row)
  %wanted = word %row, 2
  %type = word %argument, $TYPE
  %right = icmp eq ptr %type, %wanted
  br i1 %right, label %look, label %no
look:
  call void @Py_IncRef(ptr %argument)
  call void @hold(ptr %call, ptr %row, ptr %argument)
  %fits = call i1 @laid_out(ptr %argument, ptr %row)
  ret i1 %fits
no:
  ret i1 false
}

define internal i1 @given_tensors(ptr %call, ptr %row) alwaysinline {
  %argument = call ptr @argument(ptr %call, ptr %row)
  %permit = word %call, 0
  %wanted = word %row, 2
  %type = word %argument, $TYPE
  %right = icmp eq ptr %type, %wanted
  br i1 %right, label %look, label %no
look:
  %value_name = word %permit, $_value
  %array = call ptr @attribute(ptr %argument, ptr %value_name)
  %found = icmp ne ptr %array, null
  br i1 %found, label %have, label %no
have:
  call void @hold(ptr %call, ptr %row, ptr %array)
  %array_type = word %permit, $array_type
  %kind = word %array, $TYPE
  %is_array = icmp eq ptr %kind, %array_type
  br i1 %is_array, label %recorded, label %no
recorded:
  %requires_name = word %permit, $_requires_grad
  %requires = word %row, 3
  %as_was = call i1 @has(ptr %argument, ptr %requires_name, ptr %requires)
  br i1 %as_was, label %leaf, label %no
leaf: ; one that requires no gradient has no history that matters
  %no_object = word %permit, $no
  %unrecorded = icmp eq ptr %requires, %no_object
  br i1 %unrecorded, label %layout, label %origin
origin:
  %application_name = word %permit, $_application
  %none = word %permit, $none
  %is_leaf = call i1 @has(ptr %argument, ptr %application_name, ptr %none)
  br i1 %is_leaf, label %layout, label %no
layout:
  %fits = call i1 @laid_out(ptr %array, ptr %row)
  ret i1 %fits
no:
  ret i1 false
}

; Whether an array has the dtype, the extents and the strides that a row says.
define internal i1 @laid_out(ptr %array, ptr %row) alwaysinline {
  %dtype = word %array, $DTYPE
  %wanted_dtype = word %row, 4
  %same_dtype = icmp eq ptr %dtype, %wanted_dtype
  %axes_place = getelementptr i64, ptr %array, i64 $AXES
  %axes_short = load i32, ptr %axes_place
  %axes = sext i32 %axes_short to i64
  %wanted_axes = number %row, 5
  %same_axes = icmp eq i64 %axes, %wanted_axes
  %like = and i1 %same_dtype, %same_axes
  br i1 %like, label %compare, label %no
compare:
  %bytes = shl i64 %axes, 3
  %layout = word %row, 6
  %extents = word %array, $EXTENTS
  %strides = word %array, $STRIDES
  %wanted_strides = getelementptr i64, ptr %layout, i64 %axes
  %other_extents = call i32 @memcmp(ptr %extents, ptr %layout, i64 %bytes)
  %other_strides = call i32 @memcmp(ptr %strides, ptr %wanted_strides, i64 %bytes)
  %differ = or i32 %other_extents, %other_strides
  %same = icmp eq i32 %differ, 0
  ret i1 %same
no:
  ret i1 false
}

define internal i1 @different(ptr %call, ptr %row) alwaysinline {
  %one = call ptr @argument(ptr %call, ptr %row)
  %behind = getelementptr ptr, ptr %row, i64 1
  %other = call ptr @argument(ptr %call, ptr %behind)
  %differ = icmp ne ptr %one, %other
  ret i1 %differ
}

define internal i1 @captures(ptr %call, ptr %row) alwaysinline {
  %permit = word %call, 0
  %name = word %permit, $_value
  %tensor = word %row, 0
  %array = call ptr @attribute(ptr %tensor, ptr %name)
  call void @hold(ptr %call, ptr %row, ptr %array)
  %wanted = word %row, 2
  %same = icmp eq ptr %array, %wanted
  ret i1 %same
}

define internal i1 @apart(ptr %call, ptr %row) alwaysinline {
  %one = call i64 @data(ptr %call, ptr %row)
  %second = getelementptr ptr, ptr %row, i64 3
  %other = call i64 @data(ptr %call, ptr %second)
  %one_low = number %row, 1
  %one_high = number %row, 2
  %other_low = number %row, 4
  %other_high = number %row, 5
  %a = add i64 %one, %one_low
  %b = add i64 %one, %one_high
  %c = add i64 %other, %other_low
  %d = add i64 %other, %other_high
  %before = icmp ule i64 %b, %c
  %after = icmp ule i64 %d, %a
  %apart = or i1 %before, %after
  ret i1 %apart
}

define internal i64 @data(ptr %call, ptr %row) alwaysinline {
  %held = word %call, 2
  %n = number %row, 0
  %array = word %held, %n
  %data = number %array, $DATA
  ret i64 %data
}

; An attribute, or null; no exception is set.
define internal ptr @attribute(ptr %object, ptr %name) alwaysinline {
  %value = call ptr @PyObject_GetAttr(ptr %object, ptr %name)
  %found = icmp ne ptr %value, null
  br i1 %found, label %done, label %clear
clear:
  call void @PyErr_Clear()
  br label %done
done:
  ret ptr %value
}

; Whether an attribute is this very object.
define internal i1 @has(ptr %object, ptr %name, ptr %wanted) alwaysinline {
  %value = call ptr @attribute(ptr %object, ptr %name)
  call void @Py_DecRef(ptr %value)
  %same = icmp eq ptr %value, %wanted
  ret i1 %same
}

define internal i1 @attributes(ptr %call, ptr %row) alwaysinline {
  %object = word %row, 0
  %name = word %row, 1
  %value = word %row, 2
  %wanted = number %row, 3
  %is = call i1 @has(ptr %object, ptr %name, ptr %value)
  %found = zext i1 %is to i64
  %right = icmp eq i64 %found, %wanted
  ret i1 %right
}

; What an object has in this thread lies in a dict of the thread's own, which is asked for when another thread comes.
define internal i1 @own(ptr %call, ptr %row) alwaysinline {
  %state = call ptr @PyThreadState_Get()
  %thread = call i64 @PyThreadState_GetID(ptr %state)
  %known = number %row, 4
  %again = icmp eq i64 %thread, %known
  br i1 %again, label %look, label %ask
ask:
  %found = call i1 @meet_thread(ptr %row, i64 %thread)
  br i1 %found, label %look, label %no
look:
  %dict = word %row, 5
  %name = word %row, 1
  %value = call ptr @PyDict_GetItemWithError(ptr %dict, ptr %name)
  %absent = icmp eq ptr %value, null
  br i1 %absent, label %default, label %compare
default:
  %by_default = number %row, 3
  %yes = icmp ne i64 %by_default, 0
  ret i1 %yes
compare:
  %wanted = word %row, 2
  %same = icmp eq ptr %value, %wanted
  ret i1 %same
no:
  ret i1 false
}

; The thread keeps its dict alive; no other thread ever has its number.
define internal i1 @meet_thread(ptr %row, i64 %thread) alwaysinline {
  %object = word %row, 0
  %name = word %row, 6
  %dict = call ptr @attribute(ptr %object, ptr %name)
  %found = icmp ne ptr %dict, null
  br i1 %found, label %keep, label %no
keep:
  call void @Py_DecRef(ptr %dict)
  %thread_place = getelementptr i64, ptr %row, i64 4
  store i64 %thread, ptr %thread_place
  %dict_place = getelementptr i64, ptr %row, i64 5
  store ptr %dict, ptr %dict_place
  ret i1 true
no:
  ret i1 false
}

define internal i1 @guards(ptr %call, ptr %row) alwaysinline {
  %guard = word %row, 0
  %answer = call ptr @PyObject_CallNoArgs(ptr %guard)
  %raised = icmp eq ptr %answer, null
  br i1 %raised, label %clear, label %compare
clear:
  call void @PyErr_Clear()
  ret i1 false
compare:
  call void @Py_DecRef(ptr %answer)
  %permit = word %call, 0
  %none = word %permit, $none
  %holds = icmp eq ptr %answer, %none
  ret i1 %holds
}
"""
