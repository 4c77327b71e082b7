"""Which failures another attempt can mend: those of storage and machines, not those of data, settings or code."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Context, ExceptionRetryPolicy, RetryAction, RetryDecision, RetryPolicy, RetryRule

FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(minutes=10)


class StageRetries(RetryPolicy):
    """Fail at once where a retry ends the same; retry storage errors after a delay that doubles; else Airflow's way.

    A killed task raises nothing and is retried by Airflow: stages resume where they were.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide in the worker, when a task has failed."""
        decision = ExceptionRetryPolicy(_rules()).evaluate(exception, try_number, max_tries, context)
        if decision.action is not RetryAction.RETRY:
            return decision
        delay = min(FIRST_DELAY * 2 ** (try_number - 1), LONGEST_DELAY)
        return RetryDecision.retry(delay, decision.reason)


def _rules() -> list[RetryRule]:
    # Made when a task failed, not when a DAG file is parsed: the store imports pyarrow.
    from obstore.exceptions import BaseError

    from pinsage.store.errors import ReferenceMovedError, StorageError, StoreError

    return [
        RetryRule(ReferenceMovedError, RetryAction.RETRY, reason="another run moved the reference first"),
        RetryRule([OSError, StorageError, BaseError], RetryAction.RETRY, reason="storage or network"),
        RetryRule(
            [StoreError, ValueError, LookupError, TypeError],
            RetryAction.FAIL,
            reason="data, settings or code: another attempt would end the same",
        ),
    ]
