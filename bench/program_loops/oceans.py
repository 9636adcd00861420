"""Sea water and its tracers, cell by cell."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

V = np.array([
    0.0,
    9.998420897506056e2, 2.839940833161907, -3.147759265588511e-2, 1.181805545074306e-3, -6.698001071123802, -2.986498947203215e-2,
    2.327859407479162e-4, -3.988822378968490e-2, 5.095422573880500e-4, -1.426984671633621e-5, 1.645039373682922e-7, -2.233269627352527e-2,
    -3.436090079851880e-4, 3.726050720345733e-6, -1.806789763745328e-4, 6.876837219536232e-7, -3.087032500374211e-7, -1.988366587925593e-8,
    -1.061519070296458e-11, 1.550932729220080e-10, 1.0, 2.775927747785646e-3, -2.349607444135925e-5, 1.119513357486743e-6,
    6.743689325042773e-10, -7.521448093615448e-3, -2.764306979894411e-5, 1.262937315098546e-7, 9.527875081696435e-10, -1.811147201949891e-11,
    -3.303308871386421e-5, 3.801564588876298e-7, -7.672876869259043e-9, -4.634182341116144e-11, 2.681097235569143e-12, 5.419326551148740e-6,
    -2.742185394906099e-5, -3.212746477974189e-7, 3.191413910561627e-9, -1.931012931541776e-12, -1.105097577149576e-7, 6.211426728363857e-10,
    -1.119011592875110e-10, -1.941660213148725e-11, -1.864826425365600e-14, 1.119522344879478e-14, -1.200507748551599e-15, 6.057902487546866e-17,
])  # fmt: skip


@njit
def _density(s, t, p):
    root = math.sqrt(s)
    t2 = t * t
    t3 = t2 * t
    t4 = t3 * t
    surface = 19652.21 + 148.4206 * t - 2.327105 * t2 + 1.360477e-2 * t3 - 5.155288e-5 * t4
    surface += s * (54.6746 - 0.603459 * t + 1.09987e-2 * t2 - 6.1670e-5 * t3) + s * root * (7.944e-2 + 1.6483e-2 * t - 5.3009e-4 * t2)
    a = 3.239908 + 1.43713e-3 * t + 1.16092e-4 * t2 - 5.77905e-7 * t3 + s * (2.2838e-3 - 1.0981e-5 * t - 1.6078e-6 * t2) + 1.91075e-4 * s * root
    b = 8.50935e-5 - 6.12293e-6 * t + 5.2787e-8 * t2 + s * (-9.9348e-7 + 2.0816e-8 * t + 9.1697e-10 * t2)
    bulk = surface + a * p + b * p * p
    water = 999.842594 + 6.793952e-2 * t - 9.095290e-3 * t2 + 1.001685e-4 * t3 - 1.120083e-6 * t4 + 6.536332e-9 * t4 * t
    linear = 0.824493 - 4.0899e-3 * t + 7.6438e-5 * t2 - 8.2467e-7 * t3 + 5.3875e-9 * t4
    density = water + s * linear + s * root * (-5.72466e-3 + 1.0227e-4 * t - 1.6546e-6 * t2) + 4.8314e-4 * s * s
    return density / (1.0 - p / bulk)


@njit(parallel=True)
def seawater_density(salinity, temperature, pressure):
    s, t, p, density = salinity.ravel(), temperature.ravel(), pressure.ravel(), np.empty(salinity.size)
    for i in prange(s.size):
        density[i] = _density(s[i], t[i], p[i] / 10.0)
    return density.reshape(salinity.shape)


@njit
def _expansion(sa, ct, p):
    root = math.sqrt(sa)
    below = (
        V[1] + ct * (V[2] + ct * (V[3] + V[4] * ct)) + sa * (V[5] + ct * (V[6] + V[7] * ct) + root * (V[8] + ct * (V[9] + ct * (V[10] + V[11] * ct))))
        + p * (V[12] + ct * (V[13] + V[14] * ct) + sa * (V[15] + V[16] * ct) + p * (V[17] + ct * (V[18] + V[19] * ct) + V[20] * sa))
    )  # fmt: skip
    salt = V[26] + ct * (V[27] + ct * (V[28] + ct * (V[29] + V[30] * ct))) + V[36] * sa
    salt += root * (V[31] + ct * (V[32] + ct * (V[33] + ct * (V[34] + V[35] * ct))))
    deep = V[37] + ct * (V[38] + ct * (V[39] + V[40] * ct)) + sa * (V[41] + V[42] * ct)
    deep += p * (V[43] + ct * (V[44] + V[45] * sa) + p * (V[46] + V[47] * ct + V[48] * sa))
    above = V[21] + ct * (V[22] + ct * (V[23] + ct * (V[24] + V[25] * ct))) + sa * salt + p * deep
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


@njit(parallel=True)
def _expansions(salinity, temperature, pressure, density, expansion, contraction):
    for i in prange(salinity.size):
        density[i], expansion[i], contraction[i] = _expansion(salinity[i], temperature[i], pressure[i])


def ocean_expansion(salinity, temperature, pressure):
    results = np.empty((3, *salinity.shape))
    _expansions(salinity.ravel(), temperature.ravel(), pressure.ravel(), *results.reshape(3, -1))
    return tuple(results)


@njit
def _east(tracer, slope_x, mask, dx, dz, kappa, now, i, j, k, m):
    """Through the face between the cells i and i + 1."""
    flux = (tracer[i + 1, j, k, now, m] - tracer[i, j, k, now, m]) / dx[i]
    if 0 < k < tracer.shape[2] - 1:
        above = tracer[i + 1, j, k + 1, now, m] - tracer[i + 1, j, k - 1, now, m] + tracer[i, j, k + 1, now, m] - tracer[i, j, k - 1, now, m]
        flux -= 0.5 * slope_x[i, j, k] * above / (2.0 * dz)
    return kappa * mask[i, j, k] * mask[i + 1, j, k] * flux


@njit
def _north(tracer, slope_y, mask, dy, dz, kappa, now, i, j, k, m):
    flux = (tracer[i, j + 1, k, now, m] - tracer[i, j, k, now, m]) / dy[j]
    if 0 < k < tracer.shape[2] - 1:
        above = tracer[i, j + 1, k + 1, now, m] - tracer[i, j + 1, k - 1, now, m] + tracer[i, j, k + 1, now, m] - tracer[i, j, k - 1, now, m]
        flux -= 0.5 * slope_y[i, j, k] * above / (2.0 * dz)
    return kappa * mask[i, j, k] * mask[i, j + 1, k] * flux


@njit
def _top(tracer, slope_x, slope_y, dz, kappa, now, i, j, k, m):
    if not 0 <= k < tracer.shape[2] - 1:
        return 0.0
    return kappa * (slope_x[i, j, k] ** 2 + slope_y[i, j, k] ** 2) * (tracer[i, j, k + 1, now, m] - tracer[i, j, k, now, m]) / dz


@njit(parallel=True)
def tracer_mixing(tracer, tendency, slope_x, slope_y, mask, dx, dy, dz, dt, kappa=1000.0, now=0, after=1):
    nx, ny, nz, _, tracers = tracer.shape
    for i in prange(2, nx - 2):
        for j in range(2, ny - 2):
            for k in range(nz):
                for m in range(tracers):
                    east = _east(tracer, slope_x, mask, dx, dz, kappa, now, i, j, k, m) - _east(tracer, slope_x, mask, dx, dz, kappa, now, i - 1, j, k, m)
                    north = _north(tracer, slope_y, mask, dy, dz, kappa, now, i, j, k, m) - _north(tracer, slope_y, mask, dy, dz, kappa, now, i, j - 1, k, m)
                    top = _top(tracer, slope_x, slope_y, dz, kappa, now, i, j, k, m) - _top(tracer, slope_x, slope_y, dz, kappa, now, i, j, k - 1, m)
                    tendency[i, j, k, m] = mask[i, j, k] * (east / dx[i] + north / dy[j] + top / dz)
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                for m in range(tracers):
                    tracer[i, j, k, after, m] = tracer[i, j, k, now, m] + dt * tendency[i, j, k, m]
