"""Devices: how kernels become machine code and run there."""
