"""The console script ``pinsage``: the command line, or one line that says what to install for it.

It imports nothing that an extra brings, so it runs where only the core is installed.
"""

import json
import sys

from tasks.runtime.missing_extra import missing_for_command


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
