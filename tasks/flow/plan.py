"""What a run for a day would do, and why, without doing any of it: as a build system explains itself.

A stage is *up to date* when the version is committed that its present inputs, settings and code make; it *runs* when
it is not, for the reasons given; and it *follows* when an input will be made anew: it runs unless that turns out the
same as before. The inputs are those of the version at hand, exchanged for the present ones; only for the raw partitions
in force is the store asked. No stage is imported: that alone would cost seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pinsage.store import Version
from pinsage.store.digests import plain
from pinsage.store.names import split_uri
from tasks.data.deliveries import TABLES, Deliveries
from tasks.prepare.prepared import as_of_day, days_to_prepare, graph_day
from tasks.runtime import stages
from tasks.runtime.days import check_day
from tasks.runtime.session import Session
from tasks.runtime.stages import Stage

State = Literal["up to date", "runs", "follows"]


@dataclass(frozen=True)
class Planned:
    """One stage of a day: what would become of it, why, and the version at hand, in force or to be replaced."""

    stage: str
    day: str
    state: State
    why: tuple[str, ...]
    version: str | None


def plan(session: Session, day: str) -> list[Planned]:
    """Every stage that ``pinsage run all`` for ``day`` takes, in its order.

    Raises:
        ValueError: No saves were delivered up to the day.
    """
    planner = _Planner(session)
    days = days_to_prepare(session, check_day(day), planner.deliveries)
    steps = [step for each in days for step in planner.prepare(each)]
    return [*steps, *planner.train(day), *planner.publish(day)]


def nothing_held_out(session: Session, day: str) -> str | None:
    """What is odd about a day whose model could not be measured, for nothing was saved after its as-of day."""
    deliveries, as_of = Deliveries(session), as_of_day(session, day)
    held_out = _held_out(deliveries, day, as_of)
    if as_of == day or any(deliveries.raw(*each).facts["num_rows"] for each in held_out):
        return None
    known = reversed(deliveries.days_for("saves", as_of))
    newest = next((each for each in known if deliveries.raw("saves", each).facts["num_rows"]), None)
    return (
        f"no saves were delivered for the days after {as_of} up to {day}: a model for this day could not be measured; "
        f"the newest day with saves is {newest or 'not within reach'}; {deliveries.advice()}"
    )


def _held_out(deliveries: Deliveries, day: str, as_of: str) -> list[tuple[str, str]]:
    """Tables and days that the pairs to measure a model on come from."""
    tables = ("saves", "engagements")
    return [(table, known) for table in tables for known in deliveries.days_for(table, day) if known > as_of]


class _Planner:
    """Holds the present version of every dataset and day that was judged; None where it will be made anew."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.store
        self.deliveries = Deliveries(session)
        self._present: dict[tuple[str, str], Version | None] = {}
        self._model: Version | None = None

    def prepare(self, day: str) -> Iterator[Planned]:
        partitions = [(table, known) for table in TABLES for known in self.deliveries.days_for(table, day)]
        validated = [self.deliveries.validated(*each) for each in partitions]
        news = [self._news(*each) for each, found in zip(partitions, validated, strict=True) if found is None]
        yield Planned(stages.VALIDATE.name, day, "runs" if news else "up to date", tuple(news), None)
        yield self._stage(stages.BUILD_CATALOG, day, validated)
        yield self._stage(stages.BUILD_GRAPH, day)
        yield self._stage(stages.FEATURIZE_ITEMS, day)
        yield self._stage(stages.SAMPLE_NEIGHBORHOODS, day)
        yield self._moves(self._stage(stages.RECORD_PREPARED, day), f"prepared/{day}")

    def train(self, day: str) -> Iterator[Planned]:
        as_of = as_of_day(self._session, day)
        trained_on = graph_day(self._session, as_of, self.deliveries)
        catalog, graph = self._present["catalog", as_of], self._present["graph", trained_on]
        yield self._stage(stages.BUILD_PAIRS, day, [catalog, graph])
        pairs = self._present["pairs", day]
        yield self._stage(stages.BUILD_HOLDOUT_PAIRS, day, self._held_out(day, as_of))
        yield self._stage(stages.MINE_HARD_NEGATIVES, day, [graph, pairs])
        ground = [graph, *(self._present[each, trained_on] for each in ("features", "neighborhoods"))]
        model = self._stage(stages.TRAIN_MODEL, day, [*ground, pairs, self._present["hard_negatives", day]])
        yield model
        self._model = self._present["model", day]
        yield self._stage(stages.EMBED_AS_OF, as_of)
        yield self._stage(stages.EVALUATE_MODEL, day)
        yield self._moves(replace(model, stage=stages.PROMOTE_MODEL.name), "champion")

    def publish(self, day: str) -> Iterator[Planned]:
        champion = self._store.referenced("champion")
        # A challenger that is trained anew may take the place of a champion that is not of a later day.
        undecided = self._model is None and (champion is None or champion.partition <= day)
        self._model = None if undecided else champion
        yield self._stage(stages.EMBED_ITEMS, day)
        index = self._stage(stages.BUILD_INDEX, day)
        yield index
        yield self._moves(replace(index, stage=stages.PUBLISH_INDEX.name), "published")
        yield self._stage(stages.WRITE_REPORT, day)

    def _stage(self, stage: Stage, day: str, inputs: Sequence[Version | None] | None = None) -> Planned:
        """Judge one stage; without ``inputs``, by those of every version at hand."""
        dataset, code_version = stage.dataset, stage.code_version
        config = stage.fingerprinted(self._session.config)
        judged: list[tuple[tuple[str, ...], Version]] = []
        for version in self._store.versions(dataset, day):
            now = self._inputs_now(version) if inputs is None else inputs
            known = [each for each in now if each is not None]
            whole = len(known) == len(now)
            if whole:
                found = self._store.committed(
                    dataset, partition=day, inputs=known, config=config, code_version=code_version
                )
                if found is not None:
                    self._present[dataset, day] = found
                    return Planned(stage.name, day, "up to date", (), found.uri)
            judged.append((_reasons(version, config, code_version, known, whole=whole), version))
        self._present[dataset, day] = None
        if not judged:
            return Planned(stage.name, day, "runs", ("was never made for this day",), None)
        why, version = min(judged, key=lambda each: (len(each[0]), each[1].uri))
        return Planned(stage.name, day, "runs" if why else "follows", why, version.uri)

    def _inputs_now(self, version: Version) -> list[Version | None]:
        now: list[Version | None] = []
        for used in version.inputs:
            dataset, partition, _ = split_uri(used.uri)
            if dataset == "model":
                now.append(self._model)
            # A report shows the evaluation that made its model the champion, whatever was measured since.
            elif (dataset, partition) in self._present and dataset != "evaluation":
                now.append(self._present[dataset, partition])
            else:
                now.append(self._store.find(*split_uri(used.uri)))
        return now

    def _held_out(self, day: str, as_of: str) -> list[Version | None] | None:
        if as_of == day:
            return None  # untimed: of the catalog's partitions, as before
        days = _held_out(self.deliveries, day, as_of)
        return [self._present["graph", as_of], *(self.deliveries.validated(*each) for each in days)]

    def _moves(self, planned: Planned, name: str) -> Planned:
        """The step after ``planned`` that points the reference ``name`` to what it made."""
        if planned.state != "up to date":
            recorded = planned.stage == stages.RECORD_PREPARED.name
            return planned if recorded else replace(planned, state="follows", why=())
        head = self._store.ref(name).head()
        if head is not None and head.uri == planned.version:
            return planned
        return replace(planned, state="runs", why=(f"{name} is {'not set' if head is None else head.uri}",))

    def _news(self, table: str, day: str) -> str:
        """Why a raw partition is to be validated."""
        versions, made_from = (
            self._store.versions(f"validated/{table}", day),
            self.deliveries.validation_of(table, day),
        )
        if not versions:
            return f"raw/{table}/{day} is new"
        if made_from is None:
            return f"raw/{table}/{day}: earlier items are to be validated first"
        config, code_version, inputs = plain(made_from["config"]), made_from["code_version"], made_from["inputs"]
        reasons = [_reasons(version, config, code_version, inputs, whole=True) for version in versions]
        fewest: tuple[str, ...] = min(reasons, key=len)
        return f"raw/{table}/{day}: {'; '.join(fewest)}"


def _reasons(
    version: Version, config: Any, code_version: int, inputs: Sequence[Version], *, whole: bool
) -> tuple[str, ...]:
    """What is different now from what ``version`` was made from; ``whole`` when ``inputs`` are all there are."""
    return (
        *_changed_settings(version.manifest.config, plain(config)),
        *_changed_code(version.manifest.code_version, code_version),
        *_changed_inputs(version, inputs, whole=whole),
    )


def _changed_settings(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changed_settings(old, new, f"{prefix}{name}.")
        elif name not in before or name not in now or old != new:
            yield f"setting {prefix}{name}: {old!r} is now {new!r}"


def _changed_code(before: int, now: int) -> Iterator[str]:
    if before != now:
        yield f"code version {before} is now {now}"


def _changed_inputs(version: Version, now: Sequence[Version], *, whole: bool) -> Iterator[str]:
    before = {tuple(split_uri(used.uri)[:2]): used.content_digest for used in version.inputs}
    present = {(each.dataset, each.partition): each.content_digest for each in now}
    for slot in sorted({*before, *present}):
        name = "/".join(slot)
        if slot not in before:
            yield f"input {name} is new"
        elif slot in present and before[slot] != present[slot]:
            yield f"input {name} changed"
        elif slot not in present and whole:
            yield f"input {name} is no longer read"
