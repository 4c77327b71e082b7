"""The stage that writes the day's report: one self-contained HTML page; its sections are in `tasks.report`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import structlog

from pinsage.serving.published import open_published
from pinsage.store import Version, Writer
from tasks.report.evaluation import evaluation as evaluation_section
from tasks.report.examples import hard_negatives, recommendations
from tasks.report.graph import graph
from tasks.report.history import history
from tasks.report.index import index as index_section
from tasks.report.ingested import ingested
from tasks.report.lineage import lineage, timings
from tasks.report.pruning import pruning
from tasks.report.similarity import similarity
from tasks.report.sources import Sources
from tasks.report.speed import speed
from tasks.report.summary import summary
from tasks.report.training import training
from tasks.runtime.committing import commit_stage
from tasks.runtime.pages.render import render_page, with_present
from tasks.runtime.session import Session
from tasks.runtime.stages import WRITE_REPORT

log = structlog.get_logger()


def write_report(
    session: Session, day: str, index: Version, evaluation: Version | None, effect: Version | None = None
) -> Version:
    """Write what went in, what was built, how good it is and what it recommends, as a page.

    The committed page is a function of the versions it is about. The copy for people also holds what belongs to the
    store at this moment: past evaluations, the effect of pruning where there is one, and the seconds that the versions
    took.

    Args:
        session: The store.
        day: The partition.
        index: The index that recommends.
        evaluation: Of the model behind it; None leaves the table out.
        effect: What pruning did to the evaluation's graph (``pruning``); None where it was not pruned.

    Returns:
        The committed version of ``report``: file ``page``; the copy for people lies at
        ``<root>/_site/reports/<day>/index.html``.
    """
    store = session.store
    sources = Sources.of(store, day, index, evaluation)

    def write(out: Writer) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            path.write_text(_page(sources), encoding="utf-8")
            out.write_file("page", path, ".html")

    version = commit_stage(session, WRITE_REPORT, day, sources.inputs(), write)
    sections = (history(sources), pruning(effect), speed(sources), timings(sources))
    present = [section for section in sections if section is not None]
    page = with_present(version.path("page").read_text(encoding="utf-8"), present)
    page_path = store.put_page(f"reports/{day}/index.html", page.encode())
    log.info("write_report", version=version.uri, page=page_path)
    return version


def _page(sources: Sources) -> str:
    opened = open_published(sources.index)
    sections = [
        summary(sources),
        ingested(sources),
        graph(sources),
        training(sources),
        evaluation_section(sources),
        similarity(sources),
        index_section(sources),
        recommendations(sources, opened),
        hard_negatives(sources),
        lineage(sources),
    ]
    opened.close()
    return render_page(sources.day, sources.index.uri, sections)
