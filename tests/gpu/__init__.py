"""Tests of a GPU, against the CPU. `TRACEJIT_CUDA=simulator python -m pytest tests/gpu` runs what is small of them on a simulated one."""
