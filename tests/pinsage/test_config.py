"""Configuration: sources, their order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from pinsage.config import ConfigError, PinSageConfig, load_config


def test_every_field_says_what_it_is() -> None:
    for name, section in PinSageConfig.model_fields.items():
        assert isinstance(section.annotation, type)
        assert issubclass(section.annotation, BaseModel)
        for field, info in section.annotation.model_fields.items():
            assert info.description, f"{name}.{field} has no description"


def test_caller_wins_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pinsage.toml"
    path.write_text("[resources]\nworkers = 3\nthreads = 3\nchunk_rows = 8192\n")
    monkeypatch.setenv("PINSAGE_CONFIG", str(path))
    monkeypatch.setenv("PINSAGE_RESOURCES__THREADS", "2")
    monkeypatch.setenv("PINSAGE_RESOURCES__WORKERS", "2")
    resources = load_config({"resources.workers": 1}).resources
    assert (resources.workers, resources.threads, resources.chunk_rows) == (1, 2, 8192)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"resources.wokers": 1}, "known here: .*workers"),
        ({"resource.workers": 1}, "known here: .*resources"),
        ({"resources.chunk_rows": 5000}, "resources.chunk_rows: got 5000"),
        ({"resources.device": "tpu"}, "resources.device: got 'tpu'"),
    ],
)
def test_bad_settings_are_named(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides)


def test_missing_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="no such file"):
        load_config()
