"""What runs machine code: kernels kept on disk, the walker of programs, its crew of threads, memory for large arrays."""
