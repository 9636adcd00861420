"""Recurrent layers: a step of each kind, its cell module, and the walk over a sequence in layers and directions."""

from __future__ import annotations

import math
from typing import Any, Callable, Sequence

from ..errors import ArgumentError, ShapeError, fail
from ..ops.create import zeros
from ..ops.join import concat, stack
from ..ops.linalg import matmul
from ..ops.transcendental import sigmoid, tanh
from ..precision import precision
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter, empty
from .parts import parts, rows

State = tuple[Tensor, ...]
Step = Callable[[Tensor, Tensor, State], State]

# One step: (what the input gives the gates, what the hidden state gives them, the state) to the next state, hidden first.
# The bias of the input's part is in it already; so is that of the hidden part.


@precision("low")
def _lstm_step(x_gates: Tensor, h_gates: Tensor, state: State) -> State:
    """c' = f c + i g, h' = o tanh(c') (Hochreiter and Schmidhuber, 1997; the gates in the order i, f, g, o)."""
    i, f, g, o = parts(x_gates + h_gates, (h_gates.shape[-1] // 4,) * 4, -1)
    cell = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(cell), cell


@precision("low")
def _gru_step(x_gates: Tensor, h_gates: Tensor, state: State) -> State:
    """n = tanh(x_n + r h_n), h' = (1 - z) n + z h (Cho et al., EMNLP 2014; the gates in the order r, z, n)."""
    width = h_gates.shape[-1] // 3
    x_rz, x_n = parts(x_gates, (2 * width, width), -1)
    h_rz, h_n = parts(h_gates, (2 * width, width), -1)
    r, z = parts(sigmoid(x_rz + h_rz), (width, width), -1)
    n = tanh(x_n + r * h_n)
    return (n + z * (state[0] - n),)


@precision("low")
def _tanh_step(x_gates: Tensor, h_gates: Tensor, state: State) -> State:
    """h' = tanh(x + h) (Elman, 1990)."""
    return (tanh(x_gates + h_gates),)


@precision("low")
def _relu_step(x_gates: Tensor, h_gates: Tensor, state: State) -> State:
    """h' = max(x + h, 0)."""
    return (F.relu(x_gates + h_gates),)


_STEPS: dict[str, tuple[Step, int, int]] = {  # the step, its gates, the tensors of its state
    "LSTM": (_lstm_step, 4, 2),
    "GRU": (_gru_step, 3, 1),
    "RNN_TANH": (_tanh_step, 1, 1),
    "RNN_RELU": (_relu_step, 1, 1),
}


class _Recurrent(Module):
    """A recurrent network of `num_layers` layers, in one direction or both.

    Of layer k: weight_ih_l{k} (gates · hidden, inputs), weight_hh_l{k} (gates · hidden, hidden), bias_ih_l{k}, bias_hh_l{k};
    of the backward direction the same names with `_reverse`. With proj_size, weight_hr_l{k} (proj_size, hidden).
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if not 0 <= dropout <= 1:
            fail(ArgumentError, f"a dropout probability of {dropout}", "Give one between 0 and 1.")
        if proj_size and (mode != "LSTM" or not 0 < proj_size < hidden_size):
            fail(ArgumentError, f"proj_size={proj_size} of {mode}", "Only an LSTM has it, and it is below hidden_size.")
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        gates = _STEPS[mode][1] * hidden_size
        outputs = proj_size or hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else outputs * self._directions
            for suffix in self._suffixes(layer):
                setattr(self, f"weight_ih{suffix}", Parameter(empty((gates, inputs), dtype, device)))
                setattr(self, f"weight_hh{suffix}", Parameter(empty((gates, outputs), dtype, device)))
                if bias:
                    setattr(self, f"bias_ih{suffix}", Parameter(empty(gates, dtype, device)))
                    setattr(self, f"bias_hh{suffix}", Parameter(empty(gates, dtype, device)))
                if proj_size:
                    setattr(self, f"weight_hr{suffix}", Parameter(empty((proj_size, hidden_size), dtype, device)))
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def reset_parameters(self) -> None:
        """Uniform within 1 / sqrt(hidden_size)."""
        init.reset_uniform(self.parameters(), 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0)

    def flatten_parameters(self) -> None:
        """Nothing: parameters are used where they lie."""

    def _run(self, input: Tensor, given: Sequence[Tensor] | None) -> tuple[Tensor, State]:
        """(outputs, final state): the state's tensors are (layers · directions, N, size)."""
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            wanted = f"({'N, L' if self.batch_first else 'L, N'}, {self.input_size}), or (L, {self.input_size}) without the batch"
            fail(ShapeError, f"{self.mode} of an input of shape {tuple(input.shape)}", f"Give {wanted}.")
        batched = input.ndim == 3
        if not batched:
            input = input.reshape((input.shape[0], 1, input.shape[1]))
        elif self.batch_first:
            input = input.permute(1, 0, 2)
        states = self._initial(given, input, batched)
        finals: list[State] = []
        steps: Sequence[Tensor] = ()
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                input = F.dropout(input, self.dropout)
            ends = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                start = tuple(s[layer * self._directions + direction] for s in states)
                steps, final = self._walk(input, start, suffix, backwards=direction == 1)
                ends.append(stack(steps))
                finals.append(final)
            input = ends[0] if len(ends) == 1 else concat(ends, axis=-1)
        state = tuple(stack(tensors) for tensors in zip(*finals))
        if not batched:
            return input.reshape((input.shape[0], -1)), tuple(s.reshape((s.shape[0], -1)) for s in state)
        return (input.permute(1, 0, 2) if self.batch_first else input), state

    def _initial(self, given: Sequence[Tensor] | None, input: Tensor, batched: bool) -> State:
        layers, batch = self.num_layers * self._directions, input.shape[1]
        widths = [self.proj_size or self.hidden_size, self.hidden_size][: _STEPS[self.mode][2]]
        if given is None:
            return tuple(zeros((layers, batch, width), dtype=input.dtype) for width in widths)
        for tensor, width in zip(given, widths):
            wanted = (layers, batch, width) if batched else (layers, width)
            if tuple(tensor.shape) != wanted:
                fail(ShapeError, f"an initial state of shape {tuple(tensor.shape)}", f"Its shape here is {wanted}.")
        return tuple(t if batched else t.reshape((layers, 1, -1)) for t in given)

    def _walk(self, input: Tensor, state: State, suffix: str, backwards: bool) -> tuple[list[Tensor], State]:
        """The hidden state at each step, in the order of the input, and the state at the end."""
        held = self.__dict__
        step, _, _ = _STEPS[self.mode]
        x_bias, h_bias = held.get(f"bias_ih{suffix}"), held.get(f"bias_hh{suffix}")
        if h_bias is not None and self.mode != "GRU":  # whose hidden part is scaled, its bias too
            x_bias, h_bias = x_bias + h_bias, None
        gates = rows(F.linear(input, held[f"weight_ih{suffix}"], x_bias))
        weight = held[f"weight_hh{suffix}"].mT
        projection = held[f"weight_hr{suffix}"].mT if self.proj_size else None
        outputs = []
        for x_gates in reversed(gates) if backwards else gates:
            h_gates = matmul(state[0], weight)
            state = step(x_gates, h_gates if h_bias is None else h_gates + h_bias, state)
            if projection is not None:
                state = (matmul(state[0], projection), *state[1:])
            outputs.append(state[0])
        return outputs[::-1] if backwards else outputs, state

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, default in (
            ("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0), ("bidirectional", False)
        ):  # fmt: skip
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class LSTM(_Recurrent):
    """Long short-term memory: input (L, N, input_size) and (h, c) to (outputs, (h, c)); see the base class for the parameters."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", input_size, hidden_size, num_layers, *args, **kwargs)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self._run(input, hx)


class GRU(_Recurrent):
    """Gated recurrent units: input (L, N, input_size) and h to (outputs, h); see the base class for the parameters."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *args: Any, **kwargs: Any) -> None:
        super().__init__("GRU", input_size, hidden_size, num_layers, *args, **kwargs)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        outputs, state = self._run(input, None if hx is None else (hx,))
        return outputs, state[0]


class RNN(_Recurrent):
    """Elman's network, nonlinearity "tanh" or "relu": input (L, N, input_size) and h to (outputs, h)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            fail(ArgumentError, f"nonlinearity={nonlinearity!r}", 'Give "tanh" or "relu".')
        self.nonlinearity = nonlinearity
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, *args, **kwargs)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        outputs, state = self._run(input, None if hx is None else (hx,))
        return outputs, state[0]


# One step as a module


class _Cell(Module):
    def __init__(self, mode: str, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.mode, self.input_size, self.hidden_size, self.bias = mode, input_size, hidden_size, bias
        gates = _STEPS[mode][1] * hidden_size
        self.weight_ih = Parameter(empty((gates, input_size), dtype, device))
        self.weight_hh = Parameter(empty((gates, hidden_size), dtype, device))
        self.bias_ih = Parameter(empty(gates, dtype, device)) if bias else None
        self.bias_hh = Parameter(empty(gates, dtype, device)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within 1 / sqrt(hidden_size)."""
        init.reset_uniform(self.parameters(), 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0)

    def _next(self, input: Tensor, given: Sequence[Tensor] | None) -> State:
        step, _, tensors = _STEPS[self.mode]
        state = tuple(given) if given is not None else (zeros((*input.shape[:-1], self.hidden_size), dtype=input.dtype),) * tensors
        return step(F.linear(input, self.weight_ih, self.bias_ih), F.linear(state[0], self.weight_hh, self.bias_hh), state)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class LSTMCell(_Cell):
    """One step of an LSTM: (N, input_size) and (h, c) to (h, c)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__("LSTM", input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, ...]:
        return self._next(input, hx)


class GRUCell(_Cell):
    """One step of a GRU: (N, input_size) and h to h."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__("GRU", input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._next(input, None if hx is None else (hx,))[0]
