"""A person says yes before a better challenger becomes the champion; off unless the form or the environment asks."""

from __future__ import annotations

import os
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context, Param

from pinsage_airflow.forms import OPEN_SECTION
from pinsage_airflow.run_context import open_run

ASK = Param(
    os.environ.get("PINSAGE_APPROVAL", "").lower() in ("1", "true", "yes"),
    type=["null", "boolean"],  # Airflow marks as required what can't be null
    title="Ask before promotion",
    description="Wait for a person's approval before a better challenger becomes the champion",
    section=OPEN_SECTION,
)


class PromotionApproval(ApprovalOperator):
    """Waits in Airflow's *Required Actions* when ``approval`` is set and the challenger would be promoted.

    A rejection skips the promotion and what follows it; the champion stays. An answer that is faster than people may be
    lost: until the scheduler has seen that the attempt which asked has ended, Airflow 3.3 takes that for the end of the
    attempt which the answer resumed. The next attempt asks anew; nothing is promoted without an answer.

    Args:
        evaluation: The URI of the challenger's evaluation.
        champion_evaluation: The URI of the champion's on the same pairs; None where there is none to compare.
        days_after_key: As `pinsage_airflow.run_context.run_day` takes it.
    """

    template_fields = (*ApprovalOperator.template_fields, "evaluation", "champion_evaluation")

    def __init__(self, *, evaluation: Any, champion_evaluation: Any, days_after_key: int = 0, **arguments: Any) -> None:
        # A person may take a week: the default timeout would be taken for that of the answer.
        super().__init__(subject="Make this model the champion?", execution_timeout=None, **arguments)
        self.evaluation = evaluation
        self.champion_evaluation = champion_evaluation
        self.days_after_key = days_after_key

    def execute(self, context: Context) -> Any:
        """Ask, or go on at once where there is nothing to ask."""
        from tasks.evaluate.evaluation_table import evaluation_markdown
        from tasks.evaluate.promote_model import judge

        if not context["params"]["approval"]:
            return None
        session, _ = open_run(context, self.days_after_key)
        evaluation = session.store.version(self.evaluation)
        measured = self.champion_evaluation and session.store.version(self.champion_evaluation)
        decision = judge(session, evaluation, measured)
        if not decision.promoted:
            self.log.info("nothing to approve: %s", decision.reason)
            return None
        self.body = f"{decision.reason}\n\n{evaluation_markdown(evaluation.json('metrics'))}"
        return super().execute(context)
