"""Pages of the Python API: one for each package, rendered from docstrings by mkdocstrings."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("pinsage", "schemas", "tasks")

RECOMMENDER = """# pinsage

What a program imports to ask for recommendations.

::: pinsage.Recommender
::: pinsage.Filter
::: pinsage.NewItem

Answers and errors are in [pinsage.serving.answers][].
"""


@cache
def python_api_pages() -> dict[str, tuple[str, str]]:
    """Path of every page, its title and its Markdown; readers of the store and of recommendations first."""
    pages = {"reference/python/index.md": ("pinsage", RECOMMENDER)}
    for room in ROOMS:
        for package in sorted(path.parent for path in (ROOT / room).rglob("__init__.py")):
            name = ".".join(package.relative_to(ROOT).parts)
            modules = [path for path in sorted(package.glob("*.py")) if _documented(path)]
            if modules:
                title = "pinsage (modules)" if name == "pinsage" else name
                pages[f"reference/python/{name}.md"] = (title, _page(name, package, modules))
    return pages


def _page(name: str, package: Path, modules: list[Path]) -> str:
    summary = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    blocks = [f"::: {name}.{path.stem}" for path in modules]
    return "\n\n".join([f"# {name}", summary, *blocks]) + "\n"


def _documented(path: Path) -> bool:
    """Whether a module is for others: it has a docstring and a public class or function."""
    if path.stem.startswith("_"):
        return False
    module = ast.parse(path.read_text(encoding="utf-8"))
    public = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return ast.get_docstring(module) is not None and any(
        isinstance(statement, public) and not statement.name.startswith("_") for statement in module.body
    )
