"""Random programs of loops: turns that write into arrays, and beside them what Python code has around such loops.

Names in what is filled in: {x} {y} are vectors of six elements, {m} a matrix of six by six, {s} {t} are scalars, {i} is the loop's int,
{c} a number as it is written, {p} an index that is in bounds, {q} one that may not be.
"""

from __future__ import annotations

import textwrap
from random import Random

WIDTH = 6

HEAD = f"""import numpy as np

FACTOR = 2.0
OUTER = np.arange({WIDTH}.0)
LOG = []


class STATE:
    last, steps, weight = None, 0, np.ones({WIDTH})


class Box:
    def __init__(self, value):
        self.value, self.count, self.items = value, 0, []

    def add(self, by):
        self.value = self.value + by
        self.count += 1

    def mixed(self, x):
        return x + self.value


def blend(x, y, weight=0.5, *, shift=1, into=None):
    if into is not None:
        into[0] = shift
    return x * weight + y + shift


def first_above(x, bound=0):
    for k in range(len(x)):
        if x[k] > bound:
            return k
    return -1


def halves(x):
    for k in range(3):
        x = x * 0.5
        yield x

"""

SCALARS = [
    "{x}[{p}]", "{x}[{i}]", "{y}[{p}]", "{s}", "{t}", "{m}[{p}, {p}]", "{m}[{i}, {p}]", "({x}[{p}] + {y}[{i}])", "({s} - {x}[{p}])", "({s} * {c})",
    "abs({x}[{p}])", "{x}.sum()", "{y}.max()", "{c}", "{i}", "({i} + {c})", "({x}[{p}] if {x}[{p}] > {c} else {y}[{p}])", "max({x}[0], {x}[1])",
    "min({s}, {t})", "np.median({x})", "np.maximum({x}[{p}], {c})", "{x}[{p}:].sum()", "({i} % 3)", "float({x}[{p}])", "int({x}[{p}])",
    "np.square({x}[{p}])", "{x}[{p}] ** 2", "({x} > {c}).sum()", "np.dot(np.round({x}), np.arange(6))", "({i} - 2)", "{x}[{q}]", "{m}[{p}].mean()",
    "-{x}[{p}]", "({x}[{p}] > {y}[{p}])", "np.clip({x}[{p}], -2, 2)", "({s} and {t})", "({x}[0] or {c})", "np.argmax({x})", "first_above({x})",
    "np.where({x}[{p}] > 0, {x}[{p}], {s})", "({i} // 2)", "len({x})", "{x}.size", "round(float({x}[{p}]))",
]  # fmt: skip

VECTORS = [
    "{x}", "{y}", "{m}[{p}]", "{m}[:, {p}]", "({x} + {y})", "({x} * 0.5)", "({x} - {s})", "{x}[::-1]", "np.roll({x}, 1)", "np.roll({x}, {i})",
    "np.where({x} > {y}, {x}, {y})", "np.abs({x})", "({x} % 3)", "({x} // 2)", "np.maximum({x}, {c})", "np.pad({x}, 1)[1:-1]",
    "np.pad({x}[1:-1], 1, mode='edge')", "np.sort({x})", "np.concatenate([{x}[3:], {y}[:3]])", "{x}.copy()", "{x}[[1, 0, 2, 5, 4, 3]]",
    "np.median({m}, axis=0)", "({x} * FACTOR + OUTER)", "blend({x}, {y})", "blend({x}, {y}, shift={i})", "({x} > {y})", "({x} / 2)", "np.square({x})",
    "({x} * {y})", "np.clip({x}, -3, 3)", "{x}.astype(np.float32)", "np.zeros(6)", "np.diff({x}, append={x}[:1])", "np.cumsum({x})",
    "np.stack([{x}, {y}])[{i} % 2]", "np.full(6, {s})", "{m}.sum(axis=1)", "np.array([{s}, {t}, {x}[0], 1, 2, 3])", "-{x}", "np.empty_like({x}) * 0",
    "(np.arange(6) * {i})", "np.conj({x})", "{x}.real", "({x} * 1j).imag",
]  # fmt: skip

CONDITIONS = [
    "{x}[{p}] > {c}", "{s} > {t}", "{i} > 2", "{i} % 2 == 0", "{x}[{i}] > {x}[{p}]", "({x} > {c}).any()", "({x} < {c}).all()",
    "{s} > {c} and {x}[0] > 0", "not {x}[1] > {c}", "{x}[{p}] == {y}[{p}] or {i} == 3", "-1 < {s} <= 2", "{s}", "{x}[{p}]", "{x}.sum() > {t}",
    "{i} == {n}", "{x}[{q}] > 0", "{s} in (0, 1, 2)", "{x}[{p}] is None", "len(kept) > 3", "np.any({m}[{p}] > {c})",
]  # fmt: skip

TURNS = [
    "{x}[{i}] = {S}", "{x}[{p}] = {S}", "{x}[{q}] = {S}", "{x}[{i}] += {S}", "{x}[{p}] -= {S}", "{x}[{i}] *= {c}", "{x}[{i}] = {x}[{p}] * 0.5 + {S}",
    "{m}[{i}] = {V}", "{m}[:, {i}] = {V}", "{m}[{i}, {p}] = {S}", "{m}[{i}] += {V}", "{m}[{p}, {i}] -= {S}", "{x}[1:] += {x}[:-1]",
    "{x}[:{i}] += {c}", "{x}[{i}:] -= {c}", "{x}[{i}:{i} + 2] = {S}", "{x}[:-1] = {x}[1:]", "{x}[...] = {V}", "{x}[:] = {y}", "{x} = {V}",
    "{x} = {x} * 0.5 + {V}", "{x} += {V}", "{x} *= 0.5", "{x} -= {S}", "{x}, {y} = {y}, {x}", "{x}, {y} = {V}, {x}", "{s}, {t} = {t}, {s}",
    "{s}, {t} = {t}, {s} + 1", "{s} = {S}", "{s} += {S}", "{s} = {s} * 0.5 + {S}", "{s} -= 1", "{t} = {s} % 5", "{t} = {i}",
    "{x}[{i}], {x}[{p}] = {x}[{p}], {x}[{i}]", "{x}[{i}], {y}[{i}] = {y}[{i}], {S}", "view = {x}[{p}:]; view[0] = {S}",
    "row = {m}[{i}]; row[{p}] = {S}; {s} = row.sum()", "row = {m}[{p}]; {x} = row + 1; row += 1", "np.add.at({x}, [0, 0, {p}], {c})",
    "{x}[[0, {p}]] += 1", "{x}[{x} > {c}] = {S}", "{x}[np.arange(3)] = {y}[3:]", "{x} = np.pad({x}, 1)[{p}:][:6] if {i} > 9 else {x}",
    "np.multiply({x}, {y}, out={x})", "np.add({x}, 1, out={y})", "{x}[::2] = {x}[1::2]", "{x}[::-1] += {c}", "{x}[{i}:] = {x}[{i}:][::-1]",
    "keep = {x}; {x} = {x} + 1; {y} = keep", "before = {x}.copy(); {x}[0] = {S}; {s} = before[0]", "old = {x}; old[{p}] = {S}", "{y} = {x}[:]",
    "{y} = {x}", "{x} = {m}[{i}]", "{x} = {m}[{i}].copy()", "{s} = {x}", "{x}.sort()", "{x}.fill({S})", "{m} = {m}.T", "{m} = {m} * 0.5 + {x}",
    "{m}[{i}, :{i}] = 0", "{m}[{i}:, {p}] += 1", "{m}[{p}, ::-1] = {V}", "{x}[{q}]", "{x}[{q}] + {s}", "{x}[{i}] = {m}[{q}, 0]",
    "total = {S} + {S}; {x}[{p}] = total", "{x} = {x}.astype({x}.dtype)", "{n} += 1", "{n} = {n} + {i}", "{n} = ({n} * 3 + 1) % 7",
    "flag = {x}[{p}] > {c}; {x}[{i}] = flag", "ok = ok and {s} < 9", "ok = not ok", "{x}[int({x}[{p}]) % 6] = {S}", "{x}[{n}] = {S}",
    "{x}[{n} % 6] += {S}", "best = {i} if {x}[{i}] > {x}[best] else best", "assert {x}[{p}] < 90", "pair = ({x}, {y}); {x} = pair[1]; {y} = pair[0]",
    "{x} = {y} + 0.0; {y} = {x}", "pass",
]  # fmt: skip

BESIDE = [
    "kept.append({S})", "kept += [{i}]", "kept = kept + [{S}]", "kept[0] = {S}", "kept.append({x})", "kept.append({x}.copy())", "kept.insert(0, {i})",
    "del kept[0]", "kept.pop()", "kept.extend([{i}, {s}])", "kept[-1] += 1", "kept[:] = [{i}]", "kept *= 1", "table[{i}] = {S}", "table['a'] = {V}",
    "table['s'] = table.get('s', 0) + {S}", "table.setdefault({i}, []).append({i})", "table |= {{{i}: {S}}}", "table.pop({i}, None)",
    "names.add({i})", "names |= {{{i}}}", "names.discard(2)", "box.value = {V}", "box.count += 1", "box.value += {S}", "box.add({S})",
    "{x} = box.mixed({x})", "box.items.append({i})", "print({i}, {s})", "print({x}[{p}])", "LOG.append({i})", "STATE.steps += 1", "STATE.last = {x}",
    "OUTER[{p}] = {S}", "later.append(lambda: {s})", "later.append(lambda k={i}: k + {s})", "later.append(lambda: {x}.sum())", "bump()", "bump({i})",
    "{x} = shown()", "{s} = look({i})", "{x} = shifted({x})", "pick = lambda a: a + {s}; {t} = pick({i})", "{s} = sum({x}[k] for k in range({p}))",
    "{x} = np.array([e * 0.5 for e in {x}])", "{s} = next(halves({s}))", "{x} = list(halves({x}))[1]", "{x} = sum(halves({x}))",
    "stack = [{x}, {y}]; stack[0] = stack[1]; {x} = stack[0] + 1", "small = []; small.append({s}); {t} = small[0]",
    "parts = {{'u': {s}}}; parts['u'] += 1; {s} = parts['u']", "blend({x}, {y}, into={y})", "{x} = blend({x}, {y}, {s})",
    "{s} = np.array([{s}, {t}]).max()", "grid = [[0] * 3 for _ in range(2)]; grid[1][{i} % 3] = {i}; {n} = grid[1][0]",
    "text = f'{{{s}}}'; LOG.append(text)", "inner = [{i}, *kept]; {n} = len(inner)", "{x}.shape = (6,)", "kept, other = [{i}], kept",
    "tuples += ({S},)", "word += 'a'", "acc: list = kept; acc.append({i})", "both = kept; both += [{s}]", "{s} = kept[-1] if kept else {s}",
    "box = Box({x}); box.count = {i}", "kept = [{i}]; kept.append({s})", "kept = []", "last = [{x}, {i}]", "last = ({i}, {x}[{p}])",
]  # fmt: skip

SETUP = [
    "def bump(by=1):\n    nonlocal {s}\n    {s} = {s} + by", "def bump(by=1):\n    nonlocal {n}\n    {n} += by",
    "def bump(by=1):\n    kept.append(by)", "def bump(by=1):\n    {x}[by % 6] += {c}", "def bump(by=1):\n    nonlocal {x}\n    {x} = {x} * 0.5",
    "def bump(by=1):\n    box.count += by", "def bump(by=1):\n    return {x}[0] + by",
]  # fmt: skip

LOOK = ["return {x}[0] + k", "return {s} + k", "return k", "return {x}[k]", "for j in range(4):\n        k = k + {y}[j]\n    return k"]
RANGES = [
    "range(1, 6):", "range(5, -1, -1):", "range(0, 6, 2):", "reversed(range(6)):", "range(n, 6):", "range(int(x[0]) % 5):", "[3, 1, 2, 0, 4, 5]:", "(0, 2, 4):",
]  # fmt: skip
OF_ROWS = ["{row}[0] = {s}", "{row} += 1", "s = s + {row}", "x = {row}", "y = {row} + {x}", "pass", "m[0] = 3", "{row}[...] = x"]
OF_ELEMENTS = ["s = e", "x[0] += 1", "e = e * 0.5", "s = s + e", "y = y + e", "e += 1", "z[{i} % 6] = np.sum(e)", "pass", "e[0] = 2", "y = e"]
HELPERS = ["return a + by", "a += by\n    return a", "a = a * 0.5\n    return a"]
DTYPES = ["float64"] * 16 + ["float32", "int64", "int64", "int32", "int8", "uint8", "bool", "complex128", "complex64", "int16", "uint32"]


class Loops:
    """Writes one program."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.depth, self.counters, self.beside = chance, 0, ["n"], chance.choice([0.0, 0.1, 0.35])
        self.careless = chance.random() < 0.15  # about bounds
        self.far: set[str] = {"n"}  # counters of more turns than arrays have elements

    def coin(self, often: float) -> bool:
        return self.chance.random() < often

    def pick(self, forms: list[str]) -> str:
        return self.chance.choice(forms)

    def fill(self, form: str, deep: int = 0) -> str:
        """A form with names in it, and expressions where it has S or V."""
        while "{S}" in form:
            form = form.replace("{S}", self.fill(self.pick(SCALARS), deep + 1).replace("{", "{{").replace("}", "}}"), 1)
        while "{V}" in form:
            form = form.replace("{V}", self.fill(self.pick(VECTORS), deep + 1).replace("{", "{{").replace("}", "}}"), 1)
        x, y = self.chance.sample(["x", "y", "z"], 2)
        s, t = self.chance.sample(["s", "t", "u"], 2)
        i = self.counters[-1] if self.coin(0.8) else self.pick(self.counters)
        if i in self.far and not self.careless:
            form = form.replace("[{i}", "[{i} % 6").replace(", {i}]", ", {i} % 6]")
        p = self.pick([f"{i} % 6", "0", "-1", "2", f"({i} + 1) % 6", f"{i} - 1", f"{i} // 2", "3", f"-{i}", f"(2 * {i}) % 6"])
        q = self.pick([f"{i} + 1", f"{i} + 2", "6", f"2 * {i}", f"-{i} - 1", "int(s)", "n"]) if self.careless else p
        return form.format(x=x, y=y, m="m", s=s, t=t, i=i, n="n", c=self.pick(["0", "1", "2", "0.5", "-1", "3", "-0.5"]), p=p, q=q)

    def lines(self, form: str) -> list[str]:
        return self.fill(form).split("; ") if ";" in form else self.fill(form).split("\n")

    def block(self, most: int, within: int) -> list[str]:
        """Statements of a turn."""
        made = [line for _ in range(self.chance.randint(1, most)) for line in self.statement(within)]
        return textwrap.indent("\n".join(made), "    ").split("\n")

    def statement(self, within: int) -> list[str]:
        kind = self.chance.random()
        if kind < self.beside:
            return self.lines(self.pick(BESIDE))
        if kind > 0.93 and within < 2:
            return self.loop(within)
        if kind > 0.83 and within < 3:
            made = [f"if {self.fill(self.pick(CONDITIONS))}:", *self.block(2, within + 1)]
            return made + (["else:", *self.block(2, within + 1)] if self.coin(0.4) else [])
        if kind > 0.78:
            way = self.pick(["break", "continue", "break", "continue", "return {x}", "return {s}, {i}", "raise ValueError({i})"])
            return [f"if {self.fill(self.pick(CONDITIONS))}:", f"    {self.fill(way)}"]
        return self.lines(self.pick(TURNS))

    def loop(self, within: int) -> list[str]:
        self.depth += 1
        i = f"i{self.depth}"
        turns = self.pick(["6", "6", "5", "len(x)", "n", "x.shape[0]", "4"]) if within else self.pick(["6", "6", "6", "5", "len(x)", "n", "7", "40", "301", "0", "1", "2"])
        over = self.chance.random()
        before: list[str] = []
        if over < 0.5:
            head = f"for {i} in range({turns}):"
        elif over < 0.6:
            head = f"for {i} in " + self.pick(RANGES)
        elif over < 0.7:
            head = f"for {i}, e in enumerate({self.pick(['x', 'y', 'm', 'x[::-1]', 'm.T', 'm[1:]', 'x.copy()', 'kept'])}):"
        elif over < 0.78:
            head = f"for {i}, (e, f) in enumerate(zip({self.pick(['x, y', 'm, x', 'm, m.T', 'x, x[1:]', 'y, range(9)', 'm.T, z'])})):"
        elif over < 0.86:
            before, head = [f"{i} = 0"], f"for row{self.depth} in {self.pick(['m', 'm[::-1]', 'm.T', 'x', 'm[2:]', 'reversed(m)'])}:"
        else:
            before, head = [f"{i} = 0"], f"while {i} < {turns if turns not in ('n',) else '5'}{self.pick(['', '', ' and ' + self.fill(self.pick(CONDITIONS))])}:"
        self.counters.append(i)
        (self.far.add if turns in ("n", "7", "40", "301") else self.far.discard)(i)
        body = self.block(4, within + 1)
        if "e in" in head or "(e, f)" in head:
            body.append("    " + self.pick(OF_ELEMENTS).format(i=i))
        if "row" in head:
            body.append("    " + self.pick(OF_ROWS).format(row=f"row{self.depth}", s=self.pick(["s", "t"]), x=self.pick(["x", "z"])))
        if before:
            body = [f"    {i} += 1", *body] if self.coin(0.5) or "continue" in "".join(body) else [*body, f"    {i} += 1"]
        self.counters.remove(i)
        self.depth -= self.coin(0.3) and self.depth > 1
        return [*before, head, *body, *(["else:", *textwrap.indent("\n".join(self.lines(self.pick(TURNS))), "    ").split("\n")] if self.coin(0.06) else [])]

    def setup(self) -> list[str]:
        s, u = self.pick(["0.0", "1", "x[0]", "float(x[1])", "2"]), self.pick(["y.sum()", "0", "n", "-1.0", "y[2]"])
        made = [f"z, s, t, u = x + y, {s}, 1.5, {u}", "kept, table, names, later, tuples, word = [1, 2], {}, set(), [], (), ''"]
        made += ["ok, best, other, last = True, 0, None, None", "box = Box(" + self.pick(["x", "0", "y * 2", "2.0"]) + ")"]
        if self.coin(0.4):
            made += ["alias = " + self.pick(["x", "x[1:]", "m[0]", "m.T", "z", "m.reshape(-1)", "[x, y]", "x.view()"])]
        if self.beside:
            shown = self.fill(self.pick(["{x}", "{x} + 1", "{x} * {s}"]))
            functions = [self.fill(self.pick(SETUP)), "def look(k=2):\n    " + self.fill(self.pick(LOOK)), f"shown = lambda: {shown}", "def shifted(a, by=s):\n    " + self.pick(HELPERS)]
            made += [line for f in functions for line in f.split("\n")]
        return made

    def program(self) -> list[str]:
        body = self.setup()
        for _ in range(self.chance.randint(1, 2)):
            body += self.loop(0)
            body += self.lines(self.pick(TURNS)) if self.coin(0.3) else []
        results = "x, y, z, m, s, t, u, n, kept, table, names, box, ok, best, other, tuples, word, last".split(", ")
        shown = self.chance.sample(results, self.chance.randint(2, 9))
        shown += ["[f() for f in later]"] if self.beside else []
        shown += ["alias"] if any(line.startswith("alias") for line in body) else []
        return [*body, f"return {', '.join(shown)}"]


def draw(chance: Random) -> str:
    """The text of a program of loops."""
    w = Loops(chance)
    lines = w.program()
    dtypes = [chance.choice(DTYPES)] * 3 if w.coin(0.5) else [chance.choice(DTYPES) for _ in range(3)]
    part = " + 1j * rng.integers(-2, 3, 36)"
    made = [f"(rng.integers(-8, 9, 36) / 2{part if t.startswith('c') else ''}).astype('{t}')" for t in dtypes]
    y = chance.choice([f"{made[1]}[:6]"] * 6 + ["x[::-1]", "x", "m[1]", "m[:, 0]"])
    n = chance.choice(["n", "n % 2 + 1", "2", "4", "n * n", "6 - n"])
    return "\n".join([
        HEAD, "def program(x, y, m, n):", *[f"    {line}" for line in lines], "", "",
        "def arguments(n):", "    rng = np.random.default_rng(n)", f"    x = {made[0]}[:6]", f"    m = {made[2]}.reshape(6, 6)", f"    y = {y}", f"    return x, y, m, {n}", "",
    ])  # fmt: skip
