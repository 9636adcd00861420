"""The graph: programs as interned nodes, how they are traced, printed, parsed and simplified."""
