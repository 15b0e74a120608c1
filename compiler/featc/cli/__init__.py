"""The command line: thin. A command asks the runtime, and prints. Until one runs, only click is imported."""

from featc.cli.app import cli, main

__all__ = ["cli", "main"]
