"""Backends: `cpu` makes executables of graphs; kernels are `text`, which `llvm` makes machine code of, which `native` runs."""
