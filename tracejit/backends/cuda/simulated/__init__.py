"""A GPU that is not there, for machines without one."""
