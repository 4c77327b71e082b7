"""Trigger forms: they open ready to be sent, every field may be cleared, and no other key is taken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from pinsage_airflow.forms import FORMS, refuse_unknown, settings_of
from pinsage_airflow.run_context import form, open_run
from tasks.runtime.config import ConfigError, PinSageConfig, load_config

SECTIONS = tuple(PinSageConfig.model_fields)


def sendable(field: dict[str, Any], value: Any) -> bool:
    """Whether Airflow's form lets a field be sent: it refuses "", and null where the type does not name it."""
    schema = {key: part for key, part in field.items() if key != "default"}
    jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())
    required = "null" not in field["type"]
    return not (required and value in (None, ""))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_opens_sendable_and_stays_so_when_it_is_cleared(section: str) -> None:
    for name, field in form(section).items():
        assert sendable(field, field["default"]), name
        assert field["default"] != "", name
        assert sendable(field, None), name


@pytest.mark.parametrize("dag", FORMS)
def test_a_form_left_alone_or_cleared_chooses_no_setting(dag: str) -> None:
    fields = form(*FORMS[dag].sections)
    assert settings_of({name: field["default"] for name, field in fields.items()}) == {}
    # Where nothing is a value of its own, that is what an empty field says.
    nothing = {"features.categorical_separator": "", "evaluation.baselines": []}
    assert settings_of(dict.fromkeys(fields)) == {name: value for name, value in nothing.items() if name in fields}
    load_config(settings_of(dict.fromkeys(fields)))


def test_a_cleared_field_undoes_what_the_workers_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_FEATURES__LABEL_CATEGORY", "brand")
    assert form("features")["features.label_category"]["default"] == "brand"
    assert settings_of({"features.label_category": None}) == {"features.label_category": ""}
    assert settings_of({"features.label_category": "brand"}) == {}


def test_settings_are_folded_under_advanced_by_section() -> None:
    sections = {field["section"] for field in form("features", "hard_negatives").values()}
    assert sections == {"Advanced: features", "Advanced: hard negatives"}


@pytest.mark.parametrize("unknown", ["dya", "walks.topt", "training.epochs", "resources.device", "params", "Day", ""])
def test_a_key_that_the_form_does_not_have_is_refused_with_those_it_has(
    unknown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    known = {"day": "2026-03-01", "walks.top_t": 5}
    refuse_unknown("pinsage_prepare", known)
    refuse_unknown("pinsage_prepare", None)
    refuse_unknown("another_dag", {unknown: 1})
    monkeypatch.setenv("PINSAGE_ROOT", str(tmp_path))
    context = {"params": {**known, unknown: 1}, "dag_run": SimpleNamespace(dag_id="pinsage_prepare")}
    for refused in (lambda: refuse_unknown("pinsage_prepare", {**known, unknown: 1}), lambda: open_run(context)):
        with pytest.raises(ConfigError, match=r"its fields are day, validation\.") as error:
            refused()
        assert repr(unknown) in str(error.value)
        assert "walks.top_t" in str(error.value)
