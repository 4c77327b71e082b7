"""Which names a request may call the service by: a page of another name that was made to lead here gets no answer."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^\s:/?#@\[\]]+))(?::[0-9]{0,5})?")


class AllowedHosts:
    """Answers requests whose ``Host`` is allowed: loopback, the configured ones, or the address they arrived at.

    A browser that was led here by a name that somebody else owns (DNS rebinding) sends that name, never an address.

    Args:
        app: What answers.
        hosts: Names and addresses; ``*.example.com`` allows all below ``example.com``, ``*`` everything.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._any = "*" in hosts
        self._names = {host.lower().strip("[]") for host in (*LOOPBACK, *hosts)}
        self._endings = tuple(host[1:].lower() for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with status 400."""
        if scope["type"] != "http" or self._any:
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist("host")
        name = _name(given[0]) if len(given) == 1 else None
        arrived_at = scope.get("server") or ("",)
        if name is not None and (name in self._names or name == arrived_at[0] or name.endswith(self._endings)):
            await self._app(scope, receive, send)
            return
        shown = ", ".join(given)[:200] or "none"
        detail = f"host: got {shown}, expected localhost or a name that the setting serving.allowed_hosts holds"
        await JSONResponse({"detail": detail}, status_code=400)(scope, receive, send)


def _name(host: str) -> str | None:
    parts = _HOST.fullmatch(host.strip())
    return None if parts is None else (parts["six"] or parts["name"]).lower().rstrip(".")
