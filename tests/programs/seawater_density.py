"""Density of sea water: the equation of state EOS-80 (Fofonoff and Millard, UNESCO technical papers in marine science 44, 1983)."""

import numpy as np


def secant_bulk_modulus(s, t, p):
    """In bar, of salinity on the practical scale, °C and bar."""
    pure = 19652.21 + 148.4206 * t - 2.327105 * t**2 + 1.360477e-2 * t**3 - 5.155288e-5 * t**4
    surface = pure + s * (54.6746 - 0.603459 * t + 1.09987e-2 * t**2 - 6.1670e-5 * t**3) + s * np.sqrt(s) * (7.944e-2 + 1.6483e-2 * t - 5.3009e-4 * t**2)
    a = 3.239908 + 1.43713e-3 * t + 1.16092e-4 * t**2 - 5.77905e-7 * t**3 + s * (2.2838e-3 - 1.0981e-5 * t - 1.6078e-6 * t**2) + 1.91075e-4 * s * np.sqrt(s)
    b = 8.50935e-5 - 6.12293e-6 * t + 5.2787e-8 * t**2 + s * (-9.9348e-7 + 2.0816e-8 * t + 9.1697e-10 * t**2)
    return surface + a * p + b * p**2


def seawater_density(salinity, temperature, pressure):
    """In kg/m³, of salinity on the practical scale, °C and decibar."""
    s, t, p = salinity, temperature, pressure / 10.0
    water = 999.842594 + 6.793952e-2 * t - 9.095290e-3 * t**2 + 1.001685e-4 * t**3 - 1.120083e-6 * t**4 + 6.536332e-9 * t**5
    linear = 0.824493 - 4.0899e-3 * t + 7.6438e-5 * t**2 - 8.2467e-7 * t**3 + 5.3875e-9 * t**4
    surface = water + s * linear + s * np.sqrt(s) * (-5.72466e-3 + 1.0227e-4 * t - 1.6546e-6 * t**2) + 4.8314e-4 * s**2
    return surface / (1.0 - p / secant_bulk_modulus(s, t, p))


def arguments(size, seed=0):
    draw, shape = np.random.default_rng(seed), {"small": (4, 5, 6), "bench": (100, 100, 26)}[size]
    return draw.uniform(30, 38, shape), draw.uniform(-1, 28, shape), draw.uniform(0, 5000, shape)
