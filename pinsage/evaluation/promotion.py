"""Whether a challenger becomes the champion: a function of two metrics documents and the gate's settings."""

from __future__ import annotations

from typing import Any

from pinsage.evaluation.config import PromotionConfig


def decide_promotion(
    challenger: dict[str, Any], champion: dict[str, Any] | None, config: PromotionConfig
) -> tuple[bool, str]:
    """Hold a challenger's metrics against the champion's on the same pairs.

    Args:
        challenger: Json ``metrics`` of its evaluation.
        champion: The champion's on the same pairs; None without a champion.
        config: Metric, gains and losses.

    Returns:
        Whether it is promoted, and why.
    """
    return _first_model(challenger, config) if champion is None else _better(challenger, champion, config)


def _first_model(metrics: dict[str, Any], config: PromotionConfig) -> tuple[bool, str]:
    metric, factor = config.metric, config.first_model_content_factor
    got = metrics["methods"]["pinsage"][metric]
    content = metrics["methods"].get("content", {}).get(metric)
    if factor == 0:
        return True, f"the first model{', of unknown quality: no held-out pair measures it' if got is None else ''}"
    if got is None:
        return False, (
            f"the first model was not measured: no pair of known items is held out, neither of the days after "
            f"{metrics['as_of_day']} nor of untimed boards; choose a day before which boards were filled, hold out "
            "more days (evaluation.holdout_days), or let any first model pass (promotion.first_model_content_factor=0)"
        )
    if content is None:
        return True, "the first model"
    shown = f"{metric} {got:.4f}, content {content:.4f}, expected at least {factor:g} times content"
    if got == content == 1:
        shown += f", but {metric} tells nothing among {metrics['pool_size']:,} items; set promotion.metric=mrr"
    return got >= factor * content, f"the first model: {shown}"


def _better(challenger: dict[str, Any], champion: dict[str, Any], config: PromotionConfig) -> tuple[bool, str]:
    got, beaten = (metrics["methods"]["pinsage"][config.metric] or 0.0 for metrics in (challenger, champion))
    shown = f"{config.metric} {got:.4f}, champion {beaten:.4f} on the same pairs"
    if got == beaten == 1:
        return False, (
            f"{shown}: both find everything, {config.metric} tells nothing among {challenger['pool_size']:,} items; "
            "set promotion.metric=mrr"
        )
    if got < beaten * (1 + config.min_gain) or got == beaten:
        return False, f"{shown}: no gain above {config.min_gain:g}"
    few, few_beaten = (
        metrics["slices"]["few_saves"]["methods"]["pinsage"][config.metric] or 0.0 for metrics in (challenger, champion)
    )
    if few < few_beaten * (1 - config.max_slice_loss):
        return False, f"{shown}, but {few:.4f} against {few_beaten:.4f} where targets have few saves"
    return True, shown
