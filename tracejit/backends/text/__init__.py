"""Kernels as Python text, and the functions that the text calls."""
