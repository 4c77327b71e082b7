"""Commands and new items without the libraries of their extra: one line that says what to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pinsage.extras import missing_library

PROJECT = Path(__file__).parents[3]
PROGRAM = """
import sys

missing = sys.argv.pop(1).split(",")

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
COMMAND = f"{PROGRAM}\nfrom tasks.console_script import main\nmain()"
PIPELINE = (
    "torch,torch_geometric,dask,distributed,great_expectations,numba,scipy,sklearn,pandas,altair,jinja2,safetensors"
)
COMMAND_LINE = f"{PIPELINE},typer,rich,pydantic_settings,fastapi,starlette,uvicorn,prometheus_client"
EVERYTHING = f"{COMMAND_LINE},airflow,httpx,psutil,threadpoolctl,packaging,vl_convert"


def run(program: str, missing: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, missing, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name != "PINSAGE_ROOT"},
    )


@pytest.mark.parametrize(
    ("missing", "arguments", "library", "extra"),
    [
        (EVERYTHING, [], "typer", "pipeline"),
        (EVERYTHING, ["--help"], "typer", "pipeline"),
        (EVERYTHING, ["run", "--root", "ROOT", "--day", "2026-03-01"], "typer", "pipeline"),
        (EVERYTHING, ["serve", "--root", "ROOT"], "typer", "serve"),
        (EVERYTHING, ["recommend", "item-7", "--root", "ROOT"], "typer", "serve"),
        ("fastapi", ["serve", "--root", "ROOT"], "fastapi", "serve"),
        ("uvicorn", ["serve", "--root", "ROOT"], "uvicorn", "serve"),
        (PIPELINE, ["run", "--root", "ROOT", "--day", "2026-03-01"], "", "pipeline"),
        (PIPELINE, ["ingest", "--root", "ROOT", "--items", "items.csv"], "numba", "pipeline"),
    ],
)
def test_a_command_without_its_libraries_is_one_line_that_names_the_extra(
    missing: str, arguments: list[str], library: str, extra: str, planted: tuple[Path, tuple[str, ...]]
) -> None:
    result = run(COMMAND, missing, *(str(planted[0]) if word == "ROOT" else word for word in arguments))
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert f"needs {library}" in result.stderr
    assert result.stderr.endswith(f'which is not installed: pip install "pinsage-pipeline[{extra}]"\n')


@pytest.mark.parametrize("missing", [EVERYTHING, PIPELINE])
def test_with_json_it_is_one_document(missing: str, planted: tuple[Path, tuple[str, ...]]) -> None:
    result = run(COMMAND, missing, "ingest", "--items", "items.csv", "--json", "--root", str(planted[0]))
    assert result.returncode == 1
    error = json.loads(result.stdout)["error"]
    assert error["type"] == "MissingLibraryError"
    assert "pip install" in error["message"]


@pytest.mark.parametrize("arguments", [["recommend", "item-7"], ["search", "title"], ["status"], ["--help"]])
def test_the_commands_of_the_extra_serve_need_nothing_of_the_stages(
    arguments: list[str], planted: tuple[Path, tuple[str, ...]]
) -> None:
    root = [] if arguments == ["--help"] else ["--root", str(planted[0])]
    result = run(COMMAND, f"{PIPELINE},airflow,httpx,psutil,threadpoolctl,packaging", *arguments, *root)
    assert result.returncode == 0, result.stderr


def test_the_service_needs_nothing_of_the_stages_and_says_what_a_new_item_needs(
    planted: tuple[Path, tuple[str, ...]],
) -> None:
    program = f"""{PROGRAM}
from fastapi.testclient import TestClient
from pinsage import Recommender
from pinsage.serving.config import ServingConfig
from pinsage.serving.service.app import create_app

config = ServingConfig(allowed_hosts=("testserver",))
client = TestClient(create_app(Recommender(sys.argv[1], config), config))
for path in ("/items/item-7/similar", "/items/item-7/comparison", "/overview", "/map", "/map/points", "/search?q=a"):
    assert client.get(path).status_code == 200, (path, client.get(path).text)
refused = client.post("/similar", json={{"new_item": {{"title": "a new item"}}}})
print(refused.status_code, refused.json()["detail"])
"""
    result = run(program, PIPELINE, str(planted[0]))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("501 a new item needs torch, ")
    assert result.stdout.endswith('which is not installed: pip install "pinsage-pipeline[pipeline]"\n')


def test_a_module_of_the_project_that_is_missing_is_no_matter_of_extras() -> None:
    assert missing_library(ModuleNotFoundError(name="tasks.absent"), "it", "pipeline") is None


def test_the_doctor_says_what_a_check_lacks(planted: tuple[Path, tuple[str, ...]]) -> None:
    result = run(COMMAND, f"{PIPELINE},packaging", "doctor", "--json", "--root", str(planted[0]))
    found = {check["name"]: check["found"] for check in json.loads(result.stdout) if check["state"] == "failed"}
    assert found.keys() >= {"versions", "gpu"}
    assert all('pip install "pinsage-pipeline[pipeline]"' in found[name] for name in ("versions", "gpu"))
