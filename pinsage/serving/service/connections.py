"""Connections that end when their client does not do its part, so that clients who stall cannot keep others out.

A client owes the head of a request, then its body, then it owes to read the answer. Each has `request_seconds`; what is
late is disconnected. When `max_connections` are open, a new one takes the place of the one that has owed a request for
longest: half-open connections never starve a client that asks at once.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar, Literal

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# Ids stand in addresses, and the longest that validation lets through are 4 KiB, 12 KiB once they are escaped.
MAX_HEAD_BYTES = 1 << 16
Debt = Literal["head", "body", "nothing"]


def watched_protocol(request_seconds: float, max_connections: int) -> type[asyncio.Protocol]:
    """The protocol of a service with these limits, for ``uvicorn.Config(http=...)``."""
    limits = {"request_seconds": request_seconds, "max_connections": max_connections}
    return type("LimitedConnection", (WatchedConnection,), limits)


class WatchedConnection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # the best that is installed
    """One connection, with a clock for what its client owes."""

    request_seconds: ClassVar[float]
    max_connections: ClassVar[int]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._debt: tuple[Debt, object] = ("nothing", None)
        self._since = 0.0
        self._head_bytes = 0
        self._clock: asyncio.TimerHandle | None = None
        self._reading_clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Make room, and start waiting for a head."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections and not self._make_room():
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Parse, and see what the client owes then."""
        super().data_received(data)
        before = self._debt
        self._watch()
        self._head_bytes = self._head_bytes + len(data) if self._debt == before and before[0] == "head" else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431, f"the head of the request has more than {MAX_HEAD_BYTES} bytes")

    def on_response_complete(self) -> None:
        """The next request is owed."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._reading_clock = self.loop.call_later(self.request_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        if self._reading_clock is not None:
            self._reading_clock.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        for clock in (self._clock, self._reading_clock):
            if clock is not None:
                clock.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start the clock of a new debt; that of an old one runs on, however many bytes come."""
        cycle = self.cycle
        debt: Debt = "nothing"
        if cycle is None or (cycle.response_complete and not cycle.more_body):
            debt = "head"
        elif cycle.more_body:
            debt = "body"
        if (debt, cycle) == self._debt:
            return
        self._debt, self._since = (debt, cycle), self.loop.time()
        if self._clock is not None:
            self._clock.cancel()
        self._clock = None if debt == "nothing" else self.loop.call_later(self.request_seconds, self._late)

    def _late(self) -> None:
        self._refuse(408, f"the request did not come whole within {self.request_seconds:g} seconds")

    def _refuse(self, status: int, detail: str) -> None:
        """Say why, where an answer can still be told from another one and a request was begun; then disconnect."""
        debt, cycle = self._debt
        begun = self._head_bytes > 0 if debt == "head" else not cycle.response_started  # type: ignore[attr-defined]
        if self.transport.is_closing() or self.transport.get_write_buffer_size() or not begun:
            self.transport.abort()
            return
        content = json.dumps({"detail": detail}).encode()
        head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + content)
        self.transport.close()

    def _make_room(self) -> bool:
        """Disconnect the connection that has owed a request for longest; False when all are being answered."""
        owing = [other for other in self.connections if other is not self and other._debt[0] != "nothing"]
        if not owing:
            return False
        longest = min(owing, key=lambda other: other._since)
        self.connections.discard(longest)
        longest.transport.abort()
        return True
