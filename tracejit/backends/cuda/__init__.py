"""NVIDIA's GPUs: the same kernels as on the CPU, spread over threads by another schedule, and the same text translated for another machine."""
