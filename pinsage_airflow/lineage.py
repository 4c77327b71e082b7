"""The names of our assets in OpenLineage events, for deployments that send them.

Airflow translates an asset by a converter of its scheme, and takes converters of registered providers only: this
distribution is one, by its entry point ``apache_airflow_provider``.
"""

from __future__ import annotations

import os
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pinsage.extras import DISTRIBUTION
from pinsage_airflow.run_context import ROOT_VARIABLE

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.sdk import Asset


def provider() -> dict[str, Any]:
    """What Airflow asks of a provider."""
    return {
        "package-name": DISTRIBUTION,
        "name": "PinSage",
        "description": "Names the assets of the PinSage pipeline in OpenLineage events.",
        "versions": [metadata.version(DISTRIBUTION)],
        "asset-uris": [
            {
                "schemes": ["pinsage"],
                "handler": None,
                "to_openlineage_converter": "pinsage_airflow.lineage.dataset_of",
            }
        ],
    }


def dataset_of(asset: Asset, lineage_context: Any) -> Dataset:
    """The asset as a dataset in the namespace of the store: another store's ``prepared`` is another dataset."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    name = asset.uri.removeprefix("pinsage://").strip("/")
    return Dataset(namespace=os.environ.get(ROOT_VARIABLE, "pinsage"), name=name)
