"""`Optimizer`: the walk over groups and parameters. A subclass states what one parameter keeps and how it moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable, Iterable

from ..autograd.modes import GradMode
from ..dispatch import EAGER, assign, mode
from ..errors import ArgumentError, GradError, fail
from ..ops.create import zeros_like
from ..ops.elementwise import cast, copy, where
from ..ops.transfer import on_device
from ..precision import without_autocast
from ..spec import is_floating
from ..tensor import Tensor
from .group import Clock, ParamGroup, scalar

Scalars = tuple[Tensor, ...]
_SWITCHES = frozenset(("foreach", "fused", "capturable"))  # PyTorch's choices of implementation: there is one here

# hyperparameters that are amounts: 0 or more
_AMOUNTS = frozenset(("lr", "eps", "weight_decay", "momentum", "alpha", "lr_decay", "initial_accumulator_value"))


class Optimizer(ABC):
    """Updates parameters in place from their gradients.

    params: the tensors to update (leaves that are floating), (name, tensor) pairs, or dicts with "params" and
      hyperparameters of their own.
    param_groups: a list of dicts; a hyperparameter may be written at any time, `opt.param_groups[0]["lr"] = 1e-4`.
    state: for each parameter, the dict of tensors the update keeps, under PyTorch's names.
    """

    pure: bool = False  # whether `advance` and `update` depend on tensors and `group.on` alone
    counted: tuple[str, ...] = ()  # hyperparameters that `counts_at` reads
    derived: dict[str, tuple[str, Callable[[Any], tuple[float, ...]]]] = {}  # see ParamGroup

    def __init_subclass__(cls, *, pure: bool = False, **keywords: Any) -> None:
        """`class Mine(Optimizer, pure=True)`: eager steps may run as one program. A subclass with rules of its own says so anew."""
        super().__init_subclass__(**keywords)
        cls.pure = pure or (cls.pure and not {"advance", "update"} & set(vars(cls)))

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any], switches: dict[str, Any] | None = None) -> None:
        if unknown := set(switches or {}) - _SWITCHES:
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {min(unknown)!r}")
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self.param_groups: list[ParamGroup] = []
        if isinstance(params, Tensor):
            fail(ArgumentError, "an optimiser of one tensor", "Give a list of tensors: [x], or model.parameters().")
        listed = list(params)
        if not listed:
            fail(ArgumentError, "an optimiser of no parameters", "Give model.parameters() or a list of tensors.")
        for group in listed if isinstance(listed[0], dict) else [{"params": listed}]:
            self.add_param_group(group)

    # What a subclass states

    @abstractmethod
    def init(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The tensors kept for one parameter, as they are before its first step."""

    @abstractmethod
    def advance(self, counts: dict[str, Tensor], group: ParamGroup) -> Scalars:
        """One tick of a clock: move its counts on, and give the scalars (0-d, float64) that change with it."""

    @abstractmethod
    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], scalars: Scalars, group: ParamGroup) -> None:
        """Move one parameter. `scalars` are those of `advance`, in the parameter's dtype; others are read from the group."""

    def counts_at(self, step: float, group: ParamGroup) -> dict[str, float]:
        """The counts of a clock after this many steps."""
        return {"step": step}

    # The walk

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure` is called first, if given, and its loss returned."""
        loss = None
        if closure is not None:
            with GradMode(True):
                loss = closure()
        self._walk(None)
        return loss

    def step_unless(self, skip: Tensor) -> None:
        """As `step()`; where `skip`, a bool, is true, nothing is changed. No value is asked for where it is not at hand."""
        if type(self).step is not Optimizer.step:
            if not skip:
                self.step()
        elif mode.interpreter is not EAGER or skip.device != "cpu":
            self._walk(skip)
        elif not skip:
            self._walk(None)

    def gradients(self) -> list[Tensor]:
        """Those that the parameters have now."""
        read = mode.interpreter.read_grad
        return [grad for group in self.param_groups for param in group["params"] if (grad := read(param)) is not None]

    @without_autocast
    def _walk(self, skip: Tensor | None) -> None:
        with GradMode(False):
            for group in self.param_groups:
                for clock, grads in _ticking(group, self.state):
                    clock.follow(self.state)
                    self._step_together(clock, grads, group, skip)

    def _step_together(self, clock: Clock, grads: list[Tensor], group: ParamGroup, skip: Tensor | None) -> None:
        states = [self.state[param] for param in clock.params]
        written = [*clock.counts.values(), *clock.params]
        for state in states:
            written += [tensor for name, tensor in state.items() if name != "step"]  # which is one of the counts

        def move() -> None:
            before = [] if skip is None else [copy(tensor) for tensor in written]
            self._move(clock, grads, group)
            for tensor, value in zip(written, before):
                assign(tensor, where(skip, value, tensor))

        if not self.pure:
            move()
            return
        tensors = [*written, *group.scalars, *grads, *([] if skip is None else [skip])]
        mode.interpreter.run_whole(clock.whole, move, tensors, (skip is None, group.on, *map(tuple, states)))

    def _move(self, clock: Clock, grads: list[Tensor], group: ParamGroup) -> None:
        scalars = self.advance(clock.counts, group)
        of_dtype: dict[Any, Scalars] = {}
        for param, grad in zip(clock.params, grads):
            dtype = param.dtype
            own = of_dtype.get(dtype)
            if own is None:
                own = of_dtype[dtype] = tuple([s if s.dtype == dtype else cast(s, dtype=dtype) for s in scalars])
            self.update(param, -grad if "maximize" in group.on else grad, self.state[param], own, group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with `set_to_none=False`, fill them with zeros."""
        interpreter = mode.interpreter
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    interpreter.write_grad(param, None)
                elif (grad := interpreter.read_grad(param)) is not None:
                    with GradMode(False):
                        assign(grad, zeros_like(grad))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dict with "params" and any hyperparameters that differ from the defaults."""
        given = dict(param_group)
        listed = given["params"]
        params = [listed] if isinstance(listed, Tensor) else [p[1] if isinstance(p, tuple) else p for p in listed]
        for name, value in {**self.defaults, **given}.items():
            _check_amount(name, value)
        for param in params:
            _check_parameter(param, self.state)
            self.state[param] = {}
        group = ParamGroup({"params": params, **self.defaults, **{k: v for k, v in given.items() if k != "params"}}, self.defaults, self.derived)
        counts = {name: scalar(value) for name, value in self.counts_at(0.0, group).items()}
        group.clocks.append(Clock(list(params), counts))
        group.recount.update({name: self.counts_at for name in self.counted})
        with GradMode(False):
            for param in params:
                self.state[param].update(self._fresh_state(param, counts, group))
            group.clocks[0].follow(self.state)
        self.param_groups.append(group)

    def _fresh_state(self, param: Tensor, counts: dict[str, Tensor], group: ParamGroup) -> dict[str, Tensor]:
        return {"step": counts["step"], **self.init(param, group)}

    # Saving and loading

    def state_dict(self) -> dict[str, Any]:
        """PyTorch's form: "state" by the parameter's number, and "param_groups" with those numbers as "params"."""
        number = {p: i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups]
        return {"state": {number[p]: dict(kept) for p, kept in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict()` gave: hyperparameters, step counts and the tensors kept, copied."""
        saved = state_dict["param_groups"]
        if [len(g["params"]) for g in saved] != [len(g["params"]) for g in self.param_groups]:
            met = f"a state of groups of {[len(g['params']) for g in saved]} parameters"
            fail(ArgumentError, met, f"This optimiser has groups of {[len(g['params']) for g in self.param_groups]}.")
        with GradMode(False):
            for group, saved_group in zip(self.param_groups, saved):
                group.update({k: v for k, v in saved_group.items() if k != "params"})
                kept = [state_dict["state"].get(i, {}) for i in saved_group["params"]]
                self._load_group(group, kept)

    def _load_group(self, group: ParamGroup, kept: list[dict[str, Any]]) -> None:
        steps = [float(k.get("step", 0.0)) for k in kept]
        group.clocks.clear()
        for step in dict.fromkeys(steps):
            params = [p for p, s in zip(group["params"], steps) if s == step]
            counts = {name: scalar(value) for name, value in self.counts_at(step, group).items()}
            group.clocks.append(Clock(params, counts))
            for param in params:
                self.state[param]["step"] = counts["step"]
            group.clocks[-1].follow(self.state)
        for param, loaded in zip(group["params"], kept):
            state = self.state[param]
            state.update({name: t for name, t in self.init(param, group).items() if name not in state})
            for name, value in loaded.items():
                if name in state and name != "step" and value is not None:
                    assign(state[name], on_device(cast(value, dtype=state[name].dtype), state[name].device))

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {i}", *(f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params")]
        return "\n".join([*lines, ")"])


def _ticking(group: ParamGroup, state: dict[Tensor, dict[str, Tensor]]) -> list[tuple[Clock, list[Tensor]]]:
    """The clocks that tick now, with the gradients of their parameters. Parameters that stay behind get a clock of their own."""
    read = mode.interpreter.read_grad
    ticking = []
    for clock in list(group.clocks):
        grads = [read(p) for p in clock.params]
        stepping = [p for p, g in zip(clock.params, grads) if g is not None]
        if 0 < len(stepping) < len(grads):
            staying = [p for p, g in zip(clock.params, grads) if g is None]
            counts = {name: copy(count) for name, count in clock.counts.items()}
            group.clocks.append(Clock(staying, counts))
            for param in staying:
                state[param]["step"] = counts["step"]
            clock.params = stepping
        if stepping:
            ticking.append((clock, [g for g in grads if g is not None]))
    return ticking


def _check_amount(name: str, value: Any) -> None:
    """Refuse a hyperparameter that is an amount, and is no number or is negative. A tensor's value is not looked at."""
    if name not in _AMOUNTS or isinstance(value, Tensor):
        return
    if not isinstance(value, (int, float)) or not value >= 0:
        fail(ArgumentError, f"{name}={value!r}", "Give a number of 0 or more.")


def _check_parameter(param: Any, known: dict[Tensor, Any]) -> None:
    if not isinstance(param, Tensor):
        fail(ArgumentError, f"an optimiser of a {type(param).__name__}", "Give tensors: model.parameters(), or a list of them.")
    if not param.is_leaf:
        fail(GradError, "an optimiser of a tensor that is not a leaf", "Give the tensors you made, or use .detach().requires_grad_().")
    if not is_floating(param.dtype):
        fail(ArgumentError, f"an optimiser of a tensor of {param.dtype.name}", "Give floating tensors.")
    if param in known:
        fail(ArgumentError, "a parameter is given to the optimiser twice", "Give each once, in one group.")
