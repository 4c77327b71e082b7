"""The page of settings is the one that the fields give."""

from __future__ import annotations

from pathlib import Path

from tasks.commands.config_docs import configuration_page


def test_the_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert page.read_text().strip() == configuration_page().strip(), (
        "run `pinsage config --markdown > docs/configuration.md`"
    )
