"""Pages of the site that are made when it is built: command line, HTTP API, Python API, executed notebooks.

They exist in the built site only, so they are never older than the code.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from docs.site.command_line import command_line_page
from docs.site.http_api import http_api_page
from docs.site.notebooks import notebook_files
from docs.site.python_api import python_api_pages

PYTHON_API = "Python API"


def on_config(config: MkDocsConfig) -> None:
    """List the pages of the Python API in the navigation."""
    assert config.nav is not None, "mkdocs.yml has a nav"
    reference = next(section["Reference"] for section in config.nav if "Reference" in section)
    listed = next(entry for entry in reference if PYTHON_API in entry)
    listed[PYTHON_API] = [{title: path} for path, (title, _) in python_api_pages().items()]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the generated pages to those that are written by hand."""
    pages: dict[str, str | bytes] = {
        "reference/command_line.md": command_line_page(),
        "reference/http_api.md": http_api_page(),
        **{path: text for path, (_, text) in python_api_pages().items()},
    }
    for notebook in sorted(Path(config.docs_dir, "notebooks").glob("*.ipynb")):
        pages |= notebook_files(notebook)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
