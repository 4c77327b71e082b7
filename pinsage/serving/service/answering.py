"""Routes that applications call: similar items, search, versions, health, metrics."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from pinsage.serving.answers import Answer, RefusedRequestError
from pinsage.serving.config import ServingConfig
from pinsage.serving.filters import Filter
from pinsage.serving.recommender import SIMILAR, Recommender
from pinsage.serving.service.messages import (
    Fault,
    Health,
    Items,
    Popularity,
    Publication,
    Publications,
    SimilarRequest,
)
from pinsage.serving.service.metrics import ServiceMetrics

MAX_PUBLICATIONS = 100
FAULTS = {404: {"model": Fault}, 422: {"model": Fault}}


def answering_routes(recommender: Recommender, config: ServingConfig, metrics: ServiceMetrics) -> APIRouter:
    """Routes over one recommender. They are plain functions: the framework runs them in threads."""
    routes = APIRouter(tags=["answers"], responses=FAULTS)  # type: ignore[arg-type]  # keys may be numbers
    ItemKey = Annotated[str, Path(description="The item's id.", max_length=65_536)]
    Wanted = Annotated[int, Query(ge=1, le=config.max_k, description="Items wanted.")]
    Categories = Annotated[
        list[str] | None,
        Query(max_length=config.max_query_items, description="Answer only items that have any of these; repeatable."),
    ]
    AskedVersion = Annotated[str | None, Query(max_length=512, description="Ask this earlier published version.")]

    @routes.get("/items/{item_id:path}/similar")
    def similar(
        item_id: ItemKey,
        k: Wanted = 10,
        popularity: Annotated[Popularity, Query()] = SIMILAR,
        category: Categories = None,
        version: AskedVersion = None,
    ) -> Items:
        """The best items for an item of the catalogue."""
        answer = recommender.similar(item_id, k, popularity, Filter(categories=category), version)
        return Items.of(answer)

    @routes.post("/similar")
    def similar_to(request: SimilarRequest) -> Items:
        """The best items for several items, such as a person's recent ones, or for a new item's text or features."""
        return Items.of(answer_to(request, recommender, config))

    @routes.get("/search")
    def search(
        q: Annotated[str, Query(max_length=1000, description="Words of a title, or an id.")], k: Wanted = 10
    ) -> Items:
        """Items whose title holds every word; the beginning of a word is enough."""
        return Items.of(recommender.search(q, k))

    @routes.get("/versions")
    def versions() -> Publications:
        """What is and was published; a rollback is an entry of its own."""
        history = recommender.versions.history()[-MAX_PUBLICATIONS:]
        return Publications(
            version=recommender.version,
            publications=[
                Publication(
                    number=each.number,
                    version=each.uri,
                    day=each.uri.split("/")[1],
                    recorded_at=each.recorded_at,
                    details=each.details,
                )
                for each in reversed(history)
            ],
        )

    @routes.get("/health")
    def health() -> Health:
        """Whether it answers, and from what; degraded when a newer version was refused and the old one serves on."""
        with recommender.versions.reading() as held:
            refused = recommender.versions.refused
            return Health(
                status="ok" if refused is None else "degraded",
                version=held.index.version.uri,
                number=held.number,
                num_items=len(held.index.row_of),
                refused=None if refused is None else vars(refused),
            )

    @routes.get("/metrics", response_class=Response)
    def prometheus() -> Response:
        """Counts and latencies for Prometheus."""
        content, media_type = metrics.exposition()
        return Response(content, media_type=media_type)

    return routes


def answer_to(request: SimilarRequest, recommender: Recommender, config: ServingConfig) -> Answer:
    """Answer a question for several items or a new one, within the service's limits."""
    if request.k > config.max_k:
        raise RefusedRequestError(f"k={request.k}: expected at most {config.max_k}")
    if request.num_named() > config.max_query_items:
        raise RefusedRequestError(
            f"the request names {request.num_named()} items, expected at most {config.max_query_items}, "
            "categories included"
        )
    if bool(request.items) == (request.new_item is not None):
        raise RefusedRequestError("expected either items, a list of ids with the newest first, or new_item")
    k, popularity, only, version = request.k, request.popularity, request.as_filter(), request.version
    if request.new_item is not None:
        return recommender.similar_to_new(request.new_item.as_item(), k, popularity, only, version)
    return recommender.similar_to_all(request.items, k, request.decay, popularity, only, version)
