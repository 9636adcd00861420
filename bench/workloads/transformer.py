"""A small transformer that predicts the next of 64 characters: two layers of width 64, four heads, places learned."""

from __future__ import annotations

import importlib
from typing import Any, Sequence

import numpy as np

ALPHABET, LENGTH, WIDTH, HEADS, LAYERS = 64, 64, 64, 4, 2
INNER = 4 * WIDTH
_LAYER = [(3 * WIDTH, WIDTH), (3 * WIDTH,), (WIDTH, WIDTH), (WIDTH,), (INNER, WIDTH), (INNER,), (WIDTH, INNER), *[(WIDTH,)] * 5]
SHAPES = [(ALPHABET, WIDTH), (LENGTH, WIDTH), *_LAYER * LAYERS, (WIDTH,), (WIDTH,), (ALPHABET, WIDTH), (ALPHABET,)]


def data(dtype: str, batch: int, length: int) -> tuple[np.ndarray, ...]:
    """Codes (batch, length), and what follows each, in one row."""
    draw = np.random.default_rng(0)
    return draw.integers(0, ALPHABET, (batch, length)), draw.integers(0, ALPHABET, batch * length)


def modules(package: str) -> Any:
    """The model of PyTorch's own layers, or of tracejit's, which have the same names and parameters."""
    library, nn = importlib.import_module(package), importlib.import_module(f"{package}.nn")

    class Characters(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.characters, self.places = nn.Embedding(ALPHABET, WIDTH), nn.Embedding(LENGTH, WIDTH)
            self.layers = nn.ModuleList(
                nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, dropout=0.0, batch_first=True, norm_first=True) for _ in range(LAYERS)
            )
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, ALPHABET)
            self.register_buffer("later", library.asarray(np.triu(np.ones((LENGTH, LENGTH), bool), 1)), persistent=False)

        def forward(self, codes: Any) -> Any:
            x = self.characters(codes) + self.places.weight
            for layer in self.layers:
                x = layer(x, src_mask=self.later)
            return self.head(self.norm(x)).reshape(-1, ALPHABET)

    return Characters()


def logits(weights: Sequence[Any], codes: Any) -> Any:
    """The same in JAX, from the parameters in the order of the modules."""
    jax = importlib.import_module("jax")
    jnp, left = jax.numpy, iter(weights)
    batch, length = codes.shape
    later = jnp.triu(jnp.ones((length, length), bool), 1)

    def linear(x: Any, weight: Any, bias: Any) -> Any:
        return x @ weight.T + bias

    def norm(x: Any, weight: Any, bias: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        return centred / jnp.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * weight + bias

    def pair() -> tuple[Any, Any]:
        return next(left), next(left)

    x = next(left)[codes] + next(left)
    for _ in range(LAYERS):
        into, out, first, second, before, middle = (pair() for _ in range(6))
        heads = linear(norm(x, *before), *into).reshape(batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = (heads[:, :, n].swapaxes(1, 2) for n in range(3))
        scores = jnp.where(later, -jnp.inf, q @ k.swapaxes(-1, -2) / np.float32((WIDTH // HEADS) ** 0.5))
        x = x + linear((jax.nn.softmax(scores) @ v).swapaxes(1, 2).reshape(x.shape), *out)
        x = x + linear(jax.nn.relu(linear(norm(x, *middle), *first)), *second)
    return linear(norm(x, *pair()), *pair()).reshape(-1, ALPHABET)
