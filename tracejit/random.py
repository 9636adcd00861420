"""`tj.random`: random tensors, reproducible from `manual_seed`, the same eager and compiled."""

from .ops.distributions import bernoulli, exponential, multinomial, normal, permutation, randperm, shuffle, uniform
from .ops.random import (
    Generator, default_generator, get_rng_state, initial_seed, manual_seed, rand, rand_like, randint, randint_like, randn, randn_like,
    seed, set_rng_state,
)  # fmt: skip

__all__ = [
    "Generator", "bernoulli", "default_generator", "exponential", "get_rng_state", "initial_seed", "manual_seed", "multinomial", "normal",
    "permutation", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "seed", "set_rng_state", "shuffle",
    "uniform",
]  # fmt: skip
