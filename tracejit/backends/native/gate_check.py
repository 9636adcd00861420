"""The steps by which the gate checks a trace's guards: from place to place, as Python would walk, and what is still there. In the gate's
shorthand."""

from __future__ import annotations

TEXT = """
define internal i1 @check(ptr %call, ptr %row) alwaysinline {
  %kind = number %row, 0
  %a = call ptr @named(ptr %call, ptr %row, i64 1)
  switch i64 %kind, label %no [
    $steps
  ]
attribute:
  %name = word %row, 2
  %found_attribute = call ptr @attribute(ptr %a, ptr %name)
  br label %keep
item:
  %key = word %row, 2
  %found_item = call ptr @item(ptr %call, ptr %a, ptr %key)
  br label %keep
referent:
  %refers_to = word %a, $REFERENT
  %gone = call i1 @is_none(ptr %call, ptr %refers_to)
  br i1 %gone, label %no, label %share
is:
  %wanted = call ptr @named(ptr %call, ptr %row, i64 2)
  %same = icmp eq ptr %a, %wanted
  ret i1 %same
refers: ; a is what b refers to
  %reference = word %row, 2
  %still = word %reference, $REFERENT
  %there = icmp eq ptr %a, %still
  %nothing = call i1 @is_none(ptr %call, ptr %a)
  %something = xor i1 %nothing, true
  %alive = and i1 %there, %something
  ret i1 %alive
type_is:
  %class = word %a, $TYPE
  %wanted_class = call ptr @named(ptr %call, ptr %row, i64 2)
  %right_class = icmp eq ptr %class, %wanted_class
  ret i1 %right_class
length:
  %right_length = call i1 @length(ptr %a, ptr %row)
  ret i1 %right_length
keys:
  %right_keys = call i1 @keys(ptr %call, ptr %a, ptr %row)
  ret i1 %right_keys
absent:
  %table = call ptr @named(ptr %call, ptr %row, i64 2)
  %not_there = call i1 @absent(ptr %call, ptr %table, ptr %a)
  ret i1 %not_there
context: ; the value of the context variable a is b
  %set_to = word %row, 2
  %as_then = call i1 @in_context(ptr %a, ptr %set_to)
  ret i1 %as_then
true_of:
  %argument = call ptr @named(ptr %call, ptr %row, i64 2)
  %true = call i1 @true_of(ptr %call, ptr %a, ptr %argument)
  ret i1 %true
share:
  call void @Py_IncRef(ptr %refers_to)
  br label %keep
keep: ; given back at the end of the call, as all that is made
  %value = phi ptr [ %found_attribute, %attribute ], [ %found_item, %item ], [ %refers_to, %share ]
  %made = word %call, 3
  %number = number %row, 3
  %place = getelementptr ptr, ptr %made, i64 %number
  store ptr %value, ptr %place
  %found = icmp ne ptr %value, null
  ret i1 %found
no:
  ret i1 false
}

define internal i1 @is_none(ptr %call, ptr %object) alwaysinline {
  %permit = word %call, 0
  %none = word %permit, $none
  %same = icmp eq ptr %object, %none
  ret i1 %same
}

define internal i1 @is_dict(ptr %call, ptr %object) alwaysinline {
  %permit = word %call, 0
  %dict = word %permit, $dict_type
  %type = word %object, $TYPE
  %same = icmp eq ptr %type, %dict
  ret i1 %same
}

; An item, or null; no exception is set.
define internal ptr @item(ptr %call, ptr %container, ptr %key) alwaysinline {
  %dict = call i1 @is_dict(ptr %call, ptr %container)
  br i1 %dict, label %look_up, label %ask
look_up:
  %entry = call ptr @PyDict_GetItemWithError(ptr %container, ptr %key)
  call void @Py_IncRef(ptr %entry)
  br label %done
ask:
  %value = call ptr @PyObject_GetItem(ptr %container, ptr %key)
  br label %done
done:
  %item = phi ptr [ %entry, %look_up ], [ %value, %ask ]
  %found = icmp ne ptr %item, null
  br i1 %found, label %give, label %clear
clear:
  call void @PyErr_Clear()
  ret ptr null
give:
  ret ptr %item
}

define internal i1 @length(ptr %object, ptr %row) alwaysinline {
  %size = call i64 @PyObject_Size(ptr %object)
  %known = icmp sge i64 %size, 0
  br i1 %known, label %compare, label %clear
clear:
  call void @PyErr_Clear()
  ret i1 false
compare:
  %wanted = number %row, 2
  %same = icmp eq i64 %size, %wanted
  ret i1 %same
}

; Whether a dict has these very keys, in this order.
define internal i1 @keys(ptr %call, ptr %dict, ptr %row) alwaysinline {
entry:
  %at = alloca i64
  %key = alloca ptr
  store i64 0, ptr %at
  %keys = word %row, 2
  %count = number %keys, 0
  %is_dict = call i1 @is_dict(ptr %call, ptr %dict)
  br i1 %is_dict, label %look, label %no
look:
  %n = phi i64 [ 0, %entry ], [ %next, %compare ]
  %more = call i32 @PyDict_Next(ptr %dict, ptr %at, ptr %key, ptr null)
  %over = icmp eq i32 %more, 0
  %next = add i64 %n, 1
  br i1 %over, label %end, label %within
within:
  %left = icmp slt i64 %n, %count
  br i1 %left, label %compare, label %no
compare:
  %wanted = word %keys, %next
  %found = load ptr, ptr %key
  %same = icmp eq ptr %found, %wanted
  br i1 %same, label %look, label %no
end:
  %all = icmp eq i64 %n, %count
  ret i1 %all
no:
  ret i1 false
}

define internal i1 @absent(ptr %call, ptr %dict, ptr %key) alwaysinline {
  %is_dict = call i1 @is_dict(ptr %call, ptr %dict)
  br i1 %is_dict, label %look, label %no
look:
  %item = call ptr @PyDict_GetItemWithError(ptr %dict, ptr %key)
  %none = icmp eq ptr %item, null
  br i1 %none, label %clear, label %no
clear:
  call void @PyErr_Clear()
  ret i1 true
no:
  ret i1 false
}

define internal i1 @in_context(ptr %variable, ptr %wanted) noinline {
  %room = alloca ptr
  store ptr null, ptr %room
  %status = call i32 @PyContextVar_Get(ptr %variable, ptr null, ptr %room)
  %value = load ptr, ptr %room
  %there = icmp ne ptr %value, null
  br i1 %there, label %compare, label %clear
clear:
  call void @PyErr_Clear()
  ret i1 false
compare:
  call void @Py_DecRef(ptr %value)
  %same = icmp eq ptr %value, %wanted
  ret i1 %same
}

define internal i1 @true_of(ptr %call, ptr %function, ptr %argument) alwaysinline {
  %answer = call ptr @PyObject_CallOneArg(ptr %function, ptr %argument)
  %raised = icmp eq ptr %answer, null
  br i1 %raised, label %clear, label %compare
clear:
  call void @PyErr_Clear()
  ret i1 false
compare:
  call void @Py_DecRef(ptr %answer)
  %permit = word %call, 0
  %yes = word %permit, $yes
  %true = icmp eq ptr %answer, %yes
  ret i1 %true
}
"""
