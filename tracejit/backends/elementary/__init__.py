"""The elementary functions as text that vectorises: exponentials, logarithms, powers, circular, hyperbolic and special functions."""
