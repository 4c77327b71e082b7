"""How the service is run: where it listens, how many connections it takes, and until when."""

from __future__ import annotations

import errno
import gc
import os
import resource
import socket
import sys
from collections.abc import Callable

import uvicorn

from pinsage.serving.config import ServingConfig
from pinsage.serving.recommender import Recommender
from pinsage.serving.service.app import create_app
from pinsage.serving.service.connections import watched_protocol

SWITCH_SECONDS = 0.0005
KEEP_ALIVE_SECONDS = 5
# So many are accepted at once, before any of them can be disconnected.
BACKLOG = 128


def serve(recommender: Recommender, config: ServingConfig, on_listening: Callable[[str], None]) -> None:
    """Run the service until it is interrupted.

    Args:
        recommender: What answers.
        config: Where to listen, and limits.
        on_listening: Called with the URL once connections are accepted.

    Raises:
        OSError: The address can't be listened on: taken by another process, not allowed or not of this machine.
    """
    listening = _listen(config.host, config.port)
    settings = uvicorn.Config(
        create_app(recommender, config),
        http=watched_protocol(config.request_seconds, min(config.max_connections, _open_files() // 2)),
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        log_level="error",
        access_log=False,
        server_header=False,
    )
    # Whoever connects from now on waits until the server takes over, instead of being refused.
    host = f"[{config.host}]" if ":" in config.host else config.host
    on_listening(f"http://{host}:{listening.getsockname()[1]}/")
    # A full collection walks all objects while every answer waits (0.13 s); those of the start it need not see.
    gc.collect()
    gc.freeze()
    # The poller reads titles in Python when it opens a version, and an answer changes threads several times: by default
    # it would wait 5 ms each time.
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.Server(settings).run(sockets=[listening])


def _open_files() -> int:
    """Files and connections that this process may have open: as many as the system lets it ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard or soft == resource.RLIM_INFINITY:
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 1 << 16)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise OSError(f"can't listen on {host} port {port}: {_reason(error)}") from error


def _reason(error: OSError | UnicodeError) -> str:
    port, host = "--port or serving.port; 0 = any free one", "--host or serving.host"
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"no address has that name ({error}); choose another one with {host}"
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.EADDRINUSE:
        return f"{reason}: another process listens there; choose another port ({port})"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{reason}: it is no address of this machine; choose one that is ({host})"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{reason}: this user may not use that port; choose one from 1024 ({port})"
    return f"{reason}; choose another port ({port}) or address ({host})"
