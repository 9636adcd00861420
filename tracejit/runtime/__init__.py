"""What runs: kernels kept on disk, and programs that are walked natively."""
