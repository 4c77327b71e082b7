"""The application: routes, error answers, headers. How it is run is in `server`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware

from pinsage.extras import MissingLibraryError
from pinsage.index.annoy_shards import IndexFileError
from pinsage.serving.answers import RefusedRequestError, UnknownItemError, UnknownVersionAskedError
from pinsage.serving.config import ServingConfig
from pinsage.serving.recommender import Recommender
from pinsage.serving.service.answering import answering_routes
from pinsage.serving.service.exploring import STATIC, exploring_routes
from pinsage.serving.service.hosts import AllowedHosts
from pinsage.serving.service.metrics import ServiceMetrics
from pinsage.store import StoreError, UnknownVersionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Small answers cost more to compress than to send.
GZIP_BYTES = 32_768
OTHER_PARAMETERS = 20
SHOWN_FAULTS = 5
SHOWN_CHARACTERS = 200
HEADERS = {
    # Pictures are where the catalogue says they are; everything else is the page's own.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
        "img-src 'self' data: http: https:; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def create_app(recommender: Recommender, config: ServingConfig) -> FastAPI:
    """Build the service over a recommender, which it closes when it ends."""
    metrics = ServiceMetrics(recommender)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        recommender.close()

    app = FastAPI(
        title="PinSage",
        summary="Neighbors from the published index; every answer names its version.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(answering_routes(recommender, config, metrics))
    app.include_router(exploring_routes(recommender, config))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_error_answers(app)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_BYTES, compresslevel=5)
    app.add_middleware(AllowedHosts, hosts=(config.host, *config.allowed_hosts))
    app.add_middleware(Frame, metrics=metrics, config=config)
    return app


def _add_error_answers(app: FastAPI) -> None:
    for kind, status in (
        (UnknownItemError, 404),
        (UnknownVersionAskedError, 404),
        (UnknownVersionError, 404),
        (RefusedRequestError, 422),
        (StoreError, 503),
        (IndexFileError, 503),
        (MissingLibraryError, 501),
    ):
        app.add_exception_handler(kind, partial(_fault, status))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # The values are left out: a NaN among them could not be sent back.
        faults = [f"{'.'.join(map(str, fault['loc']))[:SHOWN_CHARACTERS]}: {fault['msg']}" for fault in error.errors()]
        more = [f"and {len(faults) - SHOWN_FAULTS:,} more"] if len(faults) > SHOWN_FAULTS else []
        return _refusal("; ".join(faults[:SHOWN_FAULTS] + more))


def _refusal(detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=422)


async def _fault(status: int, request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=status)


class Frame:
    """Around every request: the limits of its query and body, the headers of its answer, its count and time."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, config: ServingConfig) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = config.max_body_bytes
        self._max_parameters = config.max_query_items + OTHER_PARAMETERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of any kind."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, received = time.perf_counter(), 500, 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise HTTPException(413, f"the body has more than {self._max_body_bytes} bytes; ask for less at once")
            return message

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        # The framework takes time that grows with the square of their number.
        num_parameters = scope["query_string"].count(b"&") + 1
        app = self._app
        if num_parameters > self._max_parameters:
            app = _refusal(f"the query has {num_parameters} parameters, expected at most {self._max_parameters}")
        try:
            await app(scope, limited, framed)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.observe(route, status, time.perf_counter() - started)
