"""How NumPy rounds complex arithmetic on this machine, so that kernels round it alike.

Where the processor fuses additions into products, NumPy's vector loops do: a·b is (fma(a.re, b.re, -(a.im·b.im)), fma(a.re, b.im, a.im·b.re)), and
|z| = sqrt(fma(r, r, 1))·m, m the larger part and r the smaller by it. Of complex64 operands with negative strides another loop computes products and
magnitudes, rounding each operation; the magnitude is then C's hypot. A product of NumPy's scalars is rounded so too.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

# Factors whose parts' products need more digits than there are, one by one: (a, b, the product if fused, the product if not).
_ABOVE, _BELOW = 1 + 2.0**-30, 1 - 2.0**-30
_PROBES = (
    (complex(_ABOVE, 1), complex(_BELOW, 1), complex(-(2.0**-60), 2), complex(0, 2)),
    (complex(1, _ABOVE), complex(1, _BELOW), complex(0, 2), complex(0, 2)),
    (complex(_ABOVE, 1), complex(-1, _BELOW), complex(-2, -(2.0**-60)), complex(-2, 0)),
    (complex(1, _ABOVE), complex(-_BELOW, 1), complex(-2, 0), complex(-2, 0)),
)
_TELLING = (0.4, 0.45, 0.59, 0.61, 0.86, 0.97)


def _rounding(found: np.ndarray, fused: np.ndarray, plain: np.ndarray) -> str:
    return "fused" if np.array_equal(found, fused) else "plain" if np.array_equal(found, plain) else ""


def _of_products() -> str:
    """Whether NumPy's products are "fused" or "plain"; "" if they are neither."""
    a, b, fused, plain = np.array(_PROBES * 4).T.copy()
    return _rounding(np.multiply(a, b), fused, plain)


def _of_magnitudes() -> str:
    """The same of magnitudes: of 1 + r·i, for some r whose squares tell."""
    r = np.array(_TELLING * 4)
    fused = np.sqrt([float(Fraction(x) ** 2 + 1) for x in r.tolist()])
    return _rounding(np.abs(1 + 1j * r), fused, np.sqrt(r * r + 1))


PRODUCT = {"fused": "fused_product({0}, {1})", "plain": "plain_product({0}, {1})"}.get(_of_products())
SQUARE = PRODUCT and PRODUCT.replace("{1}", "{0}")
MAGNITUDE = {"fused": "fused_magnitude({0})", "plain": "plain_magnitude({0})"}.get(_of_magnitudes())
