"""The Airflow plugin: reports and Data Docs of the store's site, on Airflow's web server, for who is logged in.

FastAPI apps of plugins have no login of their own, so every route here asks for Airflow's user. Pages are sandboxed by
their Content-Security-Policy: a script in one has no access to the session of the UI.
"""

from __future__ import annotations

import functools
import html
import mimetypes
import os
from typing import TYPE_CHECKING, Any

from airflow.sdk.plugins_manager import AirflowPlugin

from pinsage_airflow.links import SITE_PREFIX
from tasks.airflow_runs.dag_run import ROOT_VARIABLE

if TYPE_CHECKING:
    from pinsage.store import Store

SECURITY = {"Content-Security-Policy": "sandbox allow-scripts allow-popups", "X-Content-Type-Options": "nosniff"}


async def site(scope: Any, receive: Any, send: Any) -> None:
    """The app as ASGI calls it; made at its first request, since every process of Airflow loads the plugin."""
    await site_app()(scope, receive, send)


@functools.cache
def site_app() -> Any:
    """The FastAPI app: ``/site/`` lists what there is, ``/site/<path>`` is a page of ``<root>/_site``."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import HTMLResponse, Response

    from pinsage.store import InvalidNameError

    app = FastAPI(title="PinSage", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/site/")
    def listing() -> HTMLResponse:
        rows = []
        for kind, title in (("reports", "Report"), ("data_docs", "Data Docs")):
            for day in _store().page_folders(kind):
                page = html.escape(f"{kind}/{day}/index.html")
                rows.append((day, f'<li>{html.escape(day)} <a href="{page}" target="_blank">{title}</a></li>'))
        listed = "".join(row for _, row in sorted(rows, reverse=True)) or "<li>nothing yet</li>"
        return HTMLResponse(f"<h1>PinSage</h1><ul>{listed}</ul>", headers=SECURITY)

    @app.get("/site/{path:path}")
    def page(path: str) -> Response:
        try:
            found = _store().page(path)
        except InvalidNameError as error:
            raise HTTPException(404, str(error)) from None
        if found is None:
            raise HTTPException(404, f"the site has no {path!r}; the run that makes it has not got there yet")
        kind, _ = mimetypes.guess_type(path)
        return Response(found, media_type=kind or "application/octet-stream", headers=SECURITY)

    return app


def _store() -> Store:
    from fastapi import HTTPException

    root = os.environ.get(ROOT_VARIABLE, "")
    if not root:
        raise HTTPException(404, f"{ROOT_VARIABLE} is not set on this server: it does not know the store")
    return _opened(root)


@functools.cache
def _opened(root: str) -> Store:
    from pinsage.store import Store

    return Store.open(root)


class PinSagePlugin(AirflowPlugin):
    """Registered by the entry point ``airflow.plugins`` of this distribution."""

    name = "pinsage"
    fastapi_apps = [{"app": site, "url_prefix": SITE_PREFIX, "name": "PinSage"}]
    external_views = [
        {"name": "PinSage", "href": f"{SITE_PREFIX}/site/", "url_route": "pinsage", "destination": "nav"},
    ]
