"""Configuration: sources, their order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from tasks.runtime.config import ConfigError, PinSageConfig, load_config


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
        ({"evaluation.hit_rate_at": [0, 500]}, "evaluation.hit_rate_at.*greater than or equal to 1"),
        ({"resources.training_processes": 3}, r"batch_pairs is 2048, which can't be split .* the 3 of resources"),
        ({"evaluation.hit_rate_at": [10]}, r"promotion.metric is hit_rate@500, but .* measures \[10\]: add its rank"),
    ],
)
def test_bad_settings_are_named(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides)


def test_missing_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="no such file"):
        load_config()


FILES = {
    "text for a number": (b"[walks]\ntop_t = 'fifty'\n", "walks.top_t: got 'fifty'"),
    "truth for a number": (b"[walks]\ntop_t = true\n", "walks.top_t: got True, expected no truth value"),
    "a number for a section": (b"walks = 5\n", "walks: got 5"),
    "an unknown section": (b"[wlaks]\ntop_t = 5\n", "wlaks is unknown; known here: .*walks"),
    "an unknown field": (b"[walks]\ntopt = 5\n", "walks.topt is unknown; known here: .*top_t"),
    "not a number": (b"[training]\nlearning_rate = nan\n", "training.learning_rate: got nan"),
    "Latin-1": (b"# caf\xe9\n", "PINSAGE_CONFIG=.*pinsage.toml: 'utf-8' codec"),
    "UTF-16": ("[walks]".encode("utf-16"), "PINSAGE_CONFIG=.*pinsage.toml: 'utf-8' codec"),
    "no TOML": (b"[walks\n", "PINSAGE_CONFIG=.*pinsage.toml: .*line 1"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    text, message = FILES[case]
    (tmp_path / "pinsage.toml").write_bytes(text)
    monkeypatch.setenv("PINSAGE_CONFIG", str(tmp_path / "pinsage.toml"))
    with pytest.raises(ConfigError, match=message):
        load_config()


def test_lists_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_EVALUATION__BASELINES", '["popularity"]')
    assert load_config().evaluation.baselines == ("popularity",)
    monkeypatch.setenv("PINSAGE_EVALUATION__BASELINES", "popularity")
    with pytest.raises(ConfigError, match=r"evaluation.*lists are written as JSON"):
        load_config()
