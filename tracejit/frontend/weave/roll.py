"""Loops of woven functions as one op: a turn is traced once, with what it changes as carries.

What a loop's functions do is tried on copies of its variables. If a graph of its own cannot do it, the loop runs turn by turn.
"""

from __future__ import annotations

from typing import Any, Callable

from ...control.body import Body, Untraceable, refusals
from ...dispatch import mode
from ..numpy_code import world
from .loops import SKIP, STOP
from .rows import Rows, rows_of
from .trial import UNROLLED, FirstTurnDiffers, Raises, Trial, Writes
from .variables import Unsettled, Variables, form_of, is_traced
from .words import Span

PEELED = 2  # turns that are run before, where the first leave other kinds of values than they find
REMEMBERED = 4096  # loops that cannot be rolled
_failed: set[Any] = set()  # loops, and kinds of their variables, of which it is known that they cannot be rolled


def rolled(state: Variables | None, test: Callable, body: Callable, names: tuple[str, ...], live: tuple[str, ...]) -> bool:
    """Whether a `while` loop was done here: then the variables are as it leaves them. names: those that turns set; live: those
    among them that are read elsewhere in the function."""
    return state is not None and _apart(state, _Loop(state, body, names, live, test=test).done)


def rolled_for(state: Variables | None, values: Any, target: str, body: Callable, names: tuple[str, ...], live: tuple[str, ...]) -> bool:
    """The same of `for target in values`, where that is a range or the rows of arrays."""
    if state is None:
        return False
    rows = rows_of(values)
    turns = values if rows is None else range(rows.count)
    return isinstance(turns, (range, Span)) and _apart(state, _Loop(state, body, names, live, values=turns, target=target, rows=rows).done)


def unrolled(state: Variables, *loop: Any) -> None:
    """Run an inner loop with `break` or `continue` turn by turn, given as for `rolled` or `rolled_for`."""
    if len(loop) == 3:
        test, body, names = loop
        made = _Loop(state, body, names, (), test=test)
    else:
        values, target, body, names = loop
        rows = rows_of(values)
        turns = values if rows is None else range(rows.count)
        if not isinstance(turns, range):
            raise Untraceable("has a loop in it that cannot be one op")
        made = _Loop(state, body, names, (), values=turns, target=target, rows=rows)
    _apart(state, made._turn_by_turn)


def _apart(state: Variables, run: Callable[[], bool]) -> bool:
    """Run a loop, whose `break` and `continue` are not those of the loop around it."""
    around = {n: vars(state).pop(n) for n in (STOP, SKIP) if n in state}
    try:
        return run()
    finally:
        for n in (STOP, SKIP):
            vars(state).pop(n, None)
        vars(state).update(around)


class _Loop:
    """One loop, tried."""

    def __init__(
        self, state: Variables, body: Callable, names: tuple[str, ...], live: tuple[str, ...], test: Callable | None = None, values: Any = None,
        target: str = "", rows: Rows | None = None,
    ) -> None:  # fmt: skip
        self.state, self.body, self.names, self.test, self.values, self.target = state, body, names, test, values, target
        self.rows = rows  # what the values are the numbers of
        self.turns = len(values) if isinstance(values, range) else None  # where that is known
        self.live, self.differentiated, self.peeled = live, False, 0
        self.promoted: set[str] = set()  # Python numbers that turns change
        self.carried: set[str] = set()
        self.begins = False  # there is a turn, as Python numbers tell
        self.fresh = set(names) - vars(state).keys() - {*live, target, STOP, SKIP}  # what only turns know
        self.sets_them = False  # a turn was traced that did not read them before it set them

    def done(self) -> bool:
        """Whether the loop was done: as one op, or turn by turn where the first turns had to be."""
        key = (self.body.__code__, tuple(sorted((n, form_of(v)) for n, v in vars(self.state).items())))
        if key in _failed or self.turns == 0 or any(hasattr(type(v), "__next__") for v in vars(self.state).values()):
            return False
        for self.peeled in range(PEELED + 1):
            try:
                if self._tried():
                    return True
                break
            except Raises:
                break
            except (FirstTurnDiffers, Unsettled) as reason:
                refusals.made -= isinstance(reason, Unsettled)
                self.sets_them = isinstance(reason, FirstTurnDiffers)
                if self.peeled == PEELED or isinstance(self.values, Span):
                    self._give_up(key)
                    break
            except (Untraceable, Exception) as reason:
                if isinstance(mode.interpreter, Body) and "from outside" in str(reason):
                    raise  # the loop around this one has to carry it
                refusals.made -= isinstance(reason, Untraceable)
                self._give_up(key)
                break
            if not self._one_turn():  # what it raises is the user's
                return True
        return self.peeled > 0 and self._turn_by_turn()

    def may_end_at_once(self) -> bool:
        """Whether there may be no turn at all."""
        return not self.peeled and not self.begins and (self.test is not None or isinstance(self.values, Span))

    def item(self, place: Any, state: Variables) -> Any:
        """What a turn begins with: a number of the range, or the rows at that place."""
        return place if self.rows is None else self.rows.at(place, state)

    def _give_up(self, key: Any) -> None:
        """Do not try such a loop again."""
        if len(_failed) >= REMEMBERED:
            _failed.clear()
        _failed.add(key)

    def _turn_by_turn(self) -> bool:
        """Run the turns that are left."""
        while self._one_turn():
            pass
        return True

    def _one_turn(self) -> bool:
        """One turn as Python runs it; whether there may be another."""
        state = self.state
        if self.test is not None and not self.test(state):
            return False
        if self.values is not None:
            if not self.values:
                return False
            setattr(state, self.target, self.item(self.values[0], state))
            self.values, self.turns = self.values[1:], len(self.values) - 1
        setattr(state, STOP, False)
        setattr(state, SKIP, False)
        self.body(state)
        return not getattr(state, STOP) and self.turns != 0

    def _tried(self) -> bool:
        """Do the loop as one op; False if its turns are better written out."""
        done, known = False, vars(self.state)
        hidden = {n: known.pop(n) for n in self.fresh & known.keys()} if self.sets_them else {}  # a turn that was run left them
        world.rolling += 1
        try:
            done = self._rolled()
            return done
        finally:
            world.rolling -= 1
            if not done:
                known.update(hidden)

    def _rolled(self) -> bool:
        state = self.state
        vars(state).pop(STOP, None)
        vars(state).pop(SKIP, None)
        state.mixed.clear()
        self.promoted.clear()
        self.carried = {n for n in self.names if n != self.target and is_traced(vars(state).get(n))}
        for _ in range(6):
            trial = Trial(self)
            try:
                settled = trial.run()
            except Writes:
                self.carried |= {n for n, v in vars(state).items() if n != self.target and is_traced(v)}
                continue
            if settled:
                if self.turns is not None and STOP not in self.promoted and trial.nodes() * self.turns <= UNROLLED:
                    return False
                trial.finish()
                return True
        raise Untraceable("has variables that change their kind")
