"""Scaled dot-product attention, and multi-head attention's forward."""

from __future__ import annotations

import math

from ...dispatch import bind
from ...errors import ArgumentError, fail
from ...ops.casts import where
from ...ops.create import iota
from ...ops.linalg import matmul
from ...ops.reduce import max as largest
from ...ops.reduce import softmax
from ...precision import precision
from ...spec import bool_, int64
from ...tensor import Tensor
from .dropout import dropout
from .precision import narrowed, widened


@precision("low")
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ keyᵀ · scale + mask) @ value (Vaswani et al., NeurIPS 2017).

    query (…, L, E), key (…, S, E), value (…, S, V) to (…, L, V). scale: 1 / sqrt(E) if None.
    attn_mask: broadcasts to (…, L, S); bools say which keys take part, numbers are added. is_causal: query i sees the keys up
    to i. A query that sees no key gives zeros. enable_gqa: fewer heads of keys and values, each shared by several of the query.
    """
    if is_causal and attn_mask is not None:
        fail(ArgumentError, "attention with attn_mask and is_causal=True", "Give one of them; a mask can hold both.")
    if enable_gqa:
        key, value = _shared(key, query), _shared(value, query)
    weights = attention_weights(query, key, causal_mask(query.shape[-2], key.shape[-2]) if is_causal else attn_mask, scale)
    return matmul(dropout(weights, dropout_p) if dropout_p else weights, value)


def _shared(x: Tensor, query: Tensor) -> Tensor:
    """Each head repeated so that there are as many as the query has."""
    *lead, heads, length, width = x.shape
    times = query.shape[-3] // heads
    if heads * times != query.shape[-3]:
        met = f"{query.shape[-3]} heads of queries for {heads} of keys"
        fail(ArgumentError, met, "The heads of the keys must divide those of the queries.")
    return x.reshape((*lead, heads, 1, length, width)).broadcast_to((*lead, heads, times, length, width)).reshape(
        (*lead, heads * times, length, width)
    )


def causal_mask(queries: int, keys: int) -> Tensor:
    """(queries, keys) of bools: whether a key is at or before the query's place."""
    return bind(iota, shape=(queries,), dtype=int64).reshape((queries, 1)) >= bind(iota, shape=(keys,), dtype=int64)


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None, scale: float | None = None) -> Tensor:
    """The softmax of the scaled scores over the keys, (…, L, S); zeros for a query that sees no key."""
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = widened(matmul(query * factor, key.mT))
    if mask is None:
        return narrowed(softmax(scores, axis=-1), query.dtype)
    scores = where(mask, scores, float("-inf")) if mask.dtype == bool_ else scores + mask
    top = largest(scores.detach(), axis=-1, keepdims=True)
    grown = (scores - where(top == float("-inf"), 0.0, top)).exp()
    total = grown.sum(axis=-1, keepdims=True)
    return narrowed(grown / where(total == 0, 1.0, total), query.dtype)
