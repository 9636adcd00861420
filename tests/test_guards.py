"""What a function reached for during a trace: while it is unchanged the guards hold; once it is changed, the right one fails."""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
import gc
import math
import operator
import sys
import threading
import timeit
import types
import weakref

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn, optim
from tracejit.frontend import Reach, compile_guards

X = tj.asarray(np.ones(3, np.float32))
HERE = "test_guards.py"

scale = 2.0
count = 3
flag = True
config = {"lr": 0.1, "other": 1, "nested": {"depth": 2}}
layers: list = []
values = [1.0, 2.0, 3.0]
table = {1, 2}
outer = X * 1
settings = types.SimpleNamespace(rate=0.5, unused=1)
module = types.ModuleType("somewhere")
module.factor = 4.0
sys.modules["somewhere"] = module
get_scale = operator.attrgetter("scale")
names = ("scale_of", "rate_of")
nan = math.nan
Pair = collections.namedtuple("Pair", "a b")
pair = Pair(1.0, [2.0])
many = [float(i) for i in range(100)]
holders: list = []
local = threading.local()
local.value = 1.0


class Layer:
    kind_scale = 1.5

    def __init__(self, scale=1.0, training=True):
        self.scale = scale
        self.training = training
        self.weight = X * scale
        self.child = None
        self.parts = []
        self.options = {"p": 0.5, "q": 1.0}

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        return x * self.scale

    def by_class(self, x):
        return x * self.kind_scale

    def by_item(self, x):
        return x * self.options["p"]

    @property
    def double(self):
        return self.scale * 2

    @classmethod
    def of_class(cls, x):
        return x * cls.kind_scale

    @staticmethod
    def alone(x):
        return x * scale

    def __getattr__(self, name):
        if name == "made_up":
            return self.scale
        raise AttributeError(name)


class Derived(Layer):
    def forward(self, x):
        return super().forward(x) + 1


class Slotted:
    __slots__ = ("scale", "__weakref__")

    def __init__(self, scale):
        self.scale = scale


class Node:
    def __init__(self, value, next=None):
        self.value, self.next = value, next


def identity(x):
    return x


helper = identity


def replaced(x):
    return x + 1


def by_default(x, factor=3.0, *, offset=1.0, more=config):
    return x * factor + offset


def by_helper(x):
    return helper(x) * scale


def fibonacci(x, n):
    return x if n < 2 else fibonacci(x, n - 1) + fibonacci(x, n - 2) * scale


CASES = {}


def case(wanted, name=None):
    """A function that gives (function, arguments, what changes the world, what changes it back); `wanted` guard fails then."""

    def note(make):
        CASES[make.__name__] = (make, wanted)
        return make

    return note


def setter(target, name, value):
    """Set a global, an attribute or an item; and set it back."""
    if isinstance(target, (dict, list)):
        before = target[name]
        return lambda: target.__setitem__(name, value), lambda: target.__setitem__(name, before)
    had = name in vars(target) if hasattr(target, "__dict__") and not name.startswith("__") else True
    before = getattr(target, name, None)
    return lambda: setattr(target, name, value), lambda: setattr(target, name, before) if had else delattr(target, name)


def here(name, value):
    return setter(sys.modules[__name__], name, value)


@case(f"global `scale` of {HERE} was 2.0")
def a_global():
    return lambda x: x * scale, (X,), *here("scale", 3.0)


@case(f"global `scale` of {HERE} was 2.0")
def a_global_of_another_type():
    return lambda x: x * scale, (X,), *here("scale", 2)


@case(f"global `flag` of {HERE} was True")
def a_global_that_was_true_and_is_one():
    return lambda x: x * flag, (X,), *here("flag", 1)


@case(f"global `count` of {HERE} was 3")
def a_global_in_a_branch_not_taken():
    return lambda x: x * count if scale > 100 else x, (X,), *here("count", 4)


@case(f"global `outer` of {HERE} was a Tensor")
def a_global_tensor():
    return lambda x: x * outer, (X,), *here("outer", X * 2)


@case(f"global `helper` of {HERE} was identity")
def a_global_function():
    return by_helper, (X,), *here("helper", replaced)


@case(f"global `scale` of {HERE} was 2.0")
def a_global_of_a_helper():
    return by_helper, (X,), *here("scale", 3.0)


@case(f"global `scale` of {HERE} was 2.0")
def a_global_of_a_recursive_function():
    return fibonacci, (X, 4), *here("scale", 3.0)


@case(f"item 'lr' of global `config` of {HERE} was 0.1")
def a_constant_item():
    return lambda x: x * config["lr"], (X,), *setter(config, "lr", 0.2)


@case(f"item 'depth' of item 'nested' of global `config` of {HERE} was 2")
def a_nested_item():
    return lambda x: x * config["nested"]["depth"], (X,), *setter(config["nested"], "depth", 3)


@case(f"item 'lr' of global `config` of {HERE} was 0.1")
def an_item_by_get():
    return lambda x: x * config.get("lr"), (X,), *setter(config, "lr", 0.2)


@case(f"item 'other' of global `config` of {HERE} was 1")
def an_item_by_a_computed_key():
    def function(x, key):
        return x * config[key]

    return function, (X, "other"), *setter(config, "other", 2)


@case(f"global `config` of {HERE} had the keys ['lr', 'other', 'nested']")
def a_new_key():
    return lambda x: x * len(config), (X,), *(lambda: config.update(z=1), lambda: config.pop("z"))


@case(f"item 1 of global `values` of {HERE} was 2.0")
def an_element_by_iteration():
    return lambda x: sum(x * v for v in values), (X,), *setter(values, 1, 5.0)


@case(f"global `values` of {HERE} had 3 items")
def the_length_of_a_list():
    return lambda x: sum(x * v for v in values), (X,), *(lambda: values.append(4.0), lambda: values.pop())


@case(f"global `many` of {HERE} had 100 items")
def an_element_of_a_long_list():
    return lambda x: x * sum(many), (X,), *setter(many, 50, -1.0)


@case(f"global `table` of {HERE} had 2 items")
def an_element_of_a_set():
    return lambda x: x * len(table), (X,), *(lambda: (table.remove(1), table.add(True)), lambda: (table.remove(True), table.add(1)))


@case("attribute `rate` of SimpleNamespace was 0.5")
def an_attribute_of_a_global():
    return lambda x: x * settings.rate, (X,), *setter(settings, "rate", 0.6)


@case("global `factor` of somewhere was 4.0")
def an_attribute_of_a_module():
    return lambda x: x * module.factor, (X,), *setter(module, "factor", 5.0)


@case("global `factor` of somewhere was 4.0")
def an_import_inside():
    def function(x):
        import somewhere

        return x * somewhere.factor

    return function, (X,), *setter(module, "factor", 5.0)


@case("global `factor` of somewhere was 4.0")
def an_import_from_inside():
    def function(x):
        from somewhere import factor

        return x * factor

    return function, (X,), *setter(module, "factor", 5.0)


@case(f"item 0 of item 1 of global `pair` of {HERE} was 2.0")
def a_field_of_a_named_tuple():
    return lambda x: x * pair.b[0], (X,), *setter(pair.b, 0, 3.0)


@case("free variable `factor` of function was 2.0")
def a_closure():
    factor = 2.0

    def function(x):
        return x * factor

    def change(value):
        nonlocal factor
        factor = value

    return function, (X,), lambda: change(3.0), lambda: change(2.0)


@case("free variable `factor` of inner was 2.0")
def a_closure_of_a_helper():
    factor = 2.0

    def inner(x):
        return x * factor

    def function(x):
        return inner(x)

    def change(value):
        nonlocal factor
        factor = value

    return function, (X,), lambda: change(3.0), lambda: change(2.0)


@case("free variable `factor` of original was 2.0")
def a_closure_behind_a_decorator():
    factor = 2.0

    def decorated(fn):
        @functools.wraps(fn)
        def wrapper(*args):
            return fn(*args)

        return wrapper

    def original(x):
        return x * factor

    def change(value):
        nonlocal factor
        factor = value

    return decorated(original), (X,), lambda: change(3.0), lambda: change(2.0)


@case("free variable `factor` of <lambda> was 2.0")
def a_closure_found_only_by_search():
    factor = 2.0
    hidden = {"f": lambda x: x * factor}
    getter = types.MappingProxyType(hidden)

    def change(value):
        nonlocal factor
        factor = value

    class Hider:
        def __getitem__(self, key):
            return getter[key]

    hider = Hider()
    return lambda x: hider["f"](x), (X,), lambda: change(3.0), lambda: change(2.0)


@case("the defaults of by_default was (3.0,)")
def a_default():
    change, back = setter(by_default, "__defaults__", (4.0,))
    return lambda x: by_default(x), (X,), change, back


@case("item 'offset' of the defaults of by_default was 1.0")
def a_keyword_default():
    return lambda x: by_default(x), (X,), *setter(by_default.__kwdefaults__, "offset", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_of_an_argument():
    layer = Layer()
    return lambda layer, x: x * layer.scale, (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `training` of Layer was True")
def a_flag_of_an_argument():
    layer = Layer()
    return lambda layer, x: x if layer.training else x * 0, (layer, X), *setter(layer, "training", False)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_of_self():
    layer = Layer()
    return layer.forward, (X,), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_of_a_callable_object():
    layer = Layer()
    return layer, (X,), *setter(layer, "scale", 2.0)


@case("attribute `weight` of Layer was a Tensor")
def a_tensor_attribute():
    layer = Layer()
    return lambda layer, x: x * layer.weight, (layer, X), *setter(layer, "weight", X * 2)


@case("attribute `scale` of Layer was 3.0")
def a_nested_attribute():
    layer = Layer()
    layer.child = Layer(3.0)
    return lambda layer, x: x * layer.child.scale, (layer, X), *setter(layer.child, "scale", 2.0)


@case("attribute `child` of Layer was a Layer")
def a_nested_object():
    layer = Layer()
    layer.child = Layer(3.0)
    return lambda layer, x: x * layer.child.scale, (layer, X), *setter(layer, "child", Layer(3.0))


@case("attribute `scale` of Layer was 3.0")
def an_attribute_through_a_local():
    layer = Layer()
    layer.child = Layer(3.0)

    def function(layer, x):
        child = layer.child
        return x * child.scale

    return function, (layer, X), *setter(layer.child, "scale", 2.0)


@case("attribute `scale` of Layer was 3.0")
def an_attribute_through_either_of_two():
    layer = Layer()
    layer.child, layer.other = Layer(3.0), Layer(4.0)
    return lambda layer, x: x * (layer.child if layer.training else layer.other).scale, (layer, X), *setter(layer.child, "scale", 2.0)


@case("attribute `scale` of Layer was 4.0")
def an_attribute_in_a_loop():
    layer = Layer()
    layer.parts = [Layer(3.0), Layer(4.0)]

    def function(layer, x):
        for part in layer.parts:
            x = x * part.scale
        return x

    return function, (layer, X), *setter(layer.parts[1], "scale", 5.0)


@case("attribute `scale` of Layer was 4.0")
def an_attribute_of_elements_that_are_called():
    layer = Layer()
    layer.parts = [Layer(3.0), Layer(4.0)]
    return lambda layer, x: [part(x) for part in layer.parts][-1], (layer, X), *setter(layer.parts[1], "scale", 5.0)


@case("attribute `parts` of Layer had 2 items")
def one_more_element():
    layer = Layer()
    layer.parts = [Layer(3.0), Layer(4.0)]
    return lambda layer, x: [part(x) for part in layer.parts][-1], (layer, X), lambda: layer.parts.append(Layer(1.0)), layer.parts.pop


@case("attribute `value` of Node was 3.0")
def a_linked_list():
    nodes = Node(1.0, Node(2.0, Node(3.0)))

    def function(node, x):
        while node is not None:
            x, node = x * node.value, node.next
        return x

    return function, (nodes, X), *setter(nodes.next.next, "value", 4.0)


@case("attribute `kind_scale` of Layer was 1.5")
def a_class_attribute():
    return Layer().by_class, (X,), *setter(Layer, "kind_scale", 2.5)


@case("attribute `kind_scale` of Layer was 1.5")
def a_class_attribute_hidden_by_the_instance():
    layer = Layer()
    change, back = setter(layer, "kind_scale", 2.5)
    return layer.by_class, (X,), change, back


@case("attribute `kind_scale` of Layer was 1.5")
def a_class_attribute_by_a_class_method():
    return Layer.of_class, (X,), *setter(Layer, "kind_scale", 2.5)


@case("attribute `forward` of Layer was Layer.forward")
def a_method_replaced_in_its_class():
    return Layer(), (X,), *setter(Layer, "forward", lambda self, x: x)


@case("attribute `forward` of Layer was Layer.forward")
def a_method_replaced_in_its_object():
    layer = Layer()
    return layer, (X,), *setter(layer, "forward", replaced)


@case("attribute `forward` of Layer was Layer.forward")
def a_method_of_the_base():
    return Derived(), (X,), *setter(Layer, "forward", lambda self, x: x)


@case(f"global `scale` of {HERE} was 2.0")
def a_static_method():
    return Layer.alone, (X,), *here("scale", 3.0)


@case("attribute `scale` of Layer was 1.0")
def a_property():
    layer = Layer()
    return lambda layer, x: x * layer.double, (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `double` of Layer was a property")
def a_property_replaced():
    layer = Layer()
    return lambda layer, x: x * layer.double, (layer, X), *setter(Layer, "double", property(lambda self: 7.0))


@case("attribute `scale` of Layer was 1.0")
def an_attribute_made_up():
    layer = Layer()
    return lambda layer, x: x * layer.made_up, (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `made_up` of Layer was absent")
def an_attribute_that_was_made_up_and_is_set():
    layer = Layer()
    return lambda layer, x: x * layer.made_up, (layer, X), *setter(layer, "made_up", 2.0)


@case("attribute `hook` of Layer was absent")
def an_attribute_that_was_asked_for():
    layer = Layer()
    return lambda layer, x: x * 2 if hasattr(layer, "hook") else x, (layer, X), *setter(layer, "hook", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_by_getattr():
    layer = Layer()
    return lambda layer, x: x * getattr(layer, "scale", 1.0), (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_by_a_computed_name():
    layer = Layer()

    def function(layer, x):
        return x * getattr(layer, names[0].partition("_")[0])

    return function, (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_by_vars():
    layer = Layer()

    def function(layer, x):
        return x * vars(layer)["scale"]

    return function, (layer, X), *setter(layer, "scale", 2.0)


@case("the attributes of Layer had the keys ['scale', 'training', 'weight', 'child', 'parts', 'options']")
def an_attribute_that_is_new():
    layer = Layer()
    return lambda layer, x: x * len(layer.__dict__), (layer, X), *setter(layer, "fresh", 2.0)


@case("item 'p' of attribute `options` of Layer was 0.5")
def an_item_of_an_attribute():
    layer = Layer()
    return layer.by_item, (X,), *setter(layer.options, "p", 0.6)


@case("attribute `scale` of Slotted was 2.0")
def a_slot():
    slotted = Slotted(2.0)
    return lambda s, x: x * s.scale, (slotted, X), *setter(slotted, "scale", 3.0)


@case("attribute `value` of _local was 1.0")
def a_thread_local():
    return lambda x: x * local.value, (X,), *setter(local, "value", 2.0)


@case("item 'k' of `keywords` of the partial was 2.0")
def a_keyword_of_a_partial():
    def function(x, k):
        return x * k

    partial = functools.partial(function, k=2.0)
    return partial, (X,), *setter(partial.keywords, "k", 3.0)


@case("attribute `scale` of Layer was 1.0")
def an_object_in_a_partial():
    layer = Layer()
    return functools.partial(lambda layer, x: x * layer.scale, layer), (X,), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_object_in_a_container_among_the_arguments():
    layer = Layer()
    return lambda batch, x: x * batch["layer"].scale, ({"layer": layer}, X), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_object_in_a_list_the_function_makes():
    layer = Layer()

    def total(parts, x):
        return sum(x * p.scale for p in parts)

    return lambda layer, x: total([layer, layer.child or layer], x), (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `rate` of Options was 0.5")
def a_dataclass():
    @dataclasses.dataclass
    class Options:
        rate: float = 0.5

    options = Options()
    return lambda o, x: x * o.rate, (options, X), *setter(options, "rate", 0.6)


@case("attribute `p` of Dropout was 0.0")
def a_module_of_ours():
    dropout = nn.Dropout(0.0)
    return lambda m, x: m(x), (dropout, X), *setter(dropout, "p", 0.5)


@case("attribute `training` of BatchNorm1d was True")
def the_mode_of_a_module_of_ours():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    return lambda m, x: m(x), (model, tj.ones((2, 3))), lambda: setattr(model[1], "training", False), lambda: setattr(model[1], "training", True)


@case("attribute `weight` of Linear was a Parameter")
def a_parameter():
    model = nn.Linear(3, 4)
    return lambda m, x: m(x), (model, tj.ones((2, 3))), *setter(model, "weight", nn.Parameter(tj.ones((4, 3))))


@case("attribute `scale` of Layer was 2.0")
def objects_in_a_list_among_the_arguments():
    layers = [Layer(1.0), Layer(2.0)]
    return lambda layers, x: sum(x * p.scale for p in layers), (layers, X), *setter(layers[1], "scale", 3.0)


@case("attribute `scale` of Layer was 2.0")
def objects_in_a_nested_dict_among_the_arguments():
    layers = {"a": ([Layer(1.0)], {"b": Layer(2.0)})}

    def function(batch, x):
        for one, many in batch.values():
            for part in [*one, *many]:
                x = x * part.scale
        return x

    def walk(batch, x):
        for part in batch["a"][1].values():
            x = x * part.scale
        return x

    assert function is not None
    return walk, (layers, X), *setter(layers["a"][1]["b"], "scale", 3.0)


@case("attribute `scale` of Layer was 2.0")
def objects_as_further_arguments():
    layers = [Layer(1.0), Layer(2.0)]
    return lambda x, *parts: sum(x * p.scale for p in parts), (X, *layers), *setter(layers[1], "scale", 3.0)


@case("attribute `kind_scale` of Layer was 1.5")
def a_class_attribute_by_dunder_class():
    return lambda layer, x: x * layer.__class__.kind_scale, (Layer(), X), *setter(Layer, "kind_scale", 2.5)


@case("attribute `kind_scale` of Layer was 1.5")
def a_class_attribute_by_type():
    return lambda layer, x: x * type(layer).kind_scale, (Layer(), X), *setter(Layer, "kind_scale", 2.5)


@case("attribute `scale` of Layer was 1.0")
def an_object_behind_a_weak_reference():
    layer = Layer()
    holder = types.SimpleNamespace(ref=weakref.ref(layer))
    return lambda holder, x: x * holder.ref().scale, (holder, X), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_object_in_a_weak_dictionary():
    layer = Layer()
    holder = weakref.WeakValueDictionary(k=layer)
    return lambda holder, x: x * holder["k"].scale, (holder, X), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_by_an_outer_attrgetter():
    layer = Layer()
    return lambda layer, x: x * get_scale(layer), (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_by_an_inner_attrgetter():
    layer = Layer()
    return lambda layer, x: x * operator.attrgetter("scale")(layer), (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `scale` of Layer was 1.0")
def an_attribute_by_match():
    layer = Layer()

    def function(layer, x):
        match layer:
            case Layer(training=True, scale=s):
                return x * s
        return x

    return function, (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `rate` of Options was 0.5")
def a_dataclass_by_asdict():
    @dataclasses.dataclass
    class Options:
        rate: float = 0.5

    options = Options()
    return lambda o, x: x * dataclasses.asdict(o)["rate"], (options, X), *setter(options, "rate", 0.6)


@case("attribute `scale` of Layer was 1.0")
def an_object_that_is_copied():
    layer = Layer()
    return lambda layer, x: x * copy.copy(layer).__dict__["scale"], (layer, X), *setter(layer, "scale", 2.0)


@case("attribute `class` of SimpleNamespace was 1.0")
def an_attribute_named_by_a_keyword():
    holder = types.SimpleNamespace(**{"class": 1.0})
    return lambda holder, x: x * getattr(holder, "class"), (holder, X), *setter(holder, "class", 2.0)


@case("item 'lr' of item 0 of attribute `param_groups` of SGD was 0.1")
def a_learning_rate_by_a_computed_key():
    opt = optim.SGD([tj.ones(3)], lr=0.1)

    def function(opt, x, key):
        for group in opt.param_groups:
            x = x * group[key]
        return x

    return function, (opt, X, "lr"), *setter(opt.param_groups[0], "lr", 0.2)


@case("global `scale` of test_guards.py was 2.0")
def a_compiled_function_that_is_called():
    compiled = tj.compile(lambda x: x * scale)
    return lambda x: compiled(x), (X,), *here("scale", 3.0)


@case("free variable `factor` of <lambda> was 2.0")
def a_closure_of_a_compiled_function():
    factor = 2.0
    compiled = tj.compile(lambda x: x * factor)

    def change(value):
        nonlocal factor
        factor = value

    return lambda x: compiled(x), (X,), lambda: change(3.0), lambda: change(2.0)


@case("attribute `rows` of Table was a list")
def items_by_a_method_of_the_users():
    class Table:
        def __init__(self):
            self.rows = [1.0, 2.0]

        def __getitem__(self, i):
            return self.rows[i]

        def __len__(self):
            return len(self.rows)

    rows = Table()
    return lambda t, x: x * t[1] * len(t), (rows, X), *setter(rows, "rows", (1.0, 2.0))


@case("item 'k' of the Special object was 1.0")
def an_item_of_a_dict_of_the_users():
    class Special(dict):
        def __missing__(self, key):
            return 0.0

    special = Special(k=1.0)
    return lambda s, x: x * s["k"] * s.extra, (special, X), *(setter(special, "k", 2.0), setattr(special, "extra", 2.0))[0]


def traced(function, args, kwargs=None):
    with Reach(function, args, kwargs or {}) as reach:
        function(*args, **(kwargs or {}))
    return reach


@pytest.mark.parametrize("make, wanted", CASES.values(), ids=CASES)
def test_the_right_guard_fails(make, wanted):
    function, args, change, back = make()
    reach = traced(function, args)
    assert reach.incomplete is None and reach.effects == [] and reach.changed() is None
    check = compile_guards(reach.guards)
    assert check() is None and all(guard.holds() for guard in reach.guards)
    change()
    try:
        failing = check()
        assert failing is not None and not failing.holds()
        broken = [guard.description for guard in reach.guards if not guard.holds()]
        assert wanted in broken, broken
        assert failing.change.startswith(failing.description)
    finally:
        back()
    assert check() is None


UNCHANGED = {  # changes that a function does not see
    "another item": (lambda x: x * config["lr"], *setter(config, "other", 7)),
    "another attribute": (lambda x: x * settings.rate, *setter(settings, "unused", 7)),
    "another global": (lambda x: x * scale, *here("count", 9)),
    "an equal float": (lambda x: x * scale, *here("scale", float("2.0"))),
    "a NaN": (lambda x: x * nan, *here("nan", float("nan"))),
    "an equal list": (lambda x: sum(x * v for v in values), *here("values", [1.0, 2.0, 3.0])),
    "an equal dict": (lambda x: x * config["lr"], *here("config", {"lr": 0.1})),
    "the contents of a tensor": (lambda x: x * outer, lambda: outer.numpy().fill(5), lambda: outer.numpy().fill(1)),
}


@pytest.mark.parametrize("function, change, back", UNCHANGED.values(), ids=UNCHANGED)
def test_other_changes_fail_no_guard(function, change, back):
    check = compile_guards(traced(function, (X,)).guards)
    change()
    try:
        assert check() is None
    finally:
        back()


def test_minus_zero_is_not_zero():
    settings.zero = 0.0
    check = compile_guards(traced(lambda x: x * settings.zero, (X,)).guards)
    settings.zero = -0.0
    assert check() is not None
    del settings.zero


def test_two_instances_share_no_guard():
    one, two = Layer(1.0), Layer(2.0)
    first, second = traced(one, (X,)), traced(two, (X,))
    two.scale = 5.0
    assert compile_guards(first.guards)() is None and compile_guards(second.guards)() is not None


def test_one_container_in_two_places_stays_one():
    shared = [1.0]
    both = types.SimpleNamespace(a=shared, b=shared)

    def function(x):
        return x * both.a[0] * both.b[0]

    check = compile_guards(traced(function, (X,)).guards)
    assert check() is None
    both.b = [1.0]
    assert check() is not None


@dataclasses.dataclass
class Scratch:
    rate: float
    tensor: object = None


def test_what_the_trace_makes_is_not_guarded():
    def use(scratch, parts, x):
        parts.append(scratch)
        return x * scratch.rate * parts[0].rate

    def function(x):
        made = Layer(2.0)
        parts = [types.SimpleNamespace(scale=1.0)]
        table = {"k": [1.0]}
        table["k"].append(2.0)
        holders_here = [p.scale for p in parts]
        return use(Scratch(1.0, x), [], made(x)) * holders_here[0] * sum(table["k"])

    reach = traced(function, (X,))
    assert reach.effects == [] and reach.incomplete is None
    words = " ".join(guard.description for guard in reach.guards)
    assert "of Scratch" not in words and "SimpleNamespace" not in words and "attribute `scale`" not in words
    gc.collect()
    assert compile_guards(reach.guards)() is None


def test_guards_keep_no_object_alive():
    layer = Layer()
    layer.child, layer.parts = Layer(2.0), [Layer(3.0)]
    layer.child.array = np.ones(3)

    def function(layer, x):
        return x * layer.child.array.size * layer.child.weight * sum(p(x) for p in layer.parts)

    reach = traced(function, (layer, X))
    check = compile_guards(reach.guards)
    arrays = [weakref.ref(layer.child.array), weakref.ref(layer.child.weight), weakref.ref(layer.parts[0]), weakref.ref(layer)]
    reach.arrays.clear()
    del layer
    gc.collect()
    assert [a() for a in arrays] == [None] * 4
    assert check() is not None


def test_outer_arrays_are_listed():
    array = np.ones(3)
    holders.append(array)
    reach = traced(lambda x: x * holders[0], (X,))
    holders.clear()
    assert len(reach.arrays) == 1 and reach.arrays[0] is array


def test_a_learning_rate_is_no_guard_of_a_step():
    model = nn.Linear(3, 2)
    opt = optim.Adam(model.parameters(), lr=1e-3, weight_decay=0.1)

    def step(x):
        opt.zero_grad()
        loss = (model(x) * model(x)).sum()
        loss.backward()
        opt.step()
        return loss

    x = tj.ones((4, 3))
    step(x)
    reach = traced(step, (x,))
    assert reach.effects == [] and reach.incomplete is None
    check = compile_guards(reach.guards)
    assert check() is None
    opt.param_groups[0]["lr"] = 1e-2
    assert check() is None
    opt.param_groups[0]["weight_decay"] = 0.0  # another program: a term is gone
    assert check() is not None


def test_a_bound_on_what_is_reached_is_reported():
    deep = [[float(j) for j in range(3)] for i in range(30_000)]
    holders.append(deep)
    reach = traced(lambda x: x * len(holders[0]), (X,))
    holders.clear()
    assert "reaches more than" in reach.incomplete


def test_code_that_cannot_be_followed_is_reported():
    assert "eval" in traced(lambda x: x * eval("scale"), (X,)).incomplete


def test_an_exception_ends_the_watch():
    def function(x):
        raise KeyError("k")

    before = sys.getprofile()
    with pytest.raises(KeyError), Reach(function, (X,), {}):
        function(X)
    assert sys.getprofile() is before


def test_reaches_nest():
    inner = []

    def function(x):
        with Reach(by_helper, (x,), {}) as reach:
            result = by_helper(x)
        inner.append(reach)
        return result * count

    reach = traced(function, (X,))
    descriptions = {g.description for g in reach.guards}
    assert f"global `scale` of {HERE} was 2.0" in descriptions and f"global `count` of {HERE} was 3" in descriptions
    assert f"global `scale` of {HERE} was 2.0" in {g.description for g in inner[0].guards}


def test_a_profiler_goes_on():
    seen = []

    def profiler(frame, event, arg):
        seen.append((event, frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(profiler)
    try:
        reach = traced(by_helper, (X,))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(before)
    assert ("call", "by_helper") in seen and any("scale" in g.description for g in reach.guards)


def test_other_threads_are_not_watched():
    def work():
        for _ in range(50):
            Layer(1.0)(X)

    def function(x):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return x * scale

    reach = traced(function, (X,))
    assert not any("attribute `scale`" in g.description for g in reach.guards)


def test_guards_of_one_structure_compile_once():
    first, second = (compile_guards(traced(Layer(s), (X,)).guards) for s in (1.0, 2.0))
    assert first.__code__ is second.__code__


def test_a_guard_costs_little():
    layer = Layer()
    layer.parts = [Layer(float(i)) for i in range(20)]
    reach = traced(lambda layer, x: [part(x) for part in layer.parts][-1], (layer, X))
    check = compile_guards(reach.guards)
    nanoseconds = min(timeit.repeat(check, number=500, repeat=20)) / 500 * 1e9 / len(reach.guards)
    reference = min(timeit.repeat(lambda: layer.__dict__["scale"] is None, number=500, repeat=20)) / 500 * 1e9
    assert len(reach.guards) > 60 and nanoseconds < max(80, 2 * reference)


def test_watching_costs_little():
    def function(x):
        for _ in range(100):
            x = x * 2.0
        return x

    def watched():
        with Reach(function, (X,), {}):
            function(X)

    plain = min(timeit.repeat(lambda: function(X), number=1, repeat=20))
    assert min(timeit.repeat(watched, number=1, repeat=20)) - plain < max(3e-3, 5 * plain)
