"""The flow of a day, declared once: which stages there are, what each commits, what it needs and what it depends on.

A run, a plan and the command line's list of stages read this page, and a test compares the edges of the DAGs with it.
It lies beneath the stages, which take their code version and settings from it, and imports the configuration alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from pinsage.store.digests import plain
from tasks.runtime.config import PinSageConfig

Phase = Literal["prepare", "train", "publish"]
Settings = BaseModel | Mapping[str, Any]

Source = Literal["deliveries", "prepared", "trained on", "as of", "champion"]

# What a stage reads beside the versions that other stages of the same run commit.
DELIVERIES: Source = "deliveries"
"""The raw partitions in force, up to the run's day."""
PREPARED: Source = "prepared"
"""What is prepared for the run's day."""
TRAINED_ON: Source = "trained on"
"""What is prepared for the day whose graph the model trains on (`tasks.prepare.prepared.graph_day`)."""
AS_OF: Source = "as of"
"""What is prepared for the day that the model is measured as of (`tasks.prepare.prepared.as_of_day`)."""
CHAMPION: Source = "champion"
"""The model that the reference ``champion`` points to."""


def _nothing(config: PinSageConfig) -> Settings:
    return {}


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: Of the function and of the task.
        phase: The DAG that it belongs to; None for what runs only when it is asked for.
        dataset: What it commits; empty where it moves a reference or writes pages.
        function: Where the code is, as ``module:function``; None where the stage above it does its work.
        needs: Stages of the same run whose versions it reads, and what else it reads.
        code_version: Raised by hand when the same inputs and settings give another result.
        settings: The part of the configuration that enters the fingerprint.
        section: The section of the configuration that ``settings`` are of; empty where they name their sections.
        intermediate: Whether its versions only save work: of the day that is running, or of the day after it.
    """

    name: str
    phase: Phase | None
    dataset: str
    function: str | None
    needs: tuple[Stage | Source, ...] = ()
    code_version: int = 1
    settings: Callable[[PinSageConfig], Settings] = _nothing
    section: str = ""
    intermediate: bool = False

    def fingerprinted(self, config: PinSageConfig, **more: Any) -> Settings:
        """The settings that enter the fingerprint, with what only a part of the stage depends on.

        Args:
            config: The whole configuration.
            more: Such as the number of a layer or a shard.
        """
        settings = self.settings(config)
        return {**plain(settings), **more} if more else settings


INGEST = Stage("ingest", None, "raw", "tasks.data.ingest:ingest")

VALIDATE = Stage(
    "validate",
    "prepare",
    "validated",
    "tasks.data.validate:validate_days",
    needs=(DELIVERIES,),
    code_version=6,
    settings=lambda config: {"rules": config.validation},
)
KNOWN_ITEMS = Stage("known_items", None, "known_items", None, needs=(VALIDATE,))
BUILD_CATALOG = Stage(
    "build_catalog",
    "prepare",
    "catalog",
    "tasks.prepare.build_catalog:build_catalog",
    needs=(VALIDATE,),
    settings=lambda config: config.graph.of_catalog,
    section="graph",
)
DATA_DOCS = Stage("data_docs", "prepare", "", "tasks.data.validation.data_docs:write_data_docs", needs=(BUILD_CATALOG,))
BUILD_GRAPH = Stage(
    "build_graph",
    "prepare",
    "graph",
    "tasks.prepare.build_graph:build_graph",
    needs=(BUILD_CATALOG,),
    code_version=2,
    settings=lambda config: config.graph.of_graph,
    section="graph",
)
FEATURIZE_ITEMS = Stage(
    "featurize_items",
    "prepare",
    "features",
    "tasks.prepare.featurize_items:featurize_items",
    needs=(BUILD_CATALOG, BUILD_GRAPH),
    code_version=4,
    settings=lambda config: config.features,
    section="features",
)
SAMPLE_NEIGHBORHOODS = Stage(
    "sample_neighborhoods",
    "prepare",
    "neighborhoods",
    "tasks.prepare.sample_neighborhoods:sample_neighborhoods",
    needs=(BUILD_GRAPH,),
    code_version=2,
    settings=lambda config: config.walks,
    section="walks",
)
RECORD_PREPARED = Stage(
    "record_prepared",
    "prepare",
    "prepared",
    "tasks.prepare.prepared:record_prepared",
    needs=(BUILD_CATALOG, BUILD_GRAPH, FEATURIZE_ITEMS, SAMPLE_NEIGHBORHOODS),
)

BUILD_PAIRS = Stage(
    "build_pairs",
    "train",
    "pairs",
    "tasks.train.build_pairs:build_pairs",
    needs=(AS_OF, TRAINED_ON),
    code_version=5,
    settings=lambda config: config.pairs,
    section="pairs",
)
BUILD_HOLDOUT_PAIRS = Stage(
    "build_holdout_pairs",
    "train",
    "holdout_pairs",
    "tasks.train.build_pairs:build_holdout_pairs",
    needs=(AS_OF,),
    code_version=5,
    settings=lambda config: config.pairs,
    section="pairs",
)
MINE_HARD_NEGATIVES = Stage(
    "mine_hard_negatives",
    "train",
    "hard_negatives",
    "tasks.train.mine_hard_negatives:mine_hard_negatives",
    needs=(TRAINED_ON, BUILD_PAIRS),
    code_version=2,
    settings=lambda config: config.hard_negatives,
    section="hard_negatives",
)
TRAIN_MODEL = Stage(
    "train_model",
    "train",
    "model",
    "tasks.train.train_model:train_model",
    needs=(TRAINED_ON, BUILD_PAIRS, MINE_HARD_NEGATIVES),
    code_version=8,
    settings=lambda config: {"model": config.model, "training": config.training},
)
SAVE_CHECKPOINT = Stage(
    "save_checkpoint",
    None,
    "checkpoints/model",
    None,
    needs=TRAIN_MODEL.needs,
    code_version=TRAIN_MODEL.code_version,
    settings=TRAIN_MODEL.settings,
    intermediate=True,
)
EMBED_AS_OF = Stage(
    "embed_as_of",
    "train",
    "embeddings",
    "tasks.embed.embed_day:embed_day",
    needs=(AS_OF, TRAIN_MODEL),
    code_version=4,
    settings=lambda config: config.embedding,
    section="embedding",
)
EVALUATE_MODEL = Stage(
    "evaluate_model",
    "train",
    "evaluation",
    "tasks.evaluate.evaluate_model:evaluate_model",
    needs=(AS_OF, EMBED_AS_OF, BUILD_PAIRS, BUILD_HOLDOUT_PAIRS),
    code_version=5,
    settings=lambda config: config.evaluation.measurable,
    section="evaluation",
)
EVALUATE_CHAMPION = Stage(
    "evaluate_champion",
    "train",
    "evaluation",
    "tasks.evaluate.evaluate_champion:evaluate_champion",
    needs=(AS_OF, EVALUATE_MODEL, CHAMPION),
    code_version=EVALUATE_MODEL.code_version,
    settings=EVALUATE_MODEL.settings,
    section="evaluation",
)
PROMOTE_MODEL = Stage(
    "promote_model",
    "train",
    "",
    "tasks.evaluate.promote_model:promote_model",
    needs=(EVALUATE_MODEL, EVALUATE_CHAMPION),
)

ENCODE_FOR_MODEL = Stage(
    "encode_for_model",
    "publish",
    "model_features",
    "tasks.embed.encode_for_model:encode_for_model",
    needs=(PREPARED, CHAMPION),
    code_version=FEATURIZE_ITEMS.code_version,
)
FILL_NEIGHBORHOODS = Stage(
    "fill_neighborhoods",
    "publish",
    "filled_neighborhoods",
    "tasks.embed.fill_neighborhoods:fill_neighborhoods",
    needs=(ENCODE_FOR_MODEL, PREPARED),
    settings=lambda config: {"cold_neighbors": config.embedding.cold_neighbors},
    section="embedding",
)
EMBED_ITEMS = Stage(
    "embed_items",
    "publish",
    "embeddings",
    "tasks.embed.embed_items:embed_items",
    needs=(PREPARED, CHAMPION, ENCODE_FOR_MODEL, FILL_NEIGHBORHOODS),
    code_version=EMBED_AS_OF.code_version,
    settings=EMBED_AS_OF.settings,
    section="embedding",
)
EMBED_LAYER = Stage(
    "embed_layer",
    None,
    "embedding_layers",
    None,
    needs=EMBED_ITEMS.needs,
    code_version=EMBED_ITEMS.code_version,
    settings=EMBED_ITEMS.settings,
    intermediate=True,
)
BUILD_SHARD = Stage(
    "build_shard",
    None,
    "index_shards",
    "tasks.publish.build_index:build_shard",
    needs=(EMBED_ITEMS,),
    code_version=4,
    settings=lambda config: config.index,
    intermediate=True,
    section="index",
)
BUILD_INDEX = Stage(
    "build_index",
    "publish",
    "index",
    "tasks.publish.build_index:build_index",
    needs=(EMBED_ITEMS,),
    code_version=4,
    settings=lambda config: config.index,
    section="index",
)
PUBLISH_INDEX = Stage("publish_index", "publish", "", "tasks.publish.publish_index:publish_index", needs=(BUILD_INDEX,))
MEASURE_PRUNING = Stage(
    "measure_pruning",
    "publish",
    "pruning",
    "tasks.evaluate.measure_pruning:measure_pruning",
    needs=(CHAMPION,),
    settings=lambda config: {"walks": config.walks, "pairs": config.evaluation.measurable},
)
WRITE_REPORT = Stage(
    "write_report",
    "publish",
    "report",
    "tasks.publish.write_report:write_report",
    needs=(BUILD_INDEX, CHAMPION, MEASURE_PRUNING, PUBLISH_INDEX),
    code_version=9,
)
ABLATE = Stage("ablate", None, "ablation", "tasks.commands.ablate:ablate", code_version=2)

STAGES = (
    INGEST,
    VALIDATE,
    KNOWN_ITEMS,
    BUILD_CATALOG,
    BUILD_GRAPH,
    FEATURIZE_ITEMS,
    SAMPLE_NEIGHBORHOODS,
    RECORD_PREPARED,
    DATA_DOCS,
    BUILD_PAIRS,
    BUILD_HOLDOUT_PAIRS,
    MINE_HARD_NEGATIVES,
    TRAIN_MODEL,
    SAVE_CHECKPOINT,
    EMBED_AS_OF,
    EVALUATE_MODEL,
    EVALUATE_CHAMPION,
    PROMOTE_MODEL,
    ENCODE_FOR_MODEL,
    FILL_NEIGHBORHOODS,
    EMBED_ITEMS,
    EMBED_LAYER,
    BUILD_SHARD,
    BUILD_INDEX,
    PUBLISH_INDEX,
    MEASURE_PRUNING,
    WRITE_REPORT,
    ABLATE,
)
"""All of them, in the order of a day."""
INTERMEDIATE = tuple(stage.dataset for stage in STAGES if stage.intermediate)
"""The datasets whose versions only save work."""


BY_DATASET = {stage.dataset: stage for stage in reversed(STAGES) if stage.phase and stage.dataset}
"""The stage that commits a dataset; of several the first of the day."""


def stages_of(phase: Phase) -> tuple[Stage, ...]:
    """The stages of a phase, in their order."""
    return tuple(stage for stage in STAGES if stage.phase == phase)
