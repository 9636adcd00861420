"""`tracejit cache info` and `tracejit cache clear`: the kernels on disk."""

from __future__ import annotations

import argparse

from .runtime import store


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tracejit", description="Eager array programming, and a compiler that gives the same bits.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    cache = commands.add_parser("cache", help="the kernels on disk: `cache info` shows them, `cache clear` takes them away")
    cache.add_argument("what", choices=("info", "clear"))
    if parser.parse_args(arguments).what == "info":
        found = store.info()
        print(f"{found.directory}: {found.kernels} kernels, {found.size / 2**20:.1f} MiB of at most {found.limit / 2**20:.0f}")
    else:
        print(f"{store.directory()}: {store.clear()} kernels taken away")


if __name__ == "__main__":
    main()
