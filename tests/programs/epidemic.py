"""An epidemic in coupled cities (Kermack and McKendrick, Proc. R. Soc. A 115, 1927): days of Euler's steps, one row of a table for each."""

import numpy as np


def epidemic(population, infected, travel, contact, recovery, days, steps_a_day=4):
    """A table (days, 3, cities) of the susceptible, the infected and the recovered, and the day of each city's peak."""
    state = np.stack([population - infected, infected, np.zeros_like(infected)])
    table = np.empty((days, 3, len(population)))
    dt = 1.0 / steps_a_day
    for day in range(days):
        for _ in range(steps_a_day):
            s, i, _ = state
            pressure = travel @ (i / population)
            caught, healed = contact * s * pressure * dt, recovery * i * dt
            state = state + np.array([-caught, caught - healed, healed])
        table[day] = state
    return table, table[:, 1].argmax(axis=0)


def arguments(size, seed=0):
    draw, (cities, days) = np.random.default_rng(seed), {"small": (4, 5), "bench": (50, 120)}[size]
    travel = draw.random((cities, cities)) ** 8 + np.eye(cities)
    population = draw.uniform(1e4, 1e6, cities)
    return population, population * 1e-3 * draw.random(cities), travel / travel.sum(1, keepdims=True), 0.4, 0.1, days
