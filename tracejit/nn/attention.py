"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError, fail
from ..ops.casts import cast, where
from ..ops.create import zeros
from ..ops.join import concat
from ..ops.linalg import matmul
from ..spec import bool_, is_floating
from ..tensor import Tensor
from . import functional as F
from . import init
from .functional.attention import attention_weights, causal_mask
from .linear import Linear
from .module import Module
from .parameter import Parameter, empty
from .parts import parts


class MultiheadAttention(Module):
    """Attention of `num_heads` heads, each on its own linear maps of queries, keys and values (Vaswani et al., NeurIPS 2017).

    in_proj_weight (3 · embed_dim, embed_dim) holds the three maps one below the other; with another kdim or vdim they are
    q_proj_weight, k_proj_weight and v_proj_weight. out_proj joins the heads.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            fail(ArgumentError, f"embed_dim {embed_dim} in {num_heads} heads", "embed_dim must be divisible by num_heads.")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.in_proj_weight: Parameter | None
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(empty((3 * embed_dim, embed_dim), dtype, device))
            self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        else:
            self.q_proj_weight = Parameter(empty((embed_dim, embed_dim), dtype, device))
            self.k_proj_weight = Parameter(empty((embed_dim, self.kdim), dtype, device))
            self.v_proj_weight = Parameter(empty((embed_dim, self.vdim), dtype, device))
            self.in_proj_weight = None
        self.in_proj_bias = Parameter(empty(3 * embed_dim, dtype, device)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = Parameter(empty((1, 1, embed_dim), dtype, device)) if add_bias_kv else None
        self.bias_v = Parameter(empty((1, 1, embed_dim), dtype, device)) if add_bias_kv else None
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        if self.bias_k is not None and self.bias_v is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(output, weights): query (L, N, E), key and value (S, N, ·); batch first if so asked; N may be absent.

        key_padding_mask (N, S) and attn_mask (L, S) or (N · num_heads, L, S): True forbids a key; numbers are added to the
        scores. is_causal says that attn_mask is the causal one. weights (N, L, S), or (N, num_heads, L, S) if not averaged;
        None unless `need_weights`.
        """
        if is_causal and attn_mask is None:
            fail(ArgumentError, "is_causal=True without attn_mask", "It is a hint about attn_mask: give the mask too.")
        batched = query.ndim == 3
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            met = f"attention of query, key and value with {query.ndim}, {key.ndim} and {value.ndim} axes"
            fail(ShapeError, met, "Give 3 axes each, or 2 without the batch.")
        q, k, v = self._projected(query, key, value)
        if not batched:
            q, k, v = (x.reshape((1, *x.shape)) for x in (q, k, v))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.reshape((1, -1))
        elif not self.batch_first:
            q, k, v = (x.permute(1, 0, 2) for x in (q, k, v))
        mask = _joined_mask(attn_mask, key_padding_mask, q.shape[0], self.num_heads, q.dtype)
        k, v, mask = self._extended(k, v, mask)
        context, weights = self._attend(q, k, v, mask, need_weights)
        output = self.out_proj(context)
        if weights is not None and average_attn_weights:
            weights = weights.mean(axis=1)
        if not batched:
            return output.reshape(output.shape[1:]), None if weights is None else weights.reshape(weights.shape[1:])
        return (output if self.batch_first else output.permute(1, 0, 2)), weights

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """The three linear maps; one product where all three are of one tensor."""
        bias, width = self.in_proj_bias, self.embed_dim
        weights: Any
        if self.in_proj_weight is None:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        elif query is key and key is value:
            return parts(F.linear(query, self.in_proj_weight, bias), (width,) * 3, -1)
        else:
            weights = parts(self.in_proj_weight, (width,) * 3, 0)
        biases = (None,) * 3 if bias is None else parts(bias, (width,) * 3, 0)
        return tuple(F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))

    def _extended(self, k: Tensor, v: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values with the learned one and the zero one at their end, if the module has them; all may see those."""
        batch, added = k.shape[0], 0
        if self.bias_k is not None and self.bias_v is not None:
            k = concat([k, self.bias_k.broadcast_to((batch, 1, k.shape[2]))], axis=1)
            v = concat([v, self.bias_v.broadcast_to((batch, 1, v.shape[2]))], axis=1)
            added += 1
        if self.add_zero_attn:
            k = concat([k, zeros((batch, 1, k.shape[2]), dtype=k.dtype)], axis=1)
            v = concat([v, zeros((batch, 1, v.shape[2]), dtype=v.dtype)], axis=1)
            added += 1
        return k, v, mask if mask is None or not added else F.pad(mask, (0, added), value=mask.dtype == bool_)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """Attention of batch-first q, k, v, the heads side by side: (N, L, E), and the weights of each head, if needed."""
        batch, length, width = q.shape
        q, k, v = (x.reshape((batch, x.shape[1], self.num_heads, self.head_dim)).permute(0, 2, 1, 3) for x in (q, k, v))
        weights = attention_weights(q, k, mask)
        if self.training and self.dropout:
            weights = F.dropout(weights, self.dropout)
        context = matmul(weights, v).permute(0, 2, 1, 3).reshape((batch, length, width))
        return context, weights if need_weights else None


def _joined_mask(attn: Tensor | None, padding: Tensor | None, batch: int, heads: int, dtype: Any) -> Tensor | None:
    """One mask (N or 1, heads or 1, L or 1, S): bools that say which keys take part, or numbers to add."""
    for mask in (attn, padding):
        if mask is not None and mask.dtype != bool_ and not is_floating(mask.dtype):
            fail(ArgumentError, f"an attention mask of {mask.dtype.name}", "Give bools (True forbids), or floats to add.")
    if attn is not None:
        attn = attn.reshape((batch, heads, *attn.shape[1:])) if attn.ndim == 3 else attn.reshape((1, 1, *attn.shape))
    if padding is not None:
        padding = padding.reshape((batch, 1, 1, padding.shape[-1]))
    given = [mask for mask in (attn, padding) if mask is not None]
    if not given:
        return None
    if all(mask.dtype == bool_ for mask in given):
        return ~given[0] if len(given) == 1 else ~(given[0] | given[1])
    added = [_as_numbers(mask, dtype) for mask in given]
    return added[0] if len(added) == 1 else added[0] + added[1]


def _as_numbers(mask: Tensor, dtype: Any) -> Tensor:
    if mask.dtype != bool_:
        return mask
    return cast(where(mask, float("-inf"), 0.0), dtype=dtype)


def square_subsequent_mask(size: int, dtype: Any = None) -> Tensor:
    """(size, size): 0 where a key is at or before the query's place, -inf after it."""
    return where(causal_mask(size, size), empty((), dtype), float("-inf"))
