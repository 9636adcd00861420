"""A Kalman filter: position and speed in the plane, from noisy positions."""

import numpy as np


def kalman(measured, state, covariance, dt, process_noise, noise):
    """The filtered states, one row for each measurement, and the log-likelihood of all."""
    move = np.eye(4)
    move[0, 2] = move[1, 3] = dt
    seen = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    q, r = process_noise * np.eye(4), noise * np.eye(2)
    states, likelihood = np.zeros((len(measured), 4)), 0.0
    for k, z in enumerate(measured):
        state = move @ state
        covariance = move @ covariance @ move.T + q
        innovation = z - seen @ state
        s = seen @ covariance @ seen.T + r
        gain = covariance @ seen.T @ np.linalg.inv(s)
        state = state + gain @ innovation
        covariance = (np.eye(4) - gain @ seen) @ covariance
        likelihood -= 0.5 * (innovation @ np.linalg.solve(s, innovation) + np.log(np.linalg.det(2.0 * np.pi * s)))
        states[k] = state
    return states, likelihood


def arguments(size, seed=0):
    draw, count = np.random.default_rng(seed), {"small": 5, "bench": 200}[size]
    track = np.cumsum(draw.normal(0.3, 0.1, (count, 2)), axis=0)
    return track + draw.normal(0, 0.2, (count, 2)), np.zeros(4), np.eye(4), 0.1, 0.01, 0.04
