"""The command line, a thin door over the stages: ``pinsage ingest | run | recommend | search | status | ...``."""

from pydantic import ValidationError

from tasks.cli import ablate, doctor, ingest, look, operate, plan, run, serve  # noqa: F401  # each registers its commands
from tasks.cli.app import app, errors
from tasks.logs import log_to_stderr

__all__ = ["main"]


def main() -> None:
    """Run the command line; an expected error becomes one line and exit code 1."""
    from pinsage.config import ConfigError
    from pinsage.store import StoreError

    log_to_stderr()
    try:
        app()
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][-1]}: got {fault['input']!r}, {fault['msg']}" for fault in error.errors())
        errors.print(f"[bold red]error[/] {error.title}:", end=" ")
        errors.print(faults, markup=False)
        raise SystemExit(1) from None
    except (
        StoreError,
        ConfigError,
        ValueError,
        LookupError,
        RuntimeError,
        OSError,
    ) as error:
        errors.print(f"[bold red]error[/] {type(error).__name__}:", end=" ")
        errors.print(str(error.args[0] if isinstance(error, KeyError) and error.args else error), markup=False)
        raise SystemExit(1) from None
