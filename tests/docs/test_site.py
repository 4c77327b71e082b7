"""The documentation's site builds without a warning, and its pages load nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"
# Attributes that make a browser load something; what a reader has to click on is no asset.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "object": "data"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        # A proxy where nobody listens: whatever asks the network fails.
        env={
            **os.environ,
            "NO_MKDOCS_2_WARNING": "1",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
        },
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


class Assets(HTMLParser):
    """Addresses of what a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        name = "href" if tag == "link" and values.get("rel") not in ("canonical", "prev", "next") else LOADED.get(tag)
        if name and values.get(name):
            self.addresses.append(str(values[name]))
        self.addresses += re.findall(r"url\(([^)]*)\)", values.get("style") or "")


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    loaded: dict[Path, list[str]] = {}
    for page in pages:
        assets = Assets()
        assets.feed(page.read_text(encoding="utf-8"))
        loaded[page] = [address.strip("'\"") for address in assets.addresses]
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        loaded[sheet] = [address.strip("'\"") for address in re.findall(r"(?:url\(|@import )([^);]*)", text)]
    outside = {
        str(path.relative_to(site)): address
        for path, addresses in loaded.items()
        for address in addresses
        if re.match(r"[a-z]+:|//", address) and not address.startswith("data:")
    }
    assert not outside
    missing = [
        (path, address)
        for path, addresses in loaded.items()
        for address in addresses
        if path.name != "404.html"  # it is shown at any depth: its addresses start at the root of the site
        and not address.startswith("data:")
        and not (path.parent / re.split(r"[?#]", address)[0]).exists()
    ]
    assert not missing


def test_generated_pages_say_what_the_code_says(site: Path) -> None:
    command_line = (site / "reference" / "command_line.html").read_text(encoding="utf-8")
    for command in ("ingest", "plan", "run", "recommend", "search", "serve", "ablate", "gc"):
        assert f'id="pinsage-{command}"' in command_line
    assert "--item-timestamp" in command_line
    assert "&lt;dataset&gt;/&lt;partition&gt;/&lt;fingerprint&gt;" in command_line, "no placeholder is taken for a tag"
    http_api = (site / "reference" / "http_api.html").read_text(encoding="utf-8")
    assert "GET /items/{item_id}/similar" in http_api
    assert "NewItemMessage" in http_api
    python_api = (site / "reference" / "python" / "index.html").read_text(encoding="utf-8")
    assert 'id="pinsage.Recommender.similar"' in python_api
    store = (site / "reference" / "python" / "pinsage.store.html").read_text(encoding="utf-8")
    assert 'id="pinsage.store.store.Store.write"' in store


def test_notebooks_are_shown_with_what_they_computed(site: Path) -> None:
    for notebook in (PROJECT / "docs" / "notebooks").glob("*.ipynb"):
        page = (site / "notebooks" / f"{notebook.stem}.html").read_text(encoding="utf-8")
        pictures = re.findall(rf'<img[^>]*src="({notebook.stem}/[^"]+\.svg)"', page)
        assert pictures, f"{notebook.name} shows no plot"
