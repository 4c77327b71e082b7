"""Notebooks as pages: executed when the site is built, so that what they show is what the code does now."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from traitlets.config import Config

CELL_SECONDS = 600
# What passes over loopback between this process and the kernel is encrypted.
KERNEL = Config({"KernelManager": {"transport_encryption": "auto"}})


def executed(notebook: Path) -> nbformat.NotebookNode:
    """Run every cell in an empty folder and return the notebook with its outputs.

    Raises:
        CellExecutionError: A cell failed; the message holds its source and its traceback.
        ValueError: A cell wrote to standard error: a warning, or the traceback of a plot that cannot be drawn.
    """
    document = nbformat.read(notebook, as_version=4)
    with TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(document, timeout=CELL_SECONDS, resources=where, config=KERNEL).execute()
    for cell in document.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ValueError(f"{notebook.name}: {cell.source}\nwrote to standard error:\n{output.text}")
    return document


def notebook_files(notebook: Path) -> dict[str, str | bytes]:
    """The page of a notebook and the pictures on it, by their paths in the site."""
    name = f"notebooks/{notebook.stem}"
    text, resources = MarkdownExporter().from_notebook_node(
        executed(notebook), resources={"unique_key": notebook.stem, "output_files_dir": notebook.stem}
    )
    # Tables of pandas look like the site's own, and scroll on a phone.
    text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace('<table border="1" class="dataframe">', "<table>")
    page = f"{text}\n\n[Download this notebook]({notebook.name})\n"
    return {f"{name}.md": page, **{f"notebooks/{path}": data for path, data in resources["outputs"].items()}}
