"""Kernel text to machine code: its translation to LLVM's assembly language, and what LLVM makes of it."""
