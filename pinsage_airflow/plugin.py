"""The Airflow plugin: a dashboard, reports and Data Docs on Airflow's web server, for logged-in users.

FastAPI apps of plugins have no login of their own, so every route here asks for Airflow's user. Reports and Data Docs
are sandboxed by their Content-Security-Policy: a script in one has no access to the session of the UI.
"""

from __future__ import annotations

import functools
import mimetypes
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.plugins_manager import AirflowPlugin

from pinsage_airflow.links import SITE_PREFIX, ui_path
from pinsage_airflow.new_runs import DayNotes, listen
from pinsage_airflow.run_context import ROOT_VARIABLE

if TYPE_CHECKING:
    from tasks.runtime.session import Session

# The dashboard has no script, and its links have to open in the frame that the UI shows it in, with the user's cookie.
OWN_PAGE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}
REPORT_PAGE = {"Content-Security-Policy": "sandbox allow-scripts allow-popups", "X-Content-Type-Options": "nosniff"}


async def site(scope: Any, receive: Any, send: Any) -> None:
    """The app as ASGI calls it; made at its first request, since every process of Airflow loads the plugin."""
    await site_app()(scope, receive, send)


@functools.cache
def site_app() -> Any:
    """The FastAPI app: ``/site/`` is the dashboard, ``/site/<path>`` is a page of ``<root>/_site``."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import HTMLResponse, Response

    from pinsage.store import InvalidNameError
    from pinsage.store.errors import StorageError

    app = FastAPI(title="PinSage", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/site/")
    def dashboard(page: int = 1) -> HTMLResponse:
        from tasks.commands.dashboard.page import dashboard_page

        return HTMLResponse(dashboard_page(_session(), datetime.now(UTC), page), headers=OWN_PAGE)

    @app.get("/site/{path:path}")
    def page(path: str) -> Response:
        try:
            content = _session().store.page(path)
        except InvalidNameError as error:
            raise HTTPException(404, str(error)) from None
        except (OSError, StorageError) as error:
            raise HTTPException(503, f"the store does not answer: {error}") from None
        if content is None:
            raise HTTPException(404, f"the site has no {path!r}; the run that makes it has not got there yet")
        kind, _ = mimetypes.guess_type(path)
        return Response(content, media_type=kind or "application/octet-stream", headers=REPORT_PAGE)

    return app


def _session() -> Session:
    from fastapi import HTTPException

    from tasks.runtime.config import ConfigError

    root = os.environ.get(ROOT_VARIABLE, "")
    if not root:
        raise HTTPException(404, f"{ROOT_VARIABLE} is not set on this server: it does not know the store")
    try:
        return _opened(root)
    except ConfigError as error:
        raise HTTPException(503, f"the settings of this server are refused: {error}") from None


@functools.cache
def _opened(root: str) -> Session:
    from tasks.runtime.session import Session

    return Session.open(root)


class PinSagePlugin(AirflowPlugin):
    """Registered by the entry point ``airflow.plugins`` of this distribution."""

    name = "pinsage"
    listeners = [DayNotes()]
    fastapi_apps = [{"app": site, "url_prefix": SITE_PREFIX, "name": "PinSage"}]
    external_views = [
        {"name": "PinSage", "href": f"{ui_path()}{SITE_PREFIX}/site/", "url_route": "pinsage", "destination": "nav"},
    ]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Attend to new runs, in the processes that make them: those that have Airflow's tables."""
        if "airflow.models" in sys.modules:
            listen()
