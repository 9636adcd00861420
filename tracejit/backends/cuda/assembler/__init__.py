"""Kernel text to PTX by LLVM, and PTX to machine code."""
