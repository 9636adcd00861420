"""Density of sea water in an ocean of 100×100×26 cells (EOS-80): a polynomial of some forty terms becomes one loop.

    python examples/numpy/ocean.py
"""

import argparse

import numpy as np
from side_by_side import side_by_side


def secant_bulk_modulus(s, t, p):
    """In bar, of salinity on the practical scale, °C and bar."""
    pure = 19652.21 + 148.4206 * t - 2.327105 * t**2 + 1.360477e-2 * t**3 - 5.155288e-5 * t**4
    surface = pure + s * (54.6746 - 0.603459 * t + 1.09987e-2 * t**2 - 6.1670e-5 * t**3) + s * np.sqrt(s) * (7.944e-2 + 1.6483e-2 * t - 5.3009e-4 * t**2)
    a = 3.239908 + 1.43713e-3 * t + 1.16092e-4 * t**2 - 5.77905e-7 * t**3 + s * (2.2838e-3 - 1.0981e-5 * t - 1.6078e-6 * t**2) + 1.91075e-4 * s * np.sqrt(s)
    b = 8.50935e-5 - 6.12293e-6 * t + 5.2787e-8 * t**2 + s * (-9.9348e-7 + 2.0816e-8 * t + 9.1697e-10 * t**2)
    return surface + a * p + b * p**2


def density(salinity, temperature, pressure):
    """In kg/m³ (Fofonoff and Millard, UNESCO technical papers in marine science 44, 1983); pressure in decibar."""
    s, t, p = salinity, temperature, pressure / 10.0
    water = 999.842594 + 6.793952e-2 * t - 9.095290e-3 * t**2 + 1.001685e-4 * t**3 - 1.120083e-6 * t**4 + 6.536332e-9 * t**5
    linear = 0.824493 - 4.0899e-3 * t + 7.6438e-5 * t**2 - 8.2467e-7 * t**3 + 5.3875e-9 * t**4
    surface = water + s * linear + s * np.sqrt(s) * (-5.72466e-3 + 1.0227e-4 * t - 1.6546e-6 * t**2) + 4.8314e-4 * s**2
    return surface / (1.0 - p / secant_bulk_modulus(s, t, p))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small ocean: to see that it runs")
    shape = (6, 5, 4) if parser.parse_args().quick else (100, 100, 26)
    draw = np.random.default_rng(0)
    result = side_by_side(density, draw.uniform(30, 38, shape), draw.uniform(-1, 28, shape), draw.uniform(0, 5000, shape))
    print(f"density from {result.min():.1f} to {result.max():.1f} kg/m³ · check value {density(*np.array([35.0, 25.0, 10000.0])):.5f} (published: 1062.53817)")


if __name__ == "__main__":
    main()
