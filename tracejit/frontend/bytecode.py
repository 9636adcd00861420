"""What a code object reads and writes outside itself, told from its bytecode: which chains of attributes and items it
follows from its arguments, free variables and globals, and which names it takes of things only a run can know.

The analysis is flow-insensitive and errs on the side of more. A local variable stands for everything that is ever stored
in it; what comes out of calls, loops and arithmetic is unknown, and only the attribute names and constant keys used on it
are kept.
"""

from __future__ import annotations

import dis
import inspect
import weakref
from types import CodeType
from typing import Any, NamedTuple

Step = tuple[str, Any]  # ("attr", name) or ("item", key)
Chain = tuple[Step, ...]  # begins with ("local", name), ("global", name) or ("module", (name, level, whole))

_MAX_STEPS = 8
_MAX_ALIASES = 16
_ATTRIBUTE_CALLS = ("getattr", "setattr", "hasattr", "delattr")
_OBJECT_CALLS = [(("global", "object"), ("attr", f"__{verb}__")) for verb in ("setattr", "delattr", "getattribute")]
_GETTERS = frozenset(("attrgetter", "methodcaller"))
_BLIND = frozenset(("eval", "exec", "globals"))


class Constant(NamedTuple):
    """A constant on the stack."""

    value: Any


class Summary(NamedTuple):
    """What a code object reaches for."""

    chains: tuple[Chain, ...]  # followed from arguments, free variables, globals and modules
    names: frozenset[str]  # attributes taken of unknown things
    keys: tuple[Any, ...]  # constant items taken of unknown things
    stores: dict[Step, int]  # what is stored or deleted, and the line: ("global" | "cell" | "attr" | "item", name)
    reads: dict[str, int]  # the line where a global or attribute of this name is first read
    inputs: tuple[str, ...]  # arguments and free variables
    dynamic: bool  # takes attributes whose names it computes
    opaque: bool  # takes items of unknown things by keys it computes
    blind: str | None  # a builtin that reads what cannot be known, such as eval
    inner: tuple[CodeType, ...]  # functions defined inside


_cache: dict[int, tuple[weakref.ref[CodeType], Summary]] = {}


def summary(code: CodeType) -> Summary:
    """The summary of a code object, made once."""
    number = id(code)
    found = _cache.get(number)
    if found is not None and found[0]() is code:
        return found[1]
    made = _Scan(code).summary()
    _cache[number] = (weakref.ref(code, lambda _: _cache.pop(number, None)), made)
    return made


class _Scan:
    """One walk over the instructions with a symbolic stack. Entries are a Chain, a Constant, or None (unknown)."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.stack: list[Any] = []
        self.uses: dict[Chain, None] = {}
        self.names: set[str] = set()
        self.keys: dict[Any, None] = {}
        self.stores: dict[Step, int] = {}
        self.reads: dict[str, int] = {}
        self.aliases: dict[str, dict[Any, None]] = {}  # of a variable: chains, and None for the unknown
        self.dynamic = self.opaque = False
        self.computed: set[Step] = set()  # roots of chains of which items are taken by computed keys
        self.line = code.co_firstlineno
        for instruction in dis.get_instructions(code):
            if instruction.is_jump_target:
                self.flush()
            self.line = (instruction.positions.lineno if instruction.positions else None) or self.line
            self.step(instruction.opname, instruction.arg or 0, instruction.argval, instruction.argrepr)
        self.flush()
        if not _GETTERS.isdisjoint(code.co_names):
            self.names.update(c for c in code.co_consts if isinstance(c, str) and c.isidentifier())

    def summary(self) -> Summary:
        code = self.code
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
        inputs = code.co_varnames[:count] + code.co_freevars
        inner = tuple(c for c in code.co_consts if isinstance(c, CodeType))
        for kind, name in (step for c in inner for step in summary(c).stores):
            if kind == "cell":
                self.store(name, None)
        chains: dict[Chain, None] = {}
        for chain in self.uses:
            bases, unknown = self.bases(chain[0], frozenset(inputs), ())
            for base in bases:
                chains[(base + chain[1:])[:_MAX_STEPS]] = None
            if unknown or len(chain) > _MAX_STEPS:
                self.take(chain[1:])
        self.opaque |= any(self.bases(root, frozenset(inputs), ())[1] for root in self.computed)
        return Summary(
            tuple(chains), frozenset(self.names), tuple(self.keys), self.stores, self.reads, inputs, self.dynamic, self.opaque,
            next((name for name in code.co_names if name in _BLIND), None),
            inner,
        )  # fmt: skip

    def bases(self, root: Step, inputs: frozenset[str], seen: tuple[str, ...]) -> tuple[list[Chain], bool]:
        """The chains a root stands for, and whether it may also be something unknown."""
        kind, name = root
        if kind != "local":
            return [(root,)], False
        if name in seen or len(self.aliases.get(name, ())) > _MAX_ALIASES:
            return [], True
        found: list[Chain] = [(root,)] if name in inputs else []
        unknown = not found and name not in self.aliases
        for alias in self.aliases.get(name, ()):
            if alias is None:
                unknown = True
                continue
            below, dim = self.bases(alias[0], inputs, (*seen, name))
            found += [base + alias[1:] for base in below]
            unknown |= dim
            if dim:
                self.take(alias[1:])
        return found[:_MAX_ALIASES], unknown or len(found) > _MAX_ALIASES

    def take(self, steps: Chain) -> None:
        """Keep the names and keys that are taken of something unknown."""
        for kind, what in steps:
            if kind == "attr":
                self.names.add(what)
            else:
                self.keys[what] = None

    # The symbolic stack

    def push(self, entry: Any) -> None:
        self.stack.append(entry)

    def pop(self) -> Any:
        return self.stack.pop() if self.stack else None

    def use(self, *entries: Any) -> None:
        for entry in entries:
            if type(entry) is tuple:
                self.uses[entry] = None

    def consume(self, count: int) -> None:
        for _ in range(min(count, len(self.stack))):
            self.use(self.stack.pop())

    def flush(self) -> None:
        self.consume(len(self.stack))

    def attribute(self, base: Any, name: str) -> Any:
        self.reads.setdefault(name, self.line)
        if type(base) is tuple:
            return base + (("attr", name),)
        if base is None:
            self.names.add(name)
        return None

    def item(self, base: Any, key: Any) -> Any:
        if type(key) is not Constant or not isinstance(key.value, (str, int, float, bytes, type(None))):
            self.use(base, key)
            self.opaque |= base is None
            if type(base) is tuple:
                self.computed.add(base[0])
            return None
        if type(base) is tuple:
            return base + (("item", key.value),)
        if base is None:
            self.keys[key.value] = None
        return None

    def store(self, variable: str, entry: Any) -> None:
        self.aliases.setdefault(variable, {})[entry if type(entry) is tuple else None] = None
        if variable in self.code.co_freevars:
            self.use(entry)

    # Instructions

    def step(self, opname: str, arg: int, value: Any, text: str) -> None:
        handler = _HANDLERS.get(opname)
        if handler is not None:
            handler(self, arg, value, text)
        elif opname in _POPS:
            taken, given = _POPS[opname]
            self.consume(taken)
            self.stack += [None] * given
        elif opname.startswith("POP_JUMP"):
            self.consume(1)
        else:
            self.flush()

    def load_local(self, arg: int, name: Any, text: str) -> None:
        for one in name if isinstance(name, tuple) else (name,):
            self.push((("local", one),))

    def load_global(self, arg: int, name: str, text: str) -> None:
        if "NULL" in text and not text.endswith("NULL"):
            self.push(None)
        self.reads.setdefault(name, self.line)
        self.push((("global", name),))
        if text.endswith("+ NULL"):
            self.push(None)

    def load_constant(self, arg: int, value: Any, text: str) -> None:
        self.push(Constant(value))

    def load_attribute(self, arg: int, name: str, text: str) -> None:
        entry = self.attribute(self.pop(), name)
        method = text.startswith("NULL|self") or text.endswith("NULL|self")
        self.stack += [None, entry] if method else [entry]

    def load_method(self, arg: int, name: str, text: str) -> None:
        self.stack += [None, self.attribute(self.pop(), name)]

    def load_super(self, arg: int, name: str, text: str) -> None:
        self.consume(3)
        self.names.add(name)
        self.stack += [None, None] if arg & 1 else [None]

    def subscript(self, arg: int, value: Any, text: str) -> None:
        key = self.pop()
        self.push(self.item(self.pop(), key))

    def binary(self, arg: int, value: Any, text: str) -> None:
        if text == "[]":
            return self.subscript(arg, value, text)
        self.consume(2)
        self.push(None)

    def store_local(self, arg: int, name: Any, text: str) -> None:
        for one in name if isinstance(name, tuple) else (name,):
            self.store(one, self.pop())

    def store_then_load(self, arg: int, names: Any, text: str) -> None:
        self.store(names[0], self.pop())
        self.push((("local", names[1]),))

    def store_cell(self, arg: int, name: str, text: str) -> None:
        self.store(name, self.pop() if self.stack else None)
        if name in self.code.co_freevars:
            self.note("cell", name)
            self.uses[(("local", name),)] = None

    def store_global(self, arg: int, name: str, text: str) -> None:
        self.use(self.pop())
        self.note("global", name)
        self.uses[(("global", name),)] = None

    def delete_global(self, arg: int, name: str, text: str) -> None:
        self.note("global", name)
        self.uses[(("global", name),)] = None

    def store_attribute(self, arg: int, name: str, text: str) -> None:
        base = self.pop()
        self.use(self.pop())
        self.note("attr", name)
        self.use(self.attribute(base, name))

    def delete_attribute(self, arg: int, name: str, text: str) -> None:
        self.note("attr", name)
        self.use(self.attribute(self.pop(), name))

    def store_item(self, arg: int, value: Any, text: str) -> None:
        key, base = self.pop(), self.pop()
        self.use(self.pop())
        self.change_item(base, key)

    def delete_item(self, arg: int, value: Any, text: str) -> None:
        key, base = self.pop(), self.pop()
        self.change_item(base, key)

    def change_item(self, base: Any, key: Any) -> None:
        self.note("item", key.value if type(key) is Constant and isinstance(key.value, (str, int)) else None)
        self.use(base)  # all of the container: an item may be new to it
        self.item(base, key)

    def note(self, kind: str, name: Any) -> None:
        self.stores.setdefault((kind, name), self.line)

    def copy(self, arg: int, value: Any, text: str) -> None:
        self.push(self.stack[-arg] if arg <= len(self.stack) else None)

    def swap(self, arg: int, value: Any, text: str) -> None:
        missing = arg - len(self.stack)
        self.stack[:0] = [None] * max(0, missing)
        self.stack[-1], self.stack[-arg] = self.stack[-arg], self.stack[-1]

    def build(self, arg: int, value: Any, text: str) -> None:
        self.consume(arg)
        self.push(None)

    def call(self, arg: int, value: Any, text: str) -> None:
        """`getattr(x, "name")` is `x.name`; a computed name may be any."""
        below = self.stack[-(arg + 2) :]
        function = next((e for e in below if type(e) is tuple and e[0][0] == "global" and e[0][1] in _ATTRIBUTE_CALLS), None)
        result = None
        if any(type(e) is tuple and e in _OBJECT_CALLS for e in below):
            function = (("global", "setattr"),)
        if function is not None and len(function) == 1 and arg >= 2:
            base, name = self.stack[-arg], self.stack[-arg + 1]
            if type(name) is Constant and isinstance(name.value, str):
                result = self.attribute(base, name.value)
                self.use(result)
                if function[0][1] in ("setattr", "delattr"):
                    self.note("attr", name.value)
            else:
                self.dynamic = True
        elif any(type(e) is tuple and e == (("global", "vars"),) for e in below):
            self.dynamic = True
        self.consume(arg + 2)
        self.push(result)

    def match_class(self, arg: int, value: Any, text: str) -> None:
        """`case Point(x=…)` reads attributes by name; `case Point(…)` those that the class lists."""
        names = self.pop()
        self.consume(2)
        if type(names) is Constant and isinstance(names.value, tuple):
            self.names.update(names.value)
        self.dynamic |= arg > 0
        self.push(None)

    def call_with_names(self, arg: int, value: Any, text: str) -> None:
        self.consume(1)
        self.call(arg, value, text)

    def import_name(self, arg: int, name: str, text: str) -> None:
        named, level = self.pop(), self.pop()
        whole = type(named) is Constant and bool(named.value)
        self.push((("module", (name, level.value if type(level) is Constant else 0, whole)),))

    def import_from(self, arg: int, name: str, text: str) -> None:
        self.push(self.attribute(self.stack[-1] if self.stack else None, name))

    def nothing(self, arg: int, value: Any, text: str) -> None:
        """An instruction that leaves the stack as it is."""

    def push_unknown(self, arg: int, value: Any, text: str) -> None:
        self.push(None)


_HANDLERS: dict[str, Any] = {
    **dict.fromkeys(("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW", "LOAD_FAST_AND_CLEAR", "LOAD_DEREF", "LOAD_CLASSDEREF",
                     "LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"), _Scan.load_local),
    **dict.fromkeys(("LOAD_GLOBAL", "LOAD_NAME"), _Scan.load_global),
    **dict.fromkeys(("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_CONST_IMMORTAL"), _Scan.load_constant),
    "LOAD_ATTR": _Scan.load_attribute, "LOAD_METHOD": _Scan.load_method, "LOAD_SUPER_ATTR": _Scan.load_super,
    "BINARY_SUBSCR": _Scan.subscript, "BINARY_OP": _Scan.binary,
    **dict.fromkeys(("STORE_FAST", "STORE_FAST_STORE_FAST"), _Scan.store_local), "STORE_FAST_LOAD_FAST": _Scan.store_then_load,
    **dict.fromkeys(("STORE_DEREF", "DELETE_DEREF"), _Scan.store_cell),
    "STORE_GLOBAL": _Scan.store_global, "DELETE_GLOBAL": _Scan.delete_global,
    "STORE_ATTR": _Scan.store_attribute, "DELETE_ATTR": _Scan.delete_attribute,
    "STORE_SUBSCR": _Scan.store_item, "DELETE_SUBSCR": _Scan.delete_item,
    "COPY": _Scan.copy, "SWAP": _Scan.swap,
    **dict.fromkeys(("BUILD_TUPLE", "BUILD_LIST", "BUILD_SET", "BUILD_STRING", "BUILD_SLICE"), _Scan.build),
    "MATCH_CLASS": _Scan.match_class, "CALL": _Scan.call, "CALL_KW": _Scan.call_with_names,
    "IMPORT_NAME": _Scan.import_name, "IMPORT_FROM": _Scan.import_from,
    **dict.fromkeys(("RESUME", "NOP", "CACHE", "EXTENDED_ARG", "PRECALL", "KW_NAMES", "MAKE_CELL", "COPY_FREE_VARS",
                     "NOT_TAKEN", "DELETE_FAST"), _Scan.nothing),
    **dict.fromkeys(("PUSH_NULL", "LOAD_CLOSURE"), _Scan.push_unknown),
}  # fmt: skip
_POPS = {  # how many entries an instruction takes, and how many unknown ones it leaves
    "POP_TOP": (1, 0), "RETURN_VALUE": (1, 0), "GET_ITER": (1, 1), "GET_LEN": (0, 1),
    "COMPARE_OP": (2, 1), "IS_OP": (2, 1), "CONTAINS_OP": (2, 1), "TO_BOOL": (1, 1), "FORMAT_VALUE": (1, 1), "FORMAT_SIMPLE": (1, 1),
    "UNARY_NOT": (1, 1), "UNARY_NEGATIVE": (1, 1), "UNARY_POSITIVE": (1, 1), "UNARY_INVERT": (1, 1),
    "BINARY_SLICE": (3, 1),
}  # fmt: skip
