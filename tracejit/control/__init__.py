"""Control flow as ops: loops and branches whose bodies are graphs, run natively and differentiated as one step."""

from .branches import cond, switch
from .loops import fori_loop, map, scan, while_loop

__all__ = ["cond", "fori_loop", "map", "scan", "switch", "while_loop"]
