"""Density, thermal expansion and haline contraction of sea water, by the rational function of 48 terms and its derivatives.

IOC, SCOR and IAPSO: The international thermodynamic equation of seawater – 2010, appendix K (version 3 of its computer code).
"""

import numpy as np

V = (
    0.0,
    9.998420897506056e2, 2.839940833161907, -3.147759265588511e-2, 1.181805545074306e-3, -6.698001071123802, -2.986498947203215e-2,
    2.327859407479162e-4, -3.988822378968490e-2, 5.095422573880500e-4, -1.426984671633621e-5, 1.645039373682922e-7, -2.233269627352527e-2,
    -3.436090079851880e-4, 3.726050720345733e-6, -1.806789763745328e-4, 6.876837219536232e-7, -3.087032500374211e-7, -1.988366587925593e-8,
    -1.061519070296458e-11, 1.550932729220080e-10, 1.0, 2.775927747785646e-3, -2.349607444135925e-5, 1.119513357486743e-6,
    6.743689325042773e-10, -7.521448093615448e-3, -2.764306979894411e-5, 1.262937315098546e-7, 9.527875081696435e-10, -1.811147201949891e-11,
    -3.303308871386421e-5, 3.801564588876298e-7, -7.672876869259043e-9, -4.634182341116144e-11, 2.681097235569143e-12, 5.419326551148740e-6,
    -2.742185394906099e-5, -3.212746477974189e-7, 3.191413910561627e-9, -1.931012931541776e-12, -1.105097577149576e-7, 6.211426728363857e-10,
    -1.119011592875110e-10, -1.941660213148725e-11, -1.864826425365600e-14, 1.119522344879478e-14, -1.200507748551599e-15, 6.057902487546866e-17,
)  # fmt: skip


def denominator(sa, ct, p, root):
    return (
        V[1] + ct * (V[2] + ct * (V[3] + V[4] * ct)) + sa * (V[5] + ct * (V[6] + V[7] * ct) + root * (V[8] + ct * (V[9] + ct * (V[10] + V[11] * ct))))
        + p * (V[12] + ct * (V[13] + V[14] * ct) + sa * (V[15] + V[16] * ct) + p * (V[17] + ct * (V[18] + V[19] * ct) + V[20] * sa))
    )  # fmt: skip


def numerator(sa, ct, p, root):
    salt = V[26] + ct * (V[27] + ct * (V[28] + ct * (V[29] + V[30] * ct))) + V[36] * sa
    salt = salt + root * (V[31] + ct * (V[32] + ct * (V[33] + ct * (V[34] + V[35] * ct))))
    deep = V[37] + ct * (V[38] + ct * (V[39] + V[40] * ct)) + sa * (V[41] + V[42] * ct)
    deep = deep + p * (V[43] + ct * (V[44] + V[45] * sa) + p * (V[46] + V[47] * ct + V[48] * sa))
    return V[21] + ct * (V[22] + ct * (V[23] + ct * (V[24] + V[25] * ct))) + sa * salt + p * deep


def ocean_expansion(salinity, temperature, pressure):
    """Density in kg/m³, expansion in 1/K and contraction in kg/g: of g/kg, °C and decibar."""
    sa, ct, p = salinity, temperature, pressure
    root = np.sqrt(sa)
    below, above = denominator(sa, ct, p, root), numerator(sa, ct, p, root)
    density = below / above
    below_ct = (
        V[2] + ct * (2.0 * V[3] + 3.0 * V[4] * ct) + sa * (V[6] + 2.0 * V[7] * ct + root * (V[9] + ct * (2.0 * V[10] + 3.0 * V[11] * ct)))
        + p * (V[13] + 2.0 * V[14] * ct + sa * V[16] + p * (V[18] + 2.0 * V[19] * ct))
    )  # fmt: skip
    above_ct = (
        V[22] + ct * (2.0 * V[23] + ct * (3.0 * V[24] + 4.0 * V[25] * ct))
        + sa * (V[27] + ct * (2.0 * V[28] + ct * (3.0 * V[29] + 4.0 * V[30] * ct)) + root * (V[32] + ct * (2.0 * V[33] + ct * (3.0 * V[34] + 4.0 * V[35] * ct))))
        + p * (V[38] + ct * (2.0 * V[39] + 3.0 * V[40] * ct) + sa * V[42] + p * (V[44] + V[45] * sa + p * V[47]))
    )  # fmt: skip
    below_sa = V[5] + ct * (V[6] + V[7] * ct) + 1.5 * root * (V[8] + ct * (V[9] + ct * (V[10] + V[11] * ct))) + p * (V[15] + V[16] * ct + p * V[20])
    above_sa = (
        V[26] + ct * (V[27] + ct * (V[28] + ct * (V[29] + V[30] * ct))) + 2.0 * V[36] * sa
        + 1.5 * root * (V[31] + ct * (V[32] + ct * (V[33] + ct * (V[34] + V[35] * ct)))) + p * (V[41] + V[42] * ct + p * (V[45] * ct + p * V[48]))
    )  # fmt: skip
    return density, (density * above_ct - below_ct) / below, (below_sa - density * above_sa) / below


def arguments(size, seed=0):
    draw, shape = np.random.default_rng(seed), {"small": (4, 5, 6), "bench": (100, 100, 26), "large": (1000, 1000, 26)}[size]
    return draw.uniform(30, 38, shape), draw.uniform(-1, 28, shape), draw.uniform(0, 5000, shape)
