"""The plugin's pages as Airflow's web server answers for them, in a process that may import airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pinsage.store import Store

PROJECT = Path(__file__).parents[2]
DAY = "2026-03-10"

ASK = """
import json, sys
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient
from pinsage_airflow.plugin import PinSagePlugin, site_app
app = site_app()
stranger = TestClient(app, raise_server_exceptions=False)
answer = {"stranger": [stranger.get(path).status_code for path in ("/site/", "/site/reports/x.html", "/site/reports")]}
app.dependency_overrides[get_user] = lambda: None
client = TestClient(app, raise_server_exceptions=False)
for path in json.loads(sys.argv[1]):
    reply = client.get(path)
    answer[path] = [reply.status_code, reply.text, reply.headers["content-security-policy"] if reply.is_success else ""]
answer["href"] = PinSagePlugin.external_views[0]["href"]
print(json.dumps(answer))
"""

ODD = [
    "/site/reports", "/site/reports/", f"/site/reports/{DAY}", f"/site/reports/{DAY}/index.html/x", "/site/..%2fgraph",
    "/site/..%2f..%2fetc%2fpasswd", "/site/" + "a" * 5_000, "/site/" + "/".join(["a" * 200] * 40), "/site/a%00b",
    "/site/%ff", "/site/loop", "/site/data_docs", "/site/%2e%2e/x", "/site//", "/site/reports/<script>",
]  # fmt: skip


def ask(tmp_path: Path, paths: list[str], **environment: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(paths)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def root(tmp_path: Path) -> str:
    store = Store.open(tmp_path / "store")
    store.put_page(f"reports/{DAY}/index.html", b"<p>a report</p>")
    (tmp_path / "store" / "_site" / "loop").symlink_to("loop")
    return store.root


def test_pages_are_for_logged_in_users_and_what_is_no_page_is_404(tmp_path: Path, root: str) -> None:
    report = f"/site/reports/{DAY}/index.html"
    answers = ask(tmp_path, ["/site/", "/site/?page=7", report, *ODD], PINSAGE_ROOT=root)
    assert answers["stranger"] == [401] * 3
    for path in ("/site/", "/site/?page=7"):
        status, text, policy = answers[path]
        assert status == 200
        assert f'href="reports/{DAY}/index.html"' in text
        assert "default-src 'none'" in policy
    assert answers[report][:2] == [200, "<p>a report</p>"]
    assert "sandbox" in answers[report][2]
    assert {path: answers[path][0] for path in ODD} == dict.fromkeys(ODD, 404)
    assert answers["href"] == "/pinsage/site/"


def test_a_server_that_is_set_up_wrongly_says_so(tmp_path: Path, root: str) -> None:
    assert ask(tmp_path, ["/site/"], PINSAGE_ROOT="")["/site/"][0] == 404
    refused = ask(tmp_path, ["/site/"], PINSAGE_ROOT=root, PINSAGE_WALKS__TOP_T="none")["/site/"]
    assert refused[0] == 503
    assert "walks.top_t" in refused[1]


def test_below_a_path_the_plugin_is_found_there(tmp_path: Path, root: str) -> None:
    answers = ask(tmp_path, [], PINSAGE_ROOT=root, AIRFLOW__API__BASE_URL="https://example.org/airflow/")
    assert answers["href"] == "/airflow/pinsage/site/"
