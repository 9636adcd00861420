"""Principal components: data centred and scaled, their covariance's eigenvectors with fixed signs, and what each explains."""

import numpy as np


def principal_components(data, count):
    """Scores (rows, count), components (count, features) and the shares of variance."""
    centred = (data - data.mean(axis=0)) / data.std(axis=0, ddof=1)
    values, vectors = np.linalg.eigh(np.cov(centred, rowvar=False))
    order = np.argsort(values)[::-1][:count]
    components = vectors[:, order].T
    largest = np.argmax(np.abs(components), axis=1)
    components = components * np.sign(components[np.arange(count), largest])[:, np.newaxis]
    return centred @ components.T, components, values[order] / values.sum()


def arguments(size, seed=0):
    draw, (rows, features, count) = np.random.default_rng(seed), {"small": (15, 4, 2), "bench": (5000, 20, 5)}[size]
    return draw.normal(size=(rows, features)) @ draw.normal(size=(features, features)), count
