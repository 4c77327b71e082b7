"""Libraries that only some readers need: what to install where one is asked for and is not there."""

from __future__ import annotations

from typing import Literal

DISTRIBUTION = "pinsage-pipeline"

Extra = Literal["serve", "pipeline"]


class MissingLibraryError(ImportError):
    """A library is not installed; the message says which extra of this project brings it."""


def missing_library(error: ModuleNotFoundError, purpose: str, extra: Extra) -> MissingLibraryError | None:
    """What to raise instead of ``error``; None where no extra brings what is missing.

    Args:
        error: Of an import.
        purpose: What needs the library, as the subject of a sentence.
        extra: The extra that brings it.
    """
    library = (error.name or "").partition(".")[0]
    if library in ("pinsage", "schemas", "tasks", ""):
        return None  # a fault of this project
    return MissingLibraryError(
        f'{purpose} needs {library}, which is not installed: pip install "{DISTRIBUTION}[{extra}]"', name=error.name
    )
