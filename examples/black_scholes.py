"""Option prices by plain NumPy code, and the same function under `@tj.compile`: NumPy arrays in, NumPy arrays out.

    python examples/black_scholes.py [--size 2000000] [--device cuda]
"""

import argparse
import statistics
import time

import numpy as np

import tracejit as tj


def normal_cdf(x):
    """Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17: |error| < 7.5e-8."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(x))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-0.5 * x * x) * 0.3989422804014327 * poly
    return np.where(x > 0, 1.0 - tail, tail)


def prices(spot, strike, years, rate, volatility):
    """European call and put (Black and Scholes, Journal of Political Economy 81, 1973)."""
    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    d2 = d1 - spread
    discounted = strike * np.exp(-rate * years)
    call = spot * normal_cdf(d1) - discounted * normal_cdf(d2)
    return call, call - spot + discounted


def milliseconds(function, *args) -> float:
    """Median of seven calls."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2_000_000)
    parser.add_argument("--quick", action="store_true", help="few options: to see that it runs")
    parser.add_argument("--device", default="cpu", help='"cuda" is the first GPU: arrays are brought there at each call')
    options = parser.parse_args()
    size = 10_000 if options.quick else options.size
    draw = np.random.default_rng(0)
    spot, strike, years = (draw.uniform(a, b, size).astype(np.float32) for a, b in ((10, 50), (10, 50), (0.1, 2)))
    args = (spot, strike, years, 0.03, 0.3)
    compiled = tj.compile(prices, device=options.device)
    began = time.perf_counter()
    call, put = compiled(*args)
    first = time.perf_counter() - began
    expected = prices(*args)
    print("result:", type(call).__name__, call.dtype, call.shape, "·", f"first call {first:.2f} s")
    for name, got, wanted in (("call", call, expected[0]), ("put", put, expected[1])):
        print(f"{name}: largest difference from NumPy {np.abs(got - wanted).max():.2e} (prices up to {wanted.max():.1f})")
    numpy_time, compiled_time = milliseconds(prices, *args), milliseconds(compiled, *args)
    print(f"{size:,} options: NumPy {numpy_time:.1f} ms, compiled {compiled_time:.1f} ms, {numpy_time / compiled_time:.1f}×")


if __name__ == "__main__":
    main()
