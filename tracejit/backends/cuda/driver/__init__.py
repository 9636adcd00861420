"""A GPU by NVIDIA's driver: memory, streams, launches, graphs; and its arrays in other libraries' hands."""
