"""Settings of a run held against those behind the champion and what is published.

Settings of ``--set`` and of a trigger form hold for one run. The next run without them makes everything anew with the
defaults, or serves a model on what it was not trained for; so a run and a plan say where theirs differ. Compared are
the settings that enter fingerprints: every manifest has those of its stage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from pinsage.store import StoreError, Version
from pinsage.store.digests import plain
from pinsage.store.names import split_uri
from tasks.runtime.config import PinSageConfig
from tasks.runtime.session import Session
from tasks.runtime.stages import BY_DATASET

PARTITIONS = ("raw/", "validated/", "quarantine/", "known_items")
ADVICE = (
    "--set and a trigger form hold for one run: give these again, or keep them in the file that PINSAGE_CONFIG names, "
    "unless they were to change"
)

log = structlog.get_logger()


def changed_settings(session: Session) -> list[str]:
    """A sentence for the champion, and one for what is published, where a setting is not what made them.

    Where there is no champion yet, the newest prepared day is compared.
    """
    store = session.store
    champion = store.ref("champion").head()
    sources: list[tuple[str, list[str]]] = []
    if champion is not None:
        evaluation = champion.details.get("evaluation")
        sources.append(("the champion", [champion.uri, *([evaluation] if evaluation else [])]))
    published = store.ref("published").head()
    if published is not None:
        sources.append(("what is published", [published.uri]))
    prepared = store.ref_names("prepared")
    if champion is None and prepared:
        head = store.ref(f"prepared/{prepared[-1]}").head()
        sources.append(("what is prepared", [head.uri] if head is not None else []))
    defaults, seen, notes = PinSageConfig.model_construct(), set[str](), []
    for name, uris in sources:
        differences = []
        for setting, before, now in _differences(session, uris):
            if setting not in seen:
                seen.add(setting)
                default = ", the default" if now == _value(defaults, setting) else ""
                differences.append(f"{setting}={_shown(before)} (now {_shown(now)}{default})")
        if differences:
            day = split_uri(uris[0])[1]
            notes.append(f"{name}, of {day}, was made with {', '.join(sorted(differences))}. {ADVICE}")
    return notes


def warn_of_changed_settings(session: Session) -> None:
    """Log `changed_settings`, a warning each."""
    for sentence in changed_settings(session):
        log.warning(f"settings: {sentence}")


def _differences(session: Session, uris: list[str]) -> Iterator[tuple[str, Any, Any]]:
    """Name, value then and value now of every setting that differs behind the versions, the nearest first."""
    for version in _lineage(session, uris):
        now = _settings_now(version.dataset, session.config)
        before = _flat(version.dataset, version.manifest.config)
        if version.dataset == "catalog":
            now |= {f"validation.{name}": value for name, value in plain(session.config.validation).items()}
            before |= {f"validation.{name}": value for name, value in _rules(session, version).items()}
        yield from ((name, before[name], now[name]) for name in now if name in before and before[name] != now[name])


def _lineage(session: Session, uris: list[str]) -> Iterator[Version]:
    """The versions and all that they were made from, without partitions, the nearest first."""
    waiting, seen = list(uris), set[str]()
    while waiting:
        uri = waiting.pop(0)
        if uri in seen or uri.startswith(PARTITIONS):
            continue
        seen.add(uri)
        try:
            version = session.store.version(uri)
        except StoreError:
            continue  # whatever reads it says what is wrong with it
        yield version
        waiting += [used.uri for used in version.inputs]


def _settings_now(dataset: str, config: PinSageConfig) -> dict[str, Any]:
    return _flat(dataset, plain(BY_DATASET[dataset].fingerprinted(config))) if dataset in BY_DATASET else {}


def _flat(dataset: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their whole names, such as ``walks.top_t``."""
    section = BY_DATASET[dataset].section if dataset in BY_DATASET else ""
    if section:
        return {f"{section}.{name}": value for name, value in settings.items()}
    sections = {name: values for name, values in settings.items() if isinstance(values, Mapping)}
    return {f"{name}.{field}": value for name, values in sections.items() for field, value in values.items()}


def _rules(session: Session, catalog: Version) -> Mapping[str, Any]:
    """By which rules the newest partition of a catalog was validated."""
    uris = sorted(used.uri for used in catalog.inputs if used.uri.startswith("validated/saves/"))
    rules: Mapping[str, Any] = session.store.version(uris[-1]).manifest.config.get("rules", {}) if uris else {}
    return rules


def _value(config: PinSageConfig, setting: str) -> Any:
    section, _, field = setting.partition(".")
    return plain(getattr(config, section)).get(field)


def _shown(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value
