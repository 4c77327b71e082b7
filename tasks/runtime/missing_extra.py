"""Which extra a command needs whose libraries are not installed."""

import sys

from pinsage.extras import Extra, MissingLibraryError, missing_library

SERVE_COMMANDS = ("serve", "recommend", "search", "status")


def missing_for_command(error: ModuleNotFoundError) -> MissingLibraryError | None:
    """What a command lacks, with the extra that brings it; None where no extra does."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    extra: Extra = "serve" if command in SERVE_COMMANDS else "pipeline"
    return missing_library(error, f"pinsage {command}".strip(), extra)
