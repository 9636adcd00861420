"""Ops on whole arrays: by cuBLAS, cuSOLVER, cuFFT and CuPy, or by kernels of our own."""
