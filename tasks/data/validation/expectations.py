"""Great Expectations judges the measures of partitions: one run for many days, the verdict of each day apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from schemas.rules import Rule


def judge(table: str, rules: Sequence[Rule], measures: pd.DataFrame) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Hold every day's measures against the rules.

    Args:
        table: Name of the suite: items, saves or engagements.
        rules: Columns of ``measures`` and their ranges; a NaN measure does not apply to its day and passes.
        measures: One row per day, column ``day`` and one column per measure.

    Returns:
        Day -> measures out of range, and the validation result of Great Expectations as JSON.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = context.suites.add(gx.ExpectationSuite(name=f"raw_{table}"))
    for rule in rules:
        suite.add_expectation(
            gxe.ExpectColumnValuesToBeBetween(
                column=rule.measure, min_value=rule.low, max_value=rule.high, meta={"meaning": rule.meaning}
            )
        )
    batches = (
        context.data_sources.add_pandas("measures")
        .add_dataframe_asset(table)
        .add_batch_definition_whole_dataframe("days")
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=f"raw_{table}", data=batches, suite=suite)
    )
    result = definition.run(
        batch_parameters={"dataframe": measures},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["day"]},
    )
    broken: dict[str, list[str]] = {day: [] for day in measures["day"]}
    document = result.to_json_dict()
    for each in document["results"]:
        if each["exception_info"].get("raised_exception"):
            raise RuntimeError(
                f"expectation on {each['expectation_config']['kwargs']['column']}: {each['exception_info']}"
            )
        for index in each["result"].get("unexpected_index_list") or []:
            broken[index["day"]].append(each["expectation_config"]["kwargs"]["column"])
    return broken, document
