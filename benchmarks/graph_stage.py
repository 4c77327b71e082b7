"""One `build_graph` in a process of its own, for `benchmarks.graph` to measure: ROOT CATALOG WORKERS."""

from __future__ import annotations

import sys

from tasks.prepare.build_graph import build_graph
from tasks.runtime.session import Session

if __name__ == "__main__":
    root, catalog, workers = sys.argv[1:]
    session = Session.open(root, {"resources.workers": int(workers)})
    build_graph(session, session.store.version(catalog))
