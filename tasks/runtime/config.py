"""The whole configuration, composed of the sections that live beside their owners.

Sources, the later overriding the earlier: the fields' defaults, a TOML file (``PINSAGE_CONFIG``), the environment
(``PINSAGE_FEATURES__TEXT_WIDTH=64``), and what the caller passes (``features.text_width=64``).
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from pinsage.evaluation.config import EvaluationConfig, PromotionConfig
from pinsage.features.config import FeatureConfig
from pinsage.graph.config import GraphConfig
from pinsage.index.config import IndexConfig, PublishConfig
from pinsage.model.config import EmbeddingConfig, ModelConfig
from pinsage.pairs.config import PairConfig
from pinsage.serving.config import ServingConfig
from pinsage.training.config import TrainingConfig
from pinsage.walks.config import HardNegativeConfig, WalkConfig
from schemas.config import ValidationConfig
from tasks.runtime.resources import ResourceConfig

CONFIG_FILE_VARIABLE = "PINSAGE_CONFIG"


class ConfigError(ValueError):
    """A setting is unknown, has the wrong type or is out of range."""


class PinSageConfig(BaseSettings):
    """Every setting of the pipeline, frozen, one section per owner."""

    model_config = SettingsConfigDict(
        env_prefix="PINSAGE_", env_nested_delimiter="__", env_nested_max_split=1, frozen=True, extra="forbid"
    )

    validation: ValidationConfig = ValidationConfig()
    graph: GraphConfig = GraphConfig()
    features: FeatureConfig = FeatureConfig()
    walks: WalkConfig = WalkConfig()
    pairs: PairConfig = PairConfig()
    hard_negatives: HardNegativeConfig = HardNegativeConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    promotion: PromotionConfig = PromotionConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    index: IndexConfig = IndexConfig()
    publish: PublishConfig = PublishConfig()
    serving: ServingConfig = ServingConfig()
    resources: ResourceConfig = ResourceConfig()

    @model_validator(mode="before")
    @classmethod
    def _refuse_truth_as_a_number(cls, sections: Any) -> Any:
        """``top_t = true`` would be taken for 1."""
        for section, values in sections.items():
            for field, value in values.items() if isinstance(values, dict) else ():
                known = _fields_of(section).get(field)
                if isinstance(value, bool) and known is not None and known.annotation is not bool:
                    raise ValueError(f"{section}.{field}: got {value}, expected no truth value")
        return sections

    @model_validator(mode="after")
    def _measure_what_decides(self) -> Self:
        metric, ranks = self.promotion.metric, self.evaluation.hit_rate_at
        if metric.startswith("hit_rate@") and metric not in (f"hit_rate@{rank}" for rank in ranks):
            raise ValueError(
                f"promotion.metric is {metric}, but evaluation.hit_rate_at measures {list(ranks)}: add its rank there, "
                "or choose another metric"
            )
        return self

    @model_validator(mode="after")
    def _share_minibatches_equally(self) -> Self:
        pairs, processes = self.training.batch_pairs, self.resources.training_processes
        if pairs % processes:
            raise ValueError(
                f"training.batch_pairs is {pairs}, which can't be split equally among the {processes} of "
                "resources.training_processes: choose a multiple"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: caller, environment, TOML file."""
        path = os.environ.get(CONFIG_FILE_VARIABLE)
        if path is None:
            return init_settings, env_settings
        if not Path(path).is_file():
            raise ConfigError(f"{CONFIG_FILE_VARIABLE}={path}: no such file; expected a TOML file with config sections")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)


def _fields_of(section: str) -> dict[str, FieldInfo]:
    """Fields of a section by name; none where there is no such section."""
    owner = PinSageConfig.model_fields.get(section)
    return {} if owner is None or owner.annotation is None else owner.annotation.model_fields


def load_config(overrides: Mapping[str, Any] | None = None) -> PinSageConfig:
    """Compose the configuration of a run.

    Args:
        overrides: Flat settings such as ``{"features.text_width": 64}``; they win over file and environment.

    Raises:
        ConfigError: A name is unknown or a value not allowed; the message names each and lists the known names.
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in (overrides or {}).items():
        section, _, field = name.partition(".")
        known = _fields_of(section)
        if field not in known:
            choices = known if known else PinSageConfig.model_fields
            raise ConfigError(f"setting {name!r} is unknown; known here: {', '.join(sorted(choices))}")
        sections.setdefault(section, {})[field] = value
    try:
        return PinSageConfig(**sections)  # type: ignore[arg-type]  # pydantic parses each section
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{CONFIG_FILE_VARIABLE}={os.environ[CONFIG_FILE_VARIABLE]}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"configuration refused: {'; '.join(map(_reason, error.errors()))}") from None
    except SettingsError as error:
        raise ConfigError(
            f"environment: {error}: {error.__cause__}; lists are written as JSON, such as "
            "PINSAGE_EVALUATION__BASELINES='[\"popularity\"]'"
        ) from None


def _reason(fault: Mapping[str, Any]) -> str:
    """What is wrong with one setting; beside an unknown name, those that are known."""
    place = ".".join(map(str, fault["loc"]))
    if fault["type"] != "extra_forbidden":
        message = str(fault["msg"]).removeprefix("Value error, ")
        return f"{place}: got {fault['input']!r}, {message}" if place else message
    known = _fields_of(str(fault["loc"][0])) or PinSageConfig.model_fields
    return f"{place} is unknown; known here: {', '.join(sorted(known))}"
