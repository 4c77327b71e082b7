"""The whole configuration, composed of the sections that live beside their owners.

Sources, the later overriding the earlier: the fields' defaults, a TOML file (``PINSAGE_CONFIG``), the environment
(``PINSAGE_FEATURES__TEXT_WIDTH=64``), and what the caller passes (``features.text_width=64``).
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from pinsage.evaluation.config import EvaluationConfig
from pinsage.features.config import FeatureConfig
from pinsage.graph.config import GraphConfig
from pinsage.index.config import IndexConfig
from pinsage.model.config import EmbeddingConfig, ModelConfig
from pinsage.pairs.config import PairConfig
from pinsage.serving.config import ServingConfig
from pinsage.stage_configs import PromotionConfig, PublishConfig, ResourceConfig, ValidationConfig
from pinsage.training.config import TrainingConfig
from pinsage.walks.config import HardNegativeConfig, WalkConfig

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
        owner = PinSageConfig.model_fields.get(section)
        known = {} if owner is None or owner.annotation is None else owner.annotation.model_fields
        if field not in known:
            choices = known if known else PinSageConfig.model_fields
            raise ConfigError(f"setting {name!r} is unknown; known here: {', '.join(sorted(choices))}")
        sections.setdefault(section, {})[field] = value
    try:
        return PinSageConfig(**sections)  # type: ignore[arg-type]  # pydantic parses each section
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{CONFIG_FILE_VARIABLE}={os.environ[CONFIG_FILE_VARIABLE]}: {error}") from None
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: got {fault['input']!r}, {fault['msg']}" for fault in error.errors()
        )
        raise ConfigError(f"configuration refused: {reasons}") from None
