"""Health checks of containers; exit code 0 means healthy.

``healthy.py URL``, ``healthy.py airflow COMPONENT``, ``healthy.py celery``. Airflow's components without a web server
are judged by the heartbeats that the API server knows, and Celery is asked through its broker: starting the Airflow
command line for every check would cost seconds of CPU.
"""

import json
import os
import socket
import sys
import urllib.request

AIRFLOW_HEALTH = "http://api-server:8080/api/v2/monitor/health"
TIMEOUT_SECONDS = 5


def fetch(url: str) -> bytes:
    """The body of a page; an error status raises."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        return answer.read()


def celery_answers() -> bool:
    """Whether this container's worker takes part in the broker's conversation."""
    from celery import Celery

    app = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"])
    name = f"celery@{socket.gethostname()}"
    return bool(app.control.inspect(destination=[name], timeout=TIMEOUT_SECONDS).ping())


match sys.argv[1:]:
    case ["airflow", component]:
        healthy = json.loads(fetch(AIRFLOW_HEALTH))[component]["status"] == "healthy"
    case ["celery"]:
        healthy = celery_answers()
    case [url]:
        healthy = bool(fetch(url))
    case _:
        sys.exit(__doc__)
sys.exit(0 if healthy else 1)
