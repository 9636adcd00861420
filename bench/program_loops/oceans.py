"""Sea water and its tracers, cell by cell."""

from __future__ import annotations

import math
from types import FunctionType

import numpy as np
from numba import njit, prange
from programs import ocean_expansion as program

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


# The formula takes a cell's numbers as well as whole arrays: Numba gets the program's own text.
_parts = {part.__name__: njit(part) for part in (program.numerator, program.denominator)}
_expansion = njit(FunctionType(program.ocean_expansion.__code__, vars(program) | _parts))


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
