"""Random Python programs: text of modules that people could have written, with every kind of statement around arrays.

A program has `arguments(n)`, which gives those of call n; globals, helpers; and `program`. Values have kinds, so that most statements make
sense; those that do not raise, in both runs alike. Arithmetic is of the sort that IEEE fixes, so both runs agree to the bit.
"""

from __future__ import annotations

import textwrap
from random import Random
from typing import Callable, NamedTuple

from python_forms import HEAD, NUMBERS, REFUSED, STATEMENTS, VECTORS

WIDTH = 4  # of vectors; matrices have 3 rows
DEPTH = 3  # of blocks within blocks


class Kind(NamedTuple):
    """A kind of statement, and how often it is drawn."""

    often: int
    write: Callable[[Writer], list[str]]


class Writer:
    """Writes one function: knows what is in scope, by kind.

    Kinds: vector, matrix, some (an array of an extent that nobody knows), number (a 0-d value), whole (a Python int), real (a Python
    float), rows (a list of vectors), table (a dict of vectors by letter).
    """

    def __init__(self, chance: Random, xp: str, helpers: list[str], is_helper: bool = False) -> None:
        self.chance, self.xp, self.helpers, self.is_helper = chance, xp, helpers, is_helper
        self.scope: dict[str, str] = {}
        self.depth = 0
        self.loops = 0
        self.count = 0
        self.needs_global = False

    # Choices

    def coin(self, often: float) -> bool:
        return self.chance.random() < often

    def pick(self, *of: str) -> str:
        return self.chance.choice(of)

    def name(self, kind: str) -> str:
        """A name of this kind; a vector, if there is none."""
        names = [n for n, k in self.scope.items() if k == kind]
        if names:
            return self.chance.choice(names[-4:] if self.coin(0.7) else names)
        return {"whole": str(self.chance.randint(0, 3)), "real": self.constant()}.get(kind, "")

    def has(self, kind: str) -> bool:
        return kind in self.scope.values()

    def fresh(self, kind: str) -> str:
        """A new name, or now and then one that is bound anew."""
        old = [n for n, k in self.scope.items() if k == kind and n[0] not in "ck"]  # but no loop's counter
        if old and self.coin(0.35):
            return self.chance.choice(old)
        self.count += 1
        return f"{kind[0]}{self.count}"

    def constant(self) -> str:
        return self.pick("2", "3", "0.5", "1.5", "-1", "-2.0", "1", "0", "2.0")

    # Expressions

    def place(self) -> str:
        """An index that gives a number."""
        return self.pick("0", "1", "-1", "2", self.index())

    def index(self) -> str:
        return f"{self.name('whole')} % {WIDTH}" if self.has("whole") else "3"

    def part(self) -> str:
        """A slice whose extent is 2."""
        return self.pick("1:3", ":2", "-2:", "::2", "1::2", "2:0:-1", "::-2")

    def mask(self, v: str) -> str:
        return self.pick(f"{v} > {self.constant()}", f"{v} == {self.constant()}", f"({v} > 0) & ({v} < 3)", f"~({v} < 1)", f"{v} != {v}[0]")

    def filled(self, form: str, deep: int) -> str:
        """One of NumPy's forms, with names and numbers in it."""
        m = self.name("matrix") or f"np.stack([{self.name('vector')}] * 3)"
        return form.format(v=self.vector(deep), w=self.vector(deep), m=m, k=self.name("whole"), c=self.constant())

    def vector(self, deep: int = 0) -> str:
        if deep > 2 or self.coin(0.25):
            return self.name("vector")
        if self.xp == "np" and self.coin(0.3):
            return f"({self.filled(self.pick(*VECTORS), deep + 2)})"
        v, w = self.vector(deep + 1), self.vector(deep + 1)
        xp = self.xp
        forms = [
            *[f"({v} {op} {w})" for op in ("+", "-", "*")], f"({v} + {self.number(deep + 1)})", f"({v} * {self.constant()})", f"({v} / 2)",
            f"(-{v})", f"abs({v})", f"{v}[::-1]", f"{xp}.where({self.mask(v)}, {v}, {w})", f"{xp}.where({v} > {w}, {v}, {self.constant()})",
            f"{xp}.clip({v}, -1.5, 2.5)", f"{xp}.maximum({v}, 0.5)", f"{xp}.concat([{v}[2:], {w}[:2]])", f"{xp}.roll({v}, 1)",
            f"{xp}.sqrt(abs({v}) + 1)", f"({v} // 2)", f"({v} % 3)", f"{xp}.zeros_like({v})", f"{xp}.floor({v})", f"(({v} > {w}) * 1.0)",
            f"({v} if {self.condition(deep + 1)} else {w})", f"{v}[{xp}.asarray([2, 0, 1, {self.index()}])]", f"{xp}.sort({v} + 0.0)",
        ]  # fmt: skip
        if self.has("matrix"):
            m = self.name("matrix")
            forms += [f"{m}[{self.pick('0', '1', '-1')}]", f"{m}.sum(axis=0)", f"(np.round({m}) @ np.round({v}))[[0, 1, 2, 0]]" if xp == "np" else f"({m} * {v})[1]", f"({m} + {v})[0]"]
        if self.has("rows"):
            forms += [f"{self.name('rows')}[{self.pick('0', '-1')}]", f"sum({self.name('rows')})"]
        if self.has("table"):
            forms += [f'{self.name("table")}["{self.pick("a", "b")}"]', f'{self.name("table")}.get("c", {v})']
        if self.helpers and deep < 2:
            forms += [f"{self.pick(*self.helpers)}({v}, {self.name('whole')})"] * 3
        return self.pick(*forms)

    def number(self, deep: int = 0) -> str:
        if self.xp == "np" and self.coin(0.3):
            return f"({self.filled(self.pick(*NUMBERS), max(deep, 2))})"
        v = self.vector(max(deep, 2))
        forms = [f"{v}[{self.place()}]", f"{v}.sum()", f"({v} + 0.0).max()", f"{v}.mean()", f"{v}[{self.part()}].sum()", f"float({v}[{self.place()}])", f"({self.mask(v)}).sum()"]
        forms += [self.name(kind) for kind in ("number", "real", "some") if self.has(kind)]
        text = self.pick(*forms)
        return f"{text}.sum()" if self.scope.get(text) == "some" else text

    def condition(self, deep: int = 0) -> str:
        v = self.vector(max(deep, 2))
        forms = [
            f"{self.number(deep)} > {self.constant()}", f"({v} > {self.constant()}).any()", f"({v} < {self.constant()}).all()", f"{self.name('whole')} > 1",
            f"{self.name('whole')} % 2 == 0", f"{v}[0] > {v}[1]", f"not {v}[2] > 0", f"-2 < {v}[0] <= {self.constant()}", f"len({v}) > 2",
            f"{v}[0] > 0 and {v}[1] > 0", f"({v}[0] > 0 or {self.name('whole')})", "FACTOR > 2",
        ]  # fmt: skip
        return self.pick(*forms)

    def anything(self) -> str:
        forms = [self.vector(), self.number(), f"({self.number()}, {self.vector(2)})", f"[{self.vector(2)}, {self.name('whole')}]"]
        forms += [self.name(kind) for kind in ("matrix", "some", "rows", "table", "number", "whole", "real") if self.has(kind)]
        return self.pick(*forms)

    # Blocks

    def block(self, length: int, extra: dict[str, str] | None = None) -> list[str]:
        """Statements, indented; names that they make are theirs alone."""
        before = dict(self.scope)
        self.scope.update(extra or {})
        self.depth += 1
        lines = [line for _ in range(max(1, length)) for line in self.statement()]
        self.depth -= 1
        self.scope = before
        return [f"    {line}" for line in lines]

    def inner(self, extra: dict[str, str] | None = None) -> list[str]:
        return self.block(self.chance.randint(1, 3), extra)

    def statement(self) -> list[str]:
        kinds = [k for k in KINDS if self.depth < DEPTH or k.write not in DEEP]
        return self.chance.choices(kinds, [k.often for k in kinds])[0].write(self)


# Statements


def bind(w: Writer) -> list[str]:
    kind, text = w.chance.choice([("vector", w.vector()), ("vector", w.vector()), ("number", w.number()), ("real", f"float({w.number()})")])
    name = w.fresh(kind)
    w.scope[name] = kind
    return [f"{name} = {text}"]


def bind_other(w: Writer) -> list[str]:
    v = w.name("vector")
    forms = [
        ("some", f"{v}[{w.mask(v)}]"), ("some", f"{v}[{w.name('whole')} % 3:]"), ("matrix", f"{w.xp}.stack([{v}, {w.vector(2)}, {w.vector(2)}])"),
        ("whole", f"int(({w.mask(v)}).sum())"), ("whole", f"len({w.anything() if w.has('rows') else v}[:1])" if w.coin(0.1) else f"{v}.shape[0] - 2"),
        ("matrix", f"{w.vector(2)}[None] * {w.vector(2)}[:3, None]"), ("rows", f"[{w.vector()}, {w.vector(2)}]"), ("rows", f"[{v} * k for k in range(1, 3)]"),
        ("table", f'{{"a": {w.vector()}, "b": {v}}}'), ("vector", f"{v}.copy()" if w.xp == "np" else f"{v}.clone()"), ("whole", f"int({w.xp}.argmax({v}))"),
        ("rows", f"[r for r in {w.name('matrix')}]" if w.has("matrix") else f"[{v}]"), ("rows", f"[e for e in [{v}, {w.vector(2)}] if e[0] > 0] or [{v}]"),
    ]  # fmt: skip
    kind, text = w.chance.choice(forms)
    name = w.fresh(kind)
    w.scope[name] = kind
    return [f"{name} = {text}"]


def alias(w: Writer) -> list[str]:
    v = w.name("vector")
    forms = [v, f"{v}[::-1]", f"{v}[:]", f"{v}.reshape(2, 2).reshape(-1)"]
    if w.has("matrix"):
        forms += [f"{w.name('matrix')}[{w.pick('0', '1', '2')}]", f"{w.name('matrix')}.reshape(-1)[4:8]"]
    name = w.fresh("vector")
    w.scope[name] = "vector"
    return [f"{name} = {w.pick(*forms)}"]


def augment(w: Writer) -> list[str]:
    v = w.name("vector")
    target = w.pick(v, f"{v}[{w.part()}]", f"{v}[{w.place()}]", v)
    value = {v: w.vector(1)}.get(target, w.pick(w.number(1), w.constant()))
    return [f"{target} {w.pick('+=', '-=', '*=', '+=')} {value if w.coin(0.6) else w.constant()}"]


def store(w: Writer) -> list[str]:
    v = w.name("vector")
    forms = [
        f"{v}[{w.place()}] = {w.number()}", f"{v}[{w.part()}] = {w.vector(2)}[{w.part()}]", f"{v}[{w.mask(v)}] = {w.pick(w.constant(), w.number(2))}",
        f"{v}[...] = {w.vector()}", f"{v}[1:] = {v}[:-1]", f"{v}[::-1] = {w.vector(2)}", f"{v}[{w.xp}.asarray([0, 2])] = {w.constant()}",
    ]  # fmt: skip
    if w.has("matrix"):
        m = w.name("matrix")
        forms += [f"{m}[{w.pick('0', '1', '-1')}] = {w.vector()}", f"{m}[:, {w.place()}] = {w.number(2)}", f"{m}[1:] += {w.vector(2)}", f"{m}.T[0] = {w.constant()}"]
    return [w.pick(*forms)]


def containers(w: Writer) -> list[str]:
    forms = ["LOG.append({})".format(w.pick("len(LOG)", w.name("whole"), w.vector(2), w.number(2)))]
    if w.has("rows"):
        rows = w.name("rows")
        forms += [f"{rows}.append({w.vector()})", f"{rows}[0] = {w.vector()}", f"{rows}[-1] += 1", f"{rows}.reverse()", f"{rows}.insert(0, {w.vector(2)})", f"{rows}[0][0] = {w.constant()}"]
    if w.has("table"):
        table = w.name("table")
        forms += [f'{table}["{w.pick("a", "b", "c")}"] = {w.vector()}', f'{table}["a"] *= 2', f'{table}.setdefault("c", {w.vector(2)})', f'{table}.update(b={w.vector(2)})', f'{table}["b"][1] = 5']
    return [w.pick(*forms)]


def say(w: Writer) -> list[str]:
    return [w.pick(f"print({w.anything()})", f'print("at", {w.name("whole")}, {w.number()})', f'print(f"{{float({w.number()}):.3f}}")')]


def branch(w: Writer) -> list[str]:
    lines = [f"if {w.condition()}:", *w.inner()]
    if w.coin(0.25):
        lines += [f"elif {w.condition()}:", *w.inner()]
    return lines + (["else:", *w.inner()] if w.coin(0.5) else [])


def loop(w: Writer) -> list[str]:
    k = f"k{w.depth}"
    v = w.name("vector")
    heads: list[tuple[str, dict[str, str]]] = [
        (f"for {k} in range({w.pick('2', '3', '4', w.name('whole'))}):", {k: "whole"}), (f"for {k} in range(1, {v}.shape[0]):", {k: "whole"}),
        (f"for {k}, e{w.depth} in enumerate({v}):", {k: "whole", f"e{w.depth}": "number"}), (f"for e{w.depth} in {v}:", {f"e{w.depth}": "number"}),
    ]  # fmt: skip
    if w.has("matrix"):
        heads.append((f"for q{w.depth} in {w.name('matrix')}:", {f"q{w.depth}": "vector"}))
    if w.has("rows"):
        heads.append((f"for {k}, q{w.depth} in enumerate(list({w.name('rows')})):", {k: "whole", f"q{w.depth}": "vector"}))
    if w.has("table"):
        heads.append((f"for n{w.depth}, q{w.depth} in list({w.name('table')}.items()):", {f"q{w.depth}": "vector"}))
    head, names = w.chance.choice(heads)
    w.loops += 1
    lines = [head, *w.inner(names)]
    w.loops -= 1
    return lines + (["else:", *w.inner()] if w.coin(0.1) else [])


def while_loop(w: Writer) -> list[str]:
    c = f"c{w.depth}"
    w.loops += 1
    lines = [f"{c} = 0", f"while {c} < {w.pick('3', '5', '8')} and {w.condition(2)}:", f"    {c} += 1", *w.inner({c: "whole"})]
    w.loops -= 1
    return lines


def leave(w: Writer) -> list[str]:
    """Out of a loop or the function, on a condition."""
    ways = ["break", "continue"] * 2 if w.loops else []
    ways += [f"return {w.vector()}" if w.is_helper else f"return {w.anything()}"]
    return [f"if {w.condition()}:", f"    {w.pick(*ways)}"]


def throw(w: Writer) -> list[str]:
    error = w.pick('ValueError("bad")', "KeyError(3)", f'RuntimeError(f"at {{{w.name("whole")}}}")', f"ValueError(float({w.number(2)}))")
    return [w.pick(f"assert {w.condition()}, {w.name('whole')}", f"if {w.condition()}: raise {error}")]


def attempt(w: Writer) -> list[str]:
    lines = ["try:", *w.inner(), *[f"    {line}" for line in throw(w)]]
    lines += [f"except {w.pick('ValueError', '(KeyError, ValueError)', 'Exception')} as error:", "    print(type(error).__name__, error)", *w.inner()]
    return lines + (["finally:", *w.block(1)] if w.coin(0.3) else [])


def several(w: Writer) -> list[str]:
    """Several names at once, changed in a helper that sees them, or held by a name of two."""
    one, two, text = w.name("vector"), w.name("vector"), w.vector()
    a, b = w.fresh("vector"), w.fresh("vector")
    w.scope[a] = w.scope[b] = "vector"
    return [w.pick(f"{a}, {b} = {two}, {one}", f"{a}, *{b} = {text}, {two}, 1; {b} = {b}[0]", f"{b} = ({a} := {text})", f"{a} = {b} = {text}")]


def local_function(w: Writer) -> list[str]:
    w.count += 1
    f, n = f"f{w.count}", f"t{w.count}"
    v = w.name("vector")
    body = w.pick(f"return u * {n} + {v}", f"nonlocal {n}; {n} = {n} + 1; return u + {n}", f"u[0] = {n}; return u", f"return [u, {v}][{n} % 2]")
    lines = [f"{n} = {w.pick('1', '2', w.name('whole'))}", f"def {f}(u, *rest):", *[f"    {part}" for part in body.split("; ")]]
    calls = w.pick(f"{f}({v})", f"{f}({f}({v}), 1)", f"list(map({f}, [{v}, {w.vector(2)}]))[1]", f"max([{v}, {w.vector(2)}], key=lambda u: float({f}(u)[0]))")
    name = w.fresh("vector")
    w.scope[name] = "vector"
    return [*lines, f"{name} = {calls}"]


def world(w: Writer) -> list[str]:
    """What lies outside is read and changed."""
    v = w.name("vector")
    w.needs_global = True
    forms = [
        f"{v} = {v} * FACTOR + OUTER", "FACTOR = FACTOR + 1", f"OUTER[{w.place()}] = {w.number(2)}", f"OUTER += {v}", f"STATE.last = {w.vector()}",
        f"STATE.steps += 1; {v} = {v} + STATE.steps", f"{v} = {v} + STATE.weight",
    ]  # fmt: skip
    return [w.pick(*forms)]


def numpys(w: Writer, forms: tuple[str, ...] = tuple(STATEMENTS)) -> list[str]:
    return [w.filled(w.pick(*[form for form in forms if w.has("matrix") or "{m}" not in form]), 3)] if w.xp == "np" else augment(w)


def guarded(w: Writer) -> list[str]:
    """NumPy's own errors, caught where they are raised."""
    return ["try:", *[f"    {line}" for line in numpys(w, (*STATEMENTS, *REFUSED))], "except Exception as error:", "    print(type(error).__name__, error)"]


def instance(w: Writer) -> list[str]:
    """An object, made and used."""
    w.count += 1
    o, v = f"o{w.count}", w.name("vector")
    lines = [f"{o} = Thing({w.vector()})", w.pick(f"{o}.weight = {w.vector(2)}", f"{o}.weight += 1", f"{o}.step({w.number(2)})", f"{o}.weight[0] = {w.constant()}", f"print({o}.doubled[1])")]
    name = w.fresh("vector")
    w.scope[name] = "vector"
    return [*lines, f"{name} = " + w.pick(f"{o}({v})", f"{o}.weight", f"{o}.doubled + {v}", f"sum({o}.pieces({v}))", f"Thing.power({v}, 3)", f"next({o}.pieces({v}))")]


KINDS = [
    Kind(14, bind), Kind(6, bind_other), Kind(5, alias), Kind(8, augment), Kind(8, store), Kind(4, containers), Kind(2, say), Kind(6, branch), Kind(5, loop),
    Kind(3, while_loop), Kind(2, leave), Kind(1, throw), Kind(2, attempt), Kind(2, several), Kind(2, local_function), Kind(2, world), Kind(8, numpys), Kind(3, guarded), Kind(2, instance),
]  # fmt: skip
DEEP = (branch, loop, while_loop, attempt, local_function)


# Programs


def function(w: Writer, head: str, names: dict[str, str], length: int, result: Callable[[], str]) -> list[str]:
    w.scope = dict(names)
    body = [line for _ in range(length) for line in w.statement()]
    declared = ["    global FACTOR, OUTER"] if w.needs_global else []
    return [head, *declared, *[f"    {line}" for part in body for line in part.split("\n")], f"    return {result()}", ""]


def draw(chance: Random, xp: str) -> str:
    """The text of a program for NumPy (`xp` is "np") or for tensors ("tj")."""
    lines = [HEAD.format(xp=xp, width=WIDTH)]
    helpers: list[str] = []
    for n in range(chance.randint(0, 2)):
        w = Writer(chance, xp, helpers[:], is_helper=True)
        lines += [*function(w, f"def helper{n}(x, n):", {"x": "vector", "n": "whole"}, chance.randint(1, 3), w.vector), ""]
        helpers.append(f"helper{n}")
    w = Writer(chance, xp, helpers)
    names = {"x": "vector", "y": "vector", "m": "matrix", "n": "whole"}
    lines += [*function(w, "def program(x, y, m, n):", names, chance.randint(3, 9), lambda: ", ".join(w.anything() for _ in range(chance.randint(1, 3)))), ""]
    return "\n".join([*lines, _arguments(chance, xp)])


def _arguments(chance: Random, xp: str) -> str:
    dtype = chance.choice(["float64"] * 5 + ["float32", "int64"])
    y = chance.choice(["rng.integers(-8, 9, 4) / 2"] * 5 + ["base[::-1]", "base"])
    kept = "y" if y.startswith("base") else f"np.asarray(y).astype('{dtype}')"
    n = chance.choice(["n", "n % 2", "2", "n * n"])
    return textwrap.dedent(f"""
        def arguments(n):
            rng = np.random.default_rng(n)
            base = (rng.integers(-8, 9, 4) / 2).astype("{dtype}")
            y = {y}
            m = (rng.integers(-8, 9, (3, 4)) / 2).astype("{dtype}")
            return {xp}.asarray(base), {xp}.asarray({kept}), {xp}.asarray(m), {n}
    """)
