"""What a replay would leave out is found, named, and placed on the user's line; what it would not leave out is no effect."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import datetime
import functools
import gc
import inspect
import io
import itertools
import json
import logging
import math
import os
import pickle
import queue
import random
import sys
import threading
import time
import types
import uuid
import warnings

import numpy as np
import pytest

import tracejit as tj
from tracejit import nn, optim
from tracejit.frontend import Reach, compile_guards

X = tj.asarray(np.ones(3, np.float32))
HERE = os.path.basename(__file__)

log: list = []
seen: dict = {"n": 0}
known: set = set()
recent = collections.deque(maxlen=3)
array = np.zeros(4)
large = np.zeros(100_000)
counter = 0
generator = np.random.default_rng(0)
own_random = random.Random(0)
ticks = itertools.count()
squares = (i * i for i in range(100))
variable = contextvars.ContextVar("variable", default=1)
inbox: queue.Queue = queue.Queue()
stream = io.StringIO()
logger = logging.getLogger("quiet")
logger.setLevel(logging.CRITICAL)
printing = print
state = types.SimpleNamespace(n=0, last=None, table={"k": 0}, rows=[0])


class Meter:
    total = 0

    def __init__(self):
        self.count = 0
        self.last = None
        self.rows = []
        self.parts = {"a": [0]}

    def step(self, x):
        self.count += 1
        return x * 2

    def keep(self, x):
        self.last = x * 2
        return x

    def new(self, x):
        self.fresh = 1
        return x

    def drop(self, x):
        del self.last
        return x

    def add(self, x):
        self.rows.append(1)
        return x

    def deep(self, x):
        self.parts["a"][0] += 1
        return x

    def by_setattr(self, x):
        name = "".join(["cou", "nt"])
        setattr(self, name, self.count + 1)
        return x

    def of_class(self, x):
        Meter.total += 1
        return x

    @property
    def value(self):
        self.count += 1
        return 1.0

    def by_property(self, x):
        return x * self.value


def set_global(x):
    global counter
    counter += 1
    return x


def set_new_global(x):
    global brand_new
    brand_new = 1
    return x


def in_loop(x):
    for part in holders:
        part.count += 1
    return x


holders = [Meter(), Meter()]


def closure():
    n = 0

    def function(x):
        nonlocal n
        n += 1
        return x

    return function


def helper(x):
    log.append(1)
    return x


def by_helper(x):
    return helper(x)


def warn(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("careful", stacklevel=1)
    return x


def hidden(x):
    with contextlib.redirect_stdout(stream):
        print("hidden")
    return x


def argument_list(x, values):
    values.append(x)
    return x


def argument_dict(x, values):
    values["new"] = x
    return x


def argument_nested(x, values):
    values["inner"][0] = x
    return x


def argument_object(x, meter):
    meter.count = 5
    return x


def count_calls(x):
    count_calls.calls += 1
    return x


count_calls.calls = 0


def count_compiled(x):
    compiled.calls += 1
    return compiled(x)


compiled = tj.compile(lambda x: x * 2)
compiled.calls = 0
sgd = optim.SGD([tj.ones(3)], lr=0.1)


def set_rate(x):
    for group in sgd.param_groups:
        group["lr"] = group["lr"] * 0.5
    return x


EFFECTS = {  # name: (function, further arguments, what is said, how many lines below `def`; None: no line is known)
    "print": (lambda x: (print(end=""), x)[1], (), "calls print", 0),
    "an alias of print": (lambda x: (printing(end=""), x)[1], (), "calls print", 0),
    "print within a library": (lambda x: (list(map(print, [])), pickle.dumps(x.shape), json.dump([], stream), x)[3], (),
                               "uses a file (.write)", 0),
    "print to a file": (hidden, (), "calls print", 2),
    "write": (lambda x: (stream.write("a"), x)[1], (), "uses a file (.write)", 0),
    "sys.stdout": (lambda x: (sys.stdout.write(""), x)[1], (), None, 0),
    "open": (lambda x: (open(os.devnull).close(), x)[1], (), "calls open", 0),
    "os": (lambda x: x * len(os.listdir("/")), (), "calls os.listdir", 0),
    "os.environ": (lambda x: x * len(os.environ.get("HOME", "")), (), "reads os.environ", 0),
    "time": (lambda x: x * time.time(), (), "calls time.time", 0),
    "date": (lambda x: x * datetime.datetime.now().year, (), "reads the clock", 0),
    "uuid": (lambda x: x * len(str(uuid.uuid4())), (), "makes a uuid", 0),
    "logging": (lambda x: (logging.getLogger("quiet").info("a"), x)[1], (), "logs", 0),
    "a logger": (lambda x: (logger.info("a"), x)[1], (), "logs", 0),
    "warnings": (warn, (), "calls warnings.warn", 3),
    "a queue": (lambda x: (inbox.put(1), x)[1], (), "uses a queue", 0),
    "a thread": (lambda x: (threading.Thread(target=len, args=((),)).start(), x)[1], (), "starts a thread", 0),
    "a context variable": (lambda x: x * variable.get(), (), "uses a context variable (.get)", 0),
    "a context variable set": (lambda x: (variable.set(1), x)[1], (), "uses a context variable (.set)", 0),
    "random": (lambda x: x * random.random(), (), "draws from random", 0),
    "random.gauss": (lambda x: x * random.gauss(0, 1), (), "draws from random", 0),
    "a Random": (lambda x: x * own_random.random(), (), "draws from random", 0),
    "np.random": (lambda x: x * float(np.random.rand()), (), "draws from np.random", 0),
    "a Generator": (lambda x: x * float(generator.normal()), (), f"draws from global `generator` of {HERE}", 0),
    "list.append": (lambda x: (log.append(1), x)[1], (), "changes a list from outside (.append)", 0),
    "append in a helper": (by_helper, (), "changes a list from outside (.append)", -4),
    "list +=": (lambda x: (log.__iadd__([1]), x)[1], (), f"changes global `log` of {HERE}", None),
    "dict item": (lambda x: (seen.__setitem__("n", seen["n"] + 1), x)[1], (), f"changes item 'n' of global `seen` of {HERE}", None),
    "dict.update": (lambda x: (seen.update(m=len(seen)), x)[1], (), "changes a dict from outside (.update)", 0),
    "set.add": (lambda x: (known.add(len(known)), x)[1], (), "changes a set from outside (.add)", 0),
    "deque.append": (lambda x: (recent.append(x), x)[1], (), "changes a deque from outside (.append)", 0),
    "a bound append": (lambda x, push=log.append: (push(1), x)[1], (), "changes a list from outside (.append)", 0),
    "a global": (set_global, (), f"sets the global `counter` of {HERE}", 2),
    "a new global": (set_new_global, (), f"sets the global `brand_new` of {HERE}", 2),
    "a free variable": (closure(), (), "sets the free variable `n` of function", 2),
    "an attribute": (Meter().step, (), "sets the attribute `count` of Meter", 1),
    "an attribute that keeps a tensor": (Meter().keep, (), "sets the attribute `last` of Meter", 1),
    "a new attribute": (Meter().new, (), "sets the attribute `fresh` of Meter", 1),
    "an attribute deleted": (Meter().drop, (), "sets the attribute `last` of Meter", 1),
    "a list attribute": (Meter().add, (), "changes a list from outside (.append)", 1),
    "a list in a dict": (Meter().deep, (), "changes item 0 of item 'a' of attribute `parts` of Meter", 1),
    "setattr with a computed name": (Meter().by_setattr, (), "sets the attribute `count` of Meter", None),
    "a class attribute": (Meter().of_class, (), "sets the attribute `total` of Meter", 1),
    "a property that counts": (Meter().by_property, (), "sets the attribute `count` of Meter", -3),
    "attributes of elements": (in_loop, (), "sets the attribute `count` of Meter", 2),
    "a list argument": (argument_list, ([],), "changes a list from outside (.append)", 1),
    "a dict argument": (argument_dict, ({},), "changes a dict among its arguments", 1),
    "a nested argument": (argument_nested, ({"inner": [1]},), "changes a list among its arguments", 1),
    "an argument's attribute": (argument_object, (Meter(),), "sets the attribute `count` of Meter", 1),
    "object.__setattr__": (lambda x, m: (object.__setattr__(m, "count", 7), x)[1], (Meter(),), "sets the attribute `count` of Meter", 0),
    "an attribute of a function": (count_calls, (), "sets the attribute `calls` of function", 1),
    "an attribute of a compiled function": (count_compiled, (), "sets the attribute `calls` of Compiled", 1),
    "a Generator among the arguments": (lambda x, g: x * float(g.normal()), (np.random.default_rng(0),), "draws from the Generator object", None),
    "an iterator among the arguments": (lambda x, i: x * next(i), (iter([1, 2]),), "moves an iterator among its arguments", None),
    "a learning rate": (set_rate, (), "changes item 'lr' of item 0 of attribute `param_groups` of SGD", 2),
    "an attribute of an object in a tuple": (lambda x, *rest: ([setattr(m, "count", 9) for m in rest], x)[1], (Meter(), Meter()),
                                             "sets the attribute `count` of Meter", 0),
    "an outer array": (lambda x: (np.add(array, 1, out=array), x)[1], (), f"changes the NumPy array in global `array` of {HERE}", 0),
    "a large outer array": (lambda x: (large.fill(large[0] + 1), x)[1], (), "changes a ndarray from outside (.fill)", 0),
    "an iterator": (lambda x: x * next(ticks), (), f"moves the iterator in global `ticks` of {HERE}", 0),
    "a generator": (lambda x: x * next(squares), (), f"moves the iterator in global `squares` of {HERE}", 0),
}  # fmt: skip


def traced(function, args):
    with Reach(function, args, {}) as reach:
        function(*args)
    return reach


@pytest.mark.parametrize("function, further, what, below", EFFECTS.values(), ids=EFFECTS)
def test_an_effect_is_found(function, further, what, below):
    reach = traced(function, (X, *further))
    assert reach.incomplete is None
    if what is None:  # under a capture of the output, where the file is no file of Python's
        return
    found = {effect.what: effect for effect in reach.effects}
    assert what in found, [e.description for e in reach.effects]
    effect = found[what]
    if below is None:
        assert effect.description.endswith(what)
    else:
        code = inspect.unwrap(getattr(function, "__func__", function)).__code__
        assert effect.file == __file__ and effect.line == code.co_firstlineno + below
        assert effect.description == f"line {effect.line} of {HERE} {what}" == str(effect)


def local_state(x):
    rows, table, found, last = [], {}, set(), collections.deque()
    for i in range(3):
        rows.append(x * i)
        table[i] = x
        found.add(i)
        last.append(i)
    meter = Meter()
    meter.step(x)
    meter.rows.append(x)
    rows.sort(key=id)
    return sum(rows, x)


def local_closure(x):
    n = 0

    def bump():
        nonlocal n
        n += 1
        return n

    return x * bump() * bump()


def local_iterators(x):
    numbers = iter([1, 2, 3])
    return x * next(numbers) * sum(i for i in range(3)) * len(list(zip([1], [2])))


def own_generator(x):
    local_random = np.random.default_rng(0)
    return x * float(local_random.normal()) * random.Random(3).getrandbits(2)


def import_inside(x):
    import base64
    import tomllib

    return x * len(base64.b64encode(b"a")) * bool(tomllib)


def strings(x):
    return x * len(f"{1.5:.2f}".join(["a", "b"]).split("a")) * math.sqrt(4)


def same_value(x):
    state.n = 0
    state.table["k"] = 0
    state.rows[0] = 0
    return x


def there_and_back(x):
    before = state.n
    state.n = 5
    result = x * state.n
    state.n = before
    return result


def tries(x):
    try:
        return x * {}["missing"]
    except KeyError as error:
        return x * len(error.args)


def modes(x):
    with tj.no_grad():
        return x * 2


def reads(x):
    return x * sum(log) * len(seen) * (state.n + 1) * sorted([3, 1])[0] * array.size


QUIET = [local_state, local_closure, local_iterators, own_generator, import_inside, strings, same_value, there_and_back, tries, modes, reads]


@pytest.mark.parametrize("function", QUIET, ids=lambda f: f.__name__)
def test_what_a_replay_repeats_is_no_effect(function):
    reach = traced(function, (X,))
    assert [e.description for e in reach.effects] == [] and reach.incomplete is None and reach.changed() is None


def test_the_first_change_is_told():
    meter = Meter()
    reach = traced(meter.step, (X,))
    assert reach.changed().description == "attribute `count` of Meter was 0"
    assert reach.changed().change == "attribute `count` of Meter was 0 and is 1"


def test_a_cached_property_is_an_effect_once():
    class Holder:
        @functools.cached_property
        def table(self):
            return 3.0

    holder = Holder()

    def function(holder, x):
        return x * holder.table

    assert "sets the attribute `table` of Holder" in [e.what for e in traced(function, (holder, X)).effects]
    reach = traced(function, (holder, X))
    assert reach.effects == [] and compile_guards(reach.guards)() is None


MODELS = {
    "linear": (lambda: nn.Linear(3, 3), (2, 3)),
    "dropout": (lambda: nn.Dropout(0.5), (2, 3)),
    "batch norm": (lambda: nn.BatchNorm1d(3), (4, 3)),
    "layer norm": (lambda: nn.LayerNorm(3), (2, 3)),
    "row": (lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Dropout(0.1), nn.Linear(3, 3)), (2, 3)),
}
OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.1),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
}


@pytest.mark.parametrize("make, shape", MODELS.values(), ids=MODELS)
def test_modules_have_no_effects(make, shape):
    model = make()
    reach = traced(lambda x: model(x).sum(), (tj.ones(shape),))
    assert [e.description for e in reach.effects] == [] and reach.incomplete is None


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_a_training_step_has_no_effects_and_its_guards_go_on_holding(make):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
    opt = make(model.parameters())

    def step(x):
        opt.zero_grad()
        loss = (model(x) * model(x)).mean()
        loss.backward()
        opt.step()
        return loss

    x = tj.randn(5, 3)
    reach = traced(step, (x,))
    assert [e.description for e in reach.effects] == [] and reach.incomplete is None
    check = compile_guards(reach.guards)
    for _ in range(3):
        assert check() is None
        step(x)
    model.eval()
    assert check() is not None


def test_user_code_called_by_the_core_is_watched():
    class Square(tj.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            log.append("forward")
            return x * x

        @staticmethod
        def backward(ctx, g):
            print(end="")
            return g * 2 * ctx.saved_tensors[0] * state.n

    def function(x):
        Square.apply(x).sum().backward()
        return x

    x = tj.asarray(np.ones(3, np.float32))
    x.requires_grad_()
    reach = traced(function, (x,))
    assert {e.what for e in reach.effects} >= {"changes a list from outside (.append)", "calls print"}
    assert any("attribute `n` of SimpleNamespace was 0" == g.description for g in reach.guards)


def test_what_the_garbage_collector_calls_is_no_effect():
    met = []

    def callback(phase, info):
        met.append(time.perf_counter())

    def function(x):
        for _ in range(20_000):
            x = [x, []][0]  # enough garbage for a collection
        cycles = [[] for _ in range(20_000)]
        return x * len(cycles)

    gc.callbacks.append(callback)
    try:
        assert traced(function, (X,)).effects == []
        assert gc.isenabled()
    finally:
        gc.callbacks.remove(callback)
