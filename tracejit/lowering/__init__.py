"""From a graph to a plan: which nodes share a loop, the loops themselves, and where values live."""
