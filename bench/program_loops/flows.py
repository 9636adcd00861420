"""Stencils, waves and particles: loops over cells or pairs within loops over steps."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange


@njit(parallel=True)
def _sweep(field, source, new):
    rows, columns = field.shape
    for i in prange(1, rows - 1):
        for j in range(1, columns - 1):
            new[i, j] = 0.25 * (field[i - 1, j] + field[i + 1, j] + field[i, j - 1] + field[i, j + 1] - source[i, j])


@njit
def jacobi(field, source, steps):
    field, new = field.copy(), field.copy()
    for _ in range(steps):
        _sweep(field, source, new)
        field, new = new, field
    return field


@njit(parallel=True)
def _heat_step(u, new, rate):
    a, b, c = u.shape
    for i in prange(1, a - 1):
        for j in range(1, b - 1):
            for k in range(1, c - 1):
                around = u[i + 1, j, k] + u[i - 1, j, k] + u[i, j + 1, k] + u[i, j - 1, k] + u[i, j, k + 1] + u[i, j, k - 1]
                new[i, j, k] = u[i, j, k] + rate * (around - 6.0 * u[i, j, k])


@njit(parallel=True)
def _total(u):
    rows = np.empty(u.shape[0])
    for i in prange(u.shape[0]):
        rows[i] = u[i].sum()
    return rows.sum()


@njit
def heat(u, rate, steps):
    means, now, new = np.empty(steps), u, u.copy()
    for step in range(steps):
        _heat_step(now, new, rate)
        now, new = new, now
        means[step] = _total(now) / now.size
    if steps % 2:
        u[:] = now
    return means


@njit(parallel=True)
def _wave_step(before, u, after, speed, absorbed):
    n, m = u.shape
    for i in prange(1, n - 1):
        for j in range(1, m - 1):
            around = u[i + 1, j] + u[i - 1, j] + u[i, j + 1] + u[i, j - 1] - 4 * u[i, j]
            after[i, j] = 2 * u[i, j] - before[i, j] + speed[i, j] ** 2 * around
    after[0, 0] = after[0, m - 1] = after[n - 1, 0] = after[n - 1, m - 1] = 0.0
    for j in range(m):
        inner = 0 < j < m - 1
        after[0, j] = u[1, j] + absorbed * ((after[1, j] if inner else 0.0) - u[0, j])
        after[n - 1, j] = u[n - 2, j] + absorbed * ((after[n - 2, j] if inner else 0.0) - u[n - 1, j])
    for i in range(n):
        after[i, 0] = u[i, 1] + absorbed * (after[i, 1] - u[i, 0])
        after[i, m - 1] = u[i, m - 2] + absorbed * (after[i, m - 2] - u[i, m - 1])


@njit(parallel=True)
def _keep_highest(highest, u):
    for i in prange(u.shape[0]):
        for j in range(u.shape[1]):
            highest[i, j] = max(highest[i, j], abs(u[i, j]))


@njit
def wave(u, speed, steps, source):
    before, after, highest, u = u.copy(), np.zeros_like(u), np.zeros_like(u), u.copy()
    root = math.sqrt((speed**2).max())
    absorbed = (root - 1) / (root + 1)
    for step in range(steps):
        _wave_step(before, u, after, speed, absorbed)
        after[u.shape[0] // 2, u.shape[1] // 2] += source[step]
        before, u, after = u, after, before
        _keep_highest(highest, u)
    return u, highest


@njit(parallel=True)
def _accelerations(positions, masses, softening, pull):
    n = len(masses)
    for i in prange(n):
        x = y = z = 0.0
        for j in range(n):
            dx, dy, dz = positions[j, 0] - positions[i, 0], positions[j, 1] - positions[i, 1], positions[j, 2] - positions[i, 2]
            squared = dx * dx + dy * dy + dz * dz + softening**2
            strength = masses[j] / (squared * math.sqrt(squared))
            x, y, z = x + dx * strength, y + dy * strength, z + dz * strength
        pull[i, 0], pull[i, 1], pull[i, 2] = x, y, z


@njit(parallel=True)
def _energy(positions, velocities, masses, softening):
    n = len(masses)
    parts = np.empty(n)
    for i in prange(n):
        potential = 0.0
        for j in range(n):
            if i != j:
                dx, dy, dz = positions[j, 0] - positions[i, 0], positions[j, 1] - positions[i, 1], positions[j, 2] - positions[i, 2]
                potential += masses[j] / math.sqrt(dx * dx + dy * dy + dz * dz + softening**2)
        speed = velocities[i, 0] ** 2 + velocities[i, 1] ** 2 + velocities[i, 2] ** 2
        parts[i] = 0.5 * masses[i] * (speed - potential)
    return parts.sum()


@njit
def nbody(positions, velocities, masses, dt, steps, softening=0.1):
    pull = np.empty_like(positions)
    _accelerations(positions, masses, softening, pull)
    for _ in range(steps):
        velocities += 0.5 * dt * pull
        positions += dt * velocities
        _accelerations(positions, masses, softening, pull)
        velocities += 0.5 * dt * pull
    return _energy(positions, velocities, masses, softening)


@njit
def _lorenz_slope(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@njit(parallel=True)
def lorenz(start, dt, out, sigma=10.0, rho=28.0, beta=8.0 / 3.0):
    steps, members, _ = out.shape
    for m in prange(members):
        x, y, z = start[m, 0], start[m, 1], start[m, 2]
        for step in range(steps):
            a1, b1, c1 = _lorenz_slope(x, y, z, sigma, rho, beta)
            a2, b2, c2 = _lorenz_slope(x + 0.5 * dt * a1, y + 0.5 * dt * b1, z + 0.5 * dt * c1, sigma, rho, beta)
            a3, b3, c3 = _lorenz_slope(x + 0.5 * dt * a2, y + 0.5 * dt * b2, z + 0.5 * dt * c2, sigma, rho, beta)
            a4, b4, c4 = _lorenz_slope(x + dt * a3, y + dt * b3, z + dt * c3, sigma, rho, beta)
            x += dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
            y += dt / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)
            z += dt / 6.0 * (c1 + 2.0 * c2 + 2.0 * c3 + c4)
            out[step, m, 0], out[step, m, 1], out[step, m, 2] = x, y, z
    spread = np.empty(steps)
    for step in prange(steps):
        spread[step] = math.sqrt(out[step, :, 0].var() + out[step, :, 1].var() + out[step, :, 2].var())
    return spread


@njit
def epidemic(population, infected, travel, contact, recovery, days, steps_a_day=4):
    cities = len(population)
    table, dt = np.empty((days, 3, cities)), 1.0 / steps_a_day
    s, i, r = population - infected, infected.copy(), np.zeros(cities)
    for day in range(days):
        for _ in range(steps_a_day):
            pressure = travel @ (i / population)
            for c in range(cities):
                caught, healed = contact * s[c] * pressure[c] * dt, recovery * i[c] * dt
                s[c] -= caught
                i[c] += caught - healed
                r[c] += healed
        table[day, 0], table[day, 1], table[day, 2] = s, i, r
    peak = np.empty(cities, np.int64)
    for c in range(cities):
        peak[c] = table[:, 1, c].argmax()
    return table, peak


@njit(parallel=True)
def logistic_map(rates, transient, kept, bins):
    counts, exponents = np.zeros((rates.size, bins), np.int64), np.zeros(rates.size)
    for k in prange(rates.size):
        x, total, rate = 0.5, 0.0, rates[k]
        for _ in range(transient):
            x = rate * x * (1.0 - x)
        for _ in range(kept):
            x = rate * x * (1.0 - x)
            total += math.log(abs(rate * (1.0 - 2.0 * x)) + 1e-300)
            counts[k, min(int(x * bins), bins - 1)] += 1
        exponents[k] = total / kept
    return counts, exponents
