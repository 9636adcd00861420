"""Logs of what the compiler does, as it happens: Python's `logging`, one line each, nothing unless asked for.

`TRACEJIT_LOG=traces,guards,kernels,paths,cuda` (or `all`) writes them to standard error; a program sets the level of the loggers
`tracejit.traces` … itself.
"""

from __future__ import annotations

import logging
import os

NAMES = ("traces", "guards", "kernels", "paths", "cuda")
traces, guards, kernels, paths, cuda = (logging.getLogger(f"tracejit.{name}") for name in NAMES)


def begin(asked: str) -> None:
    """Write the logs of these names to standard error; the others say nothing, unless a program sets their level."""
    wanted = {name.strip() for name in asked.split(",")}
    unknown = wanted - {*NAMES, "all", ""}
    if unknown:
        logging.getLogger("tracejit").warning("TRACEJIT_LOG knows no %s; there are %s and all", ", ".join(sorted(unknown)), ", ".join(NAMES))
    shown = [name for name in NAMES if name in wanted or "all" in wanted]
    for name in shown:
        logger = logging.getLogger(f"tracejit.{name}")
        logger.setLevel(logging.INFO)
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False


begin(os.environ.get("TRACEJIT_LOG", ""))
