"""Sections to one HTML page without outside assets."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import jinja2

from tasks.runtime.pages.blocks import Section

# Where the copy for people gets what belongs to the store and not to the version: sections, and links to them.
MARK, NAVIGATION_MARK = "<!-- present -->", "<!-- present navigation -->"


def render_page(day: str, index: str, sections: Sequence[Section]) -> str:
    """The whole report; `with_present` completes it."""
    lead = f"What went in, what was built, how good it is, and what it recommends. {index}"
    texts = {"title": f"PinSage report {day}", "heading": f"PinSage, {day}", "lead": lead}
    return _template().render(**texts, sections=sections, marks=(NAVIGATION_MARK, MARK), present="")


def render_plain_page(title: str, heading: str, lead: str, sections: Sequence[Section]) -> str:
    """A whole page that looks like the report, of at least one section."""
    texts = {"title": title, "heading": heading, "lead": lead}
    return _template().render(**texts, sections=sections, marks=("", ""), present="")


def with_present(page: str, sections: Sequence[Section]) -> str:
    """The page with further sections before its last one."""
    drawn = {kind: _template().render(sections=sections, present=kind) for kind in ("links", "sections")}
    return page.replace(NAVIGATION_MARK, drawn["links"]).replace(MARK, drawn["sections"])


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["hue"] = lambda text: zlib.crc32(text.encode()) % 360
    return environment.get_template("page.html.j2")
