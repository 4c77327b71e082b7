"""Routes of the explorer page: comparison of methods, the map, and the page's own files."""

from collections.abc import Iterable
from itertools import repeat
from pathlib import Path as FilePath
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse

from pinsage.serving.comparison import Comparison
from pinsage.serving.config import ServingConfig
from pinsage.serving.item_facts import ItemFacts
from pinsage.serving.open_versions import OpenVersion
from pinsage.serving.placed_items import PlacedItems
from pinsage.serving.recommender import SIMILAR, Recommender
from pinsage.serving.service.answering import FAULTS, answer_to
from pinsage.serving.service.messages import (
    Category,
    Compared,
    Item,
    Items,
    MapDescription,
    Overview,
    Placed,
    Popularity,
    SimilarRequest,
    Together,
)

STATIC = FilePath(__file__).parent.parent / "static"
# Places go over the wire as 16-bit numbers: finer than any screen.
PLACE_STEPS = 65_535
NUM_CATEGORIES = 12
NUM_STARTERS = 12


def exploring_routes(recommender: Recommender, config: ServingConfig) -> APIRouter:
    """Routes over one recommender; what they open beyond the index belongs to its version and is closed with it."""
    routes = APIRouter(tags=["explorer"], responses=FAULTS)  # type: ignore[arg-type]  # keys may be numbers
    AskedVersion = Annotated[str | None, Query(max_length=512, description="Ask this earlier published version.")]

    @routes.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @routes.get("/docs", include_in_schema=False)
    def api_page() -> FileResponse:
        return FileResponse(STATIC / "api.html")

    @routes.get("/overview")
    def overview() -> Overview:
        """The size of the catalogue, its largest categories, and popular items to begin with."""
        with recommender.versions.reading() as held:
            index = held.index
            others = held.part(Comparison, lambda: Comparison.open(recommender.store, index.version))
            categories = index.categories
            counts = categories.counts()
            starters = others.starters(categories.first, NUM_STARTERS)
            return Overview(
                version=index.version.uri,
                num_items=len(index.row_of),
                categories=[
                    Category(name=categories.names[code], num_items=int(counts[code]))
                    for code in np.argsort(-counts, kind="stable")[:NUM_CATEGORIES]
                ],
                starters=_placed(held, recommender, starters, others.degrees[starters]),
            )

    @routes.get("/items/{item_id:path}/comparison")
    def comparison(
        item_id: Annotated[str, Path(max_length=65_536)],
        k: Annotated[int, Query(ge=1, le=config.max_k, description="Items wanted of each method.")] = 6,
        popularity: Annotated[Popularity, Query()] = SIMILAR,
        version: AskedVersion = None,
    ) -> Compared:
        """The best items by the model, by content, by random walk and by popularity."""
        with recommender.versions.reading(version) as held:
            index = held.index
            row = index.row(item_id)
            others = held.part(Comparison, lambda: Comparison.open(recommender.store, index.version))
            query = index.index.geometry.queries(np.asarray(index.index.embeddings[row : row + 1]), popularity)[0]
            found = {
                "pinsage": index.index.search(query, k, exclude=np.array([row])),
                "content": others.by_content(row, k),
                "random_walk": others.by_random_walk(row, k),
                "popularity": others.by_popularity(row, k),
            }
            return Compared(
                version=index.version.uri,
                item=_placed(held, recommender, [row], [others.degrees[row]])[0],
                methods={
                    name: _placed(held, recommender, rows, scores, others.shared_boards(row, rows))
                    for name, (rows, scores) in found.items()
                },
                num_visits=others.num_visits(row),
                hops_counted=others.is_poorly_sampled(row),
            )

    @routes.post("/together")
    def together(request: SimilarRequest) -> Together:
        """What `POST /similar` answers for several items, with all that the explorer shows of them."""
        answer = answer_to(request, recommender, config)
        with recommender.versions.reading(answer.version) as held:
            index, skipped = held.index, set(answer.skipped)
            asked = [index.row(item_id) for item_id in dict.fromkeys(request.items) if item_id not in skipped]
            return Together(
                version=answer.version,
                asked=_placed(held, recommender, asked, np.ones(len(asked))),
                items=_placed(
                    held, recommender, [index.row(item.item_id) for item in answer], [item.score for item in answer]
                ),
                skipped=list(answer.skipped),
                unknown_categories=list(answer.unknown_categories),
            )

    @routes.get("/map")
    def map_description(version: AskedVersion = None) -> MapDescription:
        """What is on the map of the embedding space; nothing for a version that was built without one."""
        with recommender.versions.reading(version) as held:
            made = _map_of(held)
            names, counts = held.index.categories.names, held.index.categories.counts(made.rows).tolist()
            return MapDescription(
                version=held.index.version.uri,
                num_points=len(made.rows),
                num_items=len(held.index.row_of),
                categories=[Category(name=name, num_items=count) for name, count in zip(names, counts, strict=True)],
            )

    @routes.get("/map/points", response_class=Response)
    def map_points(version: AskedVersion = None) -> Response:
        """Points of the map as little-endian arrays, one after the other: x uint16, y uint16, category uint32.

        The category is a point's first. The others follow: point uint32, then category uint32 of each.
        """
        with recommender.versions.reading(version) as held:
            made = _map_of(held)
            steps = np.round(made.places * PLACE_STEPS).astype("<u2")
            first = held.index.categories.first[made.rows].astype("<u4")
            points, codes = held.index.categories.others(made.rows)
            parts = steps[:, 0], steps[:, 1], first, points.astype("<u4"), codes.astype("<u4")
            content = b"".join(part.tobytes() for part in parts)
            return Response(content, media_type="application/octet-stream")

    @routes.get("/map/nearest")
    def map_nearest(
        x: Annotated[float, Query(ge=0, le=1)], y: Annotated[float, Query(ge=0, le=1)], version: AskedVersion = None
    ) -> Placed:
        """The item that is nearest to a place on the map."""
        with recommender.versions.reading(version) as held:
            return _placed(held, recommender, [_map_of(held).nearest(x, y)], [1.0])[0]

    @routes.get("/items/{item_id:path}")
    def item(item_id: Annotated[str, Path(max_length=65_536)]) -> Items:
        """One item's labels."""
        return Items.of(recommender.item(item_id))

    return routes


def _map_of(held: OpenVersion) -> PlacedItems:
    return held.part(PlacedItems, lambda: PlacedItems.open(held.index.version))


def _facts_of(held: OpenVersion, recommender: Recommender) -> ItemFacts:
    index = held.index
    return held.part(ItemFacts, lambda: ItemFacts.open(recommender.store, index.version, index.items.column("item_id")))


def _placed(
    held: OpenVersion,
    recommender: Recommender,
    rows: Iterable[int],
    scores: Iterable[float],
    shared_boards: Iterable[int] = repeat(-1),
) -> list[Placed]:
    """Label rows, and say where they are on the map and what else is known of them."""
    numbers = [int(row) for row in rows]
    places, facts = _map_of(held).places_of(numbers), _facts_of(held, recommender)
    return [
        Placed(
            **vars(Item.of(held.index.recommendation(row, float(score)))),
            place=place,
            facts=facts.of(row),
            shared_boards=None if shared < 0 else int(shared),
        )
        for row, score, place, shared in zip(numbers, scores, places, shared_boards, strict=False)
    ]
