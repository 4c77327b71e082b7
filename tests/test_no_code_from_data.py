"""Data never becomes code: no pickle, no evaluation, no shell, no archive from outside, in any source file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
ROOMS = ("pinsage", "pinsage_airflow", "tasks", "schemas", "dags", "docker")
SOURCES = sorted(path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))

MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "xml",
    "tarfile",
    "zipfile",
}
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "torch.load",
    "torch.save", "np.fromfile", "jinja2.Template", "pd.read_pickle", "importlib.import_module",
}  # fmt: skip


def dotted(node: ast.expr) -> str:
    """``torch.load`` of the expression that is called; nothing for anything but names and attributes."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def faults(source: str) -> list[str]:
    """What a source file does that turns data into code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name in CALLS:
                found.append(name)
            if keywords.get("shell", "False") != "False":
                found.append(f"{name}(shell=...)")
            if name in ("np.load", "numpy.load", "np.save", "numpy.save") and keywords.get("allow_pickle") != "False":
                found.append(f"{name} without allow_pickle=False")
            if name == "jinja2.Environment" and keywords.get("autoescape") != "True":
                found.append("jinja2.Environment without autoescape=True")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_code_from_data(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "torch.load(path)", "np.load(path)", "eval(text)",
        "np.load(path, allow_pickle=True)", "subprocess.run(command, shell=True)", "import xml.etree",
        "jinja2.Environment(loader=x)",
    ],
)  # fmt: skip
def test_the_search_finds(source: str) -> None:
    assert len(faults(source)) == 1
