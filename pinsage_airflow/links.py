"""Buttons of a task in Airflow's UI: to the report, the Data Docs, and what else is configured to exist."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.configuration import conf

from pinsage_airflow.run_context import run_day

SITE_PREFIX = "/pinsage"


class PageLink(BaseOperatorLink):
    """A button that leads to ``address``, in which ``{day}`` is the day of the run.

    Args:
        title: What the button says.
        address: A URL, or a path that the plugin serves, which begins with a slash.
        days_after_key: As `pinsage_airflow.run_context.run_day` takes it.
    """

    def __init__(self, title: str, address: str, days_after_key: int = 0) -> None:
        self.title, self.address, self.days_after_key = title, address, days_after_key

    @property
    def name(self) -> str:
        """What the button says."""
        return self.title

    @property
    def xcom_key(self) -> str:
        """Where Airflow keeps the address of one run."""
        return f"_link_{self.title}"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The address for one run; computed by the worker when the task ended, whatever its end.

        A page of ours is named without host and port, which the UI takes for its own: the address is kept, and Airflow
        may come up elsewhere.
        """
        address = self.address.format(day=run_day(ti_key.get_template_context(), self.days_after_key))
        return f"{ui_path()}{address}" if address.startswith("/") else address


def ui_path() -> str:
    """The path that the UI has below its host, without a slash at the end; mostly none."""
    return urlsplit(str(conf.get("api", "base_url", fallback=""))).path.rstrip("/")


REPORT = PageLink("Report", f"{SITE_PREFIX}/site/reports/{{day}}/index.html")
DATA_DOCS = PageLink("Data Docs", f"{SITE_PREFIX}/site/data_docs/{{day}}/index.html")


def configured(title: str, variable: str) -> list[PageLink]:
    """The link to a service that runs beside Airflow, if its address is in the environment."""
    address = os.environ.get(variable)
    return [PageLink(title, address)] if address else []


DASK_DASHBOARD = configured("Dask dashboard", "PINSAGE_DASK_DASHBOARD_URL")
TENSORBOARD = configured("TensorBoard", "PINSAGE_TENSORBOARD_URL")


def with_links(output: Any, *links: PageLink) -> Any:
    """Give a TaskFlow task its buttons; the decorator has no argument for them."""
    output.operator.operator_extra_links = links
    return output
