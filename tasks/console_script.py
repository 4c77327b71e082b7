"""The console script ``pinsage``: the command line, or one line that says what to install for it.

It imports nothing but the standard library and `pinsage.extras`, so it runs where only the core is installed.
"""

import json
import sys

from pinsage.extras import Extra, MissingLibraryError, missing_library

SERVE_COMMANDS = ("serve", "recommend", "search", "status")


def main() -> None:
    """Run the command line; without its libraries, say which extra brings them and end with code 1."""
    try:
        from tasks.cli import main as run
    except ModuleNotFoundError as error:
        missing = missing_for_command(error)
        if missing is None:
            raise
        if "--json" in sys.argv:
            sys.stdout.write(json.dumps({"error": {"type": type(missing).__name__, "message": str(missing)}}) + "\n")
            sys.exit(1)
        sys.exit(f"error {type(missing).__name__}: {missing}")
    run()


def missing_for_command(error: ModuleNotFoundError) -> MissingLibraryError | None:
    """What a command lacks, with the extra that brings it; None where no extra does."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    extra: Extra = "serve" if command in SERVE_COMMANDS else "pipeline"
    return missing_library(error, f"pinsage {command}".strip(), extra)
