"""Kernels as text for a GPU: maps, rows and columns, each thread's share of them; and the numbers of the schedule."""
