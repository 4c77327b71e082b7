"""The trigger forms of the DAGs: their fields, generated from the config, and what a cleared field means.

A form holds the day, the switches of its DAG, and every setting of some sections of the config. A run's configuration
may hold nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.runtime.config import ConfigError, PinSageConfig, load_config

SUNDAY = 6  # days after the Monday that the partition key of a week is
DAY = "day"
# Airflow's own name for the section that opens unfolded.
OPEN_SECTION = "Run Parameters"


@dataclass(frozen=True)
class Form:
    """What may be set in one DAG's form.

    Args:
        sections: Sections of the config, in the order of the form.
        switches: Fields of the DAG's own, beside the day.
        days_after_key: As `pinsage_airflow.run_context.run_day` takes it.
    """

    sections: tuple[str, ...]
    switches: tuple[str, ...] = ()
    days_after_key: int = 0

    def names(self) -> list[str]:
        """Every key that a run's configuration may hold."""
        fields = [f"{section}.{field}" for section in self.sections for field in _schemas(section)]
        return [DAY, *self.switches, *fields]


FORMS = {
    "pinsage_prepare": Form(("validation", "graph", "features", "walks")),
    "pinsage_train": Form(
        ("pairs", "hard_negatives", "model", "training", "evaluation", "promotion"), ("approval",), SUNDAY
    ),
    "pinsage_publish": Form(("embedding", "index", "publish"), ("force",)),
}


def form(*sections: str) -> dict[str, dict[str, Any]]:
    """The fields of a trigger form: ``section.field`` -> JSON schema with ``default``, generated from the config.

    Every field may be cleared: Airflow sends null for an empty field, and its form refuses null, and an empty string as
    a default, wherever the type does not name null.

    Args:
        *sections: Sections of `PinSageConfig`, in the order of the form.
    """
    defaults = load_config().model_dump(mode="json")
    fields = {}
    for section in sections:
        for name, schema in _schemas(section).items():
            default = defaults[section][name]
            fields[f"{section}.{name}"] = {
                **_clearable(schema),
                "default": None if default == "" else default,
                "title": name.replace("_", " "),
                "section": f"Advanced: {section.replace('_', ' ')}",
            }
    return fields


def settings_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The settings ``section.field`` among a run's parameters that differ from the workers' own.

    A cleared field, which is null, means nothing where the setting can be empty, otherwise the default.

    Raises:
        ConfigError: A setting is one of ``resources``: a run may not point workers at another Dask scheduler, which
            would send them code.
    """
    defaults = load_config().model_dump(mode="json")
    settings = {}
    for name, value in params.items():
        section, separator, field = name.partition(".")
        if not separator:
            continue
        if section == "resources":
            raise ConfigError(
                f"setting {name!r}: a run does not choose with what it is computed; set "
                f"PINSAGE_RESOURCES__{field.upper()} in the environment of the workers"
            )
        known = defaults.get(section, {})
        if field in known:
            chosen = _cleared(_schemas(section)[field], known[field]) if value is None else value
            if chosen == known[field]:
                continue
            settings[name] = chosen
        else:
            settings[name] = value
    return settings


def refuse_unknown(dag: str, configuration: Mapping[str, Any] | None) -> None:
    """Check the keys of a run's configuration against its DAG's form; any DAG that is not ours passes.

    Raises:
        ConfigError: A key is not in the form; the message lists those that are.
    """
    if dag not in FORMS or not configuration:
        return
    names = FORMS[dag].names()
    unknown = sorted(set(configuration) - set(names))
    if unknown:
        raise ConfigError(
            f"the form of {dag} has no {', '.join(map(repr, unknown))}; its fields are {', '.join(names)}"
        )


def _schemas(section: str) -> dict[str, dict[str, Any]]:
    owner = PinSageConfig.model_fields[section].annotation
    assert owner is not None, "every section is a model"
    properties: dict[str, dict[str, Any]] = owner.model_json_schema()["properties"]
    return {name: _plain(schema) for name, schema in properties.items()}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without pydantic's titles and default, and with an optional type spelled as a list of types."""
    plain = {key: value for key, value in schema.items() if key not in ("title", "default", "anyOf")}
    for alternative in schema.get("anyOf", []):
        if alternative["type"] == "null":
            plain["nullable"] = True
        else:
            plain |= alternative
    return plain


def _clearable(schema: dict[str, Any]) -> dict[str, Any]:
    field = {key: value for key, value in schema.items() if key != "nullable"}
    field["type"] = ["null", schema["type"]]
    if "enum" in field:
        field["enum"] = [*field["enum"], None]
        field["values_display"] = {"null": "(the default)"}
    return field


def _cleared(schema: dict[str, Any], default: Any) -> Any:
    if schema.get("nullable"):
        return None
    kind = schema["type"]
    if kind == "string" and not {"enum", "pattern", "minLength", "const"} & set(schema):
        return ""
    if kind == "array" and not schema.get("minItems"):
        return []
    if kind == "object" and not schema.get("minProperties"):
        return {}
    return default
