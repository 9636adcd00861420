"""What a function reads beside its arguments: globals, closures, defaults, attributes, outer arrays."""

from __future__ import annotations

import types

import numpy as np
from twins import Layer, array, both, same, same_made, vectors

import tracejit as tj
from tracejit import nn

# What is read from outside

FACTOR = 2.0
TABLE = {"scale": 1.0, "steps": [1, 2]}
OUTER = np.zeros(4)
OUTER_TENSOR = tj.zeros(4)
HELPERS = types.SimpleNamespace(apply=lambda x: x + 1)


@both
def test_a_global_that_is_set_again(xp):
    def arguments(n):
        global FACTOR
        FACTOR = [2.0, 3.0, 3, 2.0, None][n]
        return (array(xp, 4, seed=n),)

    same(lambda x: x if FACTOR is None else x * FACTOR, arguments)


@both
def test_a_global_dict_that_changes(xp):
    def function(x):
        for step in TABLE["steps"]:
            x = x * TABLE.get("scale", 7) + step
        return x

    def arguments(n):
        TABLE["steps"] = [1, 2, 3][: n + 1]
        if n == 3:
            TABLE.pop("scale", None)
        else:
            TABLE["scale"] = n // 2 + 0.5
        return (array(xp, 4, seed=n),)

    same(function, arguments)


@both
def test_a_global_function_that_is_replaced(xp):
    def arguments(n):
        HELPERS.apply = [lambda x: x + 1, lambda x: x * 2, abs][n % 3]
        return (array(xp, 4, seed=n),)

    same(lambda x: HELPERS.apply(x) - 1, arguments)


@both
def test_a_module_whose_function_is_replaced(xp):
    module = types.ModuleType("replaced")
    versions = [lambda x: x + 1, lambda x: x[::-1], lambda x: -x]

    def arguments(n):
        module.work = versions[n % 3]
        return (array(xp, 4, seed=n),)

    same(lambda x: module.work(x) * 2, arguments)


@both
def test_an_outer_array_is_read_at_each_call(xp):
    outer = array(xp, 4, seed=1)

    def arguments(n):
        outer[...] = n
        return (array(xp, 4, seed=n),)

    assert same(lambda x: x + outer, arguments).trace_count == 1


@both
def test_an_outer_array_is_replaced_by_another(xp):
    outers = types.SimpleNamespace(a=None)

    def arguments(n):
        outers.a = array(xp, *[(4,), (4,), (1,), (2, 4), ()][n], seed=n + 5)
        return (array(xp, 4, seed=n),)

    same(lambda x: x * outers.a, arguments)


@both
def test_an_outer_array_is_changed(xp):
    def make():
        total = array(xp, 4, seed=3)

        def function(x):
            nonlocal total
            total += x
            total[0] = 7
            return total * 2

        return function, [total]

    same_made(make, vectors(xp, 4))


def test_a_global_array_is_changed_by_its_name():
    def arguments(n):
        OUTER[...] = n
        return (array(np, 4, seed=n),)

    def function(x):
        global OUTER
        OUTER += x
        OUTER[1:] *= 2
        return OUTER.sum(), OUTER[0]

    same(function, arguments)
    assert OUTER[1] != 4


def test_a_global_tensor_is_changed_by_its_name():
    def arguments(n):
        OUTER_TENSOR[...] = float(n)
        return (array(tj, 4, seed=n),)

    def function(x):
        global OUTER_TENSOR
        OUTER_TENSOR += x
        OUTER_TENSOR[1:] *= 2
        return OUTER_TENSOR.sum()

    same(function, arguments)


@both
def test_arrays_in_an_outer_list_and_dict(xp):
    def make():
        rows = [array(xp, 3, seed=k) for k in range(3)]
        table = {"a": rows[1], "b": array(xp, 3, seed=7)}

        def function(x):
            for row in rows:
                x = x + row
            rows[2][0] += 1
            return x * table["a"] + table["b"]

        return function, (rows, table)

    same_made(make, vectors(xp, 3))


@both
def test_a_closure_that_is_rebound(xp):
    def make():
        factor = 1.0

        def function(x):
            nonlocal factor
            factor = factor + 0.5
            return x * factor

        return function

    same_made(make, vectors(xp))


@both
def test_a_closure_that_someone_else_rebinds(xp):
    def make():
        factor = 1

        def set_factor(value):
            nonlocal factor
            factor = value

        def function(x, value):
            return x * factor, set_factor(value)

        return function

    same_made(make, lambda n: (array(xp, 3, seed=n), [2, 2, 2.0, None, 3][n]), calls=4)


@both
def test_two_closures_of_one_text(xp):
    def scaled(by):
        return lambda x: x * by

    for by in (2.0, 3.0, 2):
        same(scaled(by), vectors(xp))
    twins = [tj.compile(scaled(by)) for by in (2.0, 3.0)]
    x = array(xp, 4)
    for _ in range(3):
        assert [bool((f(x) == x * by).all()) for f, by in zip(twins, (2.0, 3.0))] == [True, True]


@both
def test_a_default_that_is_changed(xp):
    def make():
        def function(x, past=[1]):  # noqa: B006 what is tested
            past.append(len(past))
            return x * past[-1]

        return function

    same_made(make, vectors(xp))


@both
def test_defaults_that_are_set_anew(xp):
    def function(x, by=2.0):
        return x * by

    def arguments(n):
        function.__defaults__ = ([2.0, 3.0, 2.0, array(xp, 6, seed=1), 5][n],)
        return (array(xp, 6, seed=n),)

    same(function, arguments)


# Attributes


@both
def test_attributes_are_reassigned(xp):
    def make():
        layer = Layer(xp)

        def function(x, scale):
            y = layer.forward(x)
            layer.scale = scale
            layer.weight = x
            return y

        return function, layer

    same_made(make, lambda n: (array(xp, 4, seed=n), [1.5, 1.5, 2.5, 2, 3][n]))


@both
def test_two_instances_share_nothing(xp):
    def make():
        one, two = Layer(xp), Layer(xp)
        two.weight = two.weight + 10
        return (lambda layer, x: (one if layer == "one" else two).learn(x)), (one, two)

    same_made(make, lambda n: ("one" if n % 2 else "two", array(xp, 4, seed=n)), calls=6)


@both
def test_an_instance_as_an_argument(xp):
    def arguments(n):
        layer = Layer(xp)
        layer.scale = float(n // 2)
        layer.training = n != 3
        return layer, array(xp, 4, seed=n)

    same(lambda layer, x: (layer.forward(x), layer.learn(x), layer.doubled), arguments)


@both
def test_train_and_eval_flips(xp):
    def make():
        layer = Layer(xp)

        def function(x, training):
            layer.training = training
            return layer.forward(x)

        return function, layer

    same_made(make, lambda n: (array(xp, 4, seed=n), n % 2 == 0), calls=6)


def test_a_module_in_train_and_eval_mode():
    def make():
        tj.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
        return (lambda x, training: model.train(training)(x)), list(model.state_dict().values())

    same_made(make, lambda n: (array(tj, 5, 4, seed=n, dtype="float32"), n % 2 == 0), calls=6)


@both
def test_properties_getattr_and_slots(xp):
    class Slotted:
        __slots__ = ("weight",)

        def __getattr__(self, name):
            return {"bonus": 3.0}[name]

    def make():
        holder = Slotted()
        holder.weight = array(xp, 4, seed=1)

        def function(x):
            holder.weight = holder.weight + x
            return holder.weight * holder.bonus + getattr(holder, "absent" if x is None else "bonus")

        return function

    same_made(make, vectors(xp, 4))


@both
def test_a_class_attribute_is_changed(xp):
    class Settings:
        rate = 1

    def arguments(n):
        Settings.rate = n // 2
        return (array(xp, 4, seed=n),)

    same(lambda x: x * Settings.rate, arguments)
