"""The versions that a report is about: an index and everything it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pinsage.store import Store, Version
from pinsage.store.names import split_uri

# Their versions are one for every day and table: the catalog counts them.
PARTITIONED = ("validated/", "raw/")


@dataclass(frozen=True)
class Sources:
    """Opened by their manifests; files are read by the sections that need them.

    Attributes:
        day: The partition of the report.
        evaluation: Of the model; None where it was never evaluated.
    """

    store: Store
    day: str
    index: Version
    embeddings: Version
    model: Version
    catalog: Version
    graph: Version
    features: Version
    evaluation: Version | None

    @classmethod
    def of(cls, store: Store, day: str, index: Version, evaluation: Version | None) -> Self:
        """Follow an index to what it was made from."""
        embeddings = store.input_of(index, "embeddings")
        graph = store.input_of(embeddings, "graph")
        return cls(
            store=store,
            day=day,
            index=index,
            embeddings=embeddings,
            model=store.input_of(embeddings, "model"),
            catalog=store.input_of(graph, "catalog"),
            graph=graph,
            features=store.input_of(embeddings, "features"),
            evaluation=evaluation,
        )

    def inputs(self) -> list[Version]:
        """What the report is a function of."""
        known = [self.index, self.embeddings, self.model, self.catalog, self.graph]
        return known if self.evaluation is None else [*known, self.evaluation]

    def lineage(self) -> list[Version]:
        """Index, evaluation and all that they were made from, without the partitions; inputs before what they make."""
        ordered: dict[str, Version] = {}

        def visit(version: Version) -> None:
            if version.uri in ordered:
                return
            for used in version.inputs:
                if not split_uri(used.uri)[0].startswith(PARTITIONED):
                    visit(self.store.version(used.uri))
            ordered[version.uri] = version

        for version in (self.evaluation, self.index):
            if version is not None:
                visit(version)
        return list(ordered.values())
