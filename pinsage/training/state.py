"""What a training needs to continue as if it had never stopped: weights, Adam's moments, the best weights, curves."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from pinsage.model.pinsage import PinSage

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class TrainingState:
    """State after ``step`` steps; pairs and negatives are functions of the step and need no state.

    Attributes:
        step: Steps done.
        tensors: Weights ``model.*``, their mean ``mean.*``, Adam's moments ``adam.*``; the best mean so far ``best.*``.
        history: Curves; see `pinsage.training.trainer.train`.
    """

    step: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=lambda: {"steps": [], "tune": []})

    def keep(self, model: PinSage, mean: PinSage, optimizer: torch.optim.Adam) -> None:
        """Copy weights, their mean and moments into the state."""
        self._keep_weights("model", model)
        self._keep_weights("mean", mean)
        for name, parameter in model.named_parameters():
            moments = optimizer.state[parameter]
            for moment in MOMENTS:
                self.tensors[f"adam.{moment}.{name}"] = moments[moment].detach().cpu().clone()

    def restore(self, model: PinSage, mean: PinSage, optimizer: torch.optim.Adam) -> None:
        """Copy weights, their mean and moments back."""
        model.load_state_dict(self._weights("model"))
        mean.load_state_dict(self._weights("mean"))
        for name, parameter in model.named_parameters():
            optimizer.state[parameter] = {
                # Adam keeps its counter on the CPU.
                moment: self.tensors[f"adam.{moment}.{name}"]
                .clone()
                .to("cpu" if moment == "step" else parameter.device)
                for moment in MOMENTS
            }

    def keep_best(self, model: PinSage) -> None:
        """Copy the weights as the best so far."""
        self._keep_weights("best", model)

    def restore_best(self, model: PinSage) -> None:
        """Copy the best weights back; the last ones stay where nothing was tuned."""
        best = self._weights("best")
        if best:
            model.load_state_dict(best)

    def best_epoch(self) -> int:
        """The tuned epoch, from 0, that no later one beats by more than a standard error of its hit-rate.

        What a later epoch gains below that may be chance, and each has learned the trained pairs more by heart.
        """
        best = 0
        for epoch, entry in enumerate(self.history["tune"]):
            rate = self.history["tune"][best]["hit_rate"]
            if entry["hit_rate"] > rate + sqrt(rate * (1 - rate) / entry["num_queries"]):
                best = epoch
        return best

    def epochs_without_gain(self) -> int:
        """Tuned epochs since the best one."""
        return max(0, len(self.history["tune"]) - 1 - self.best_epoch())

    def _keep_weights(self, prefix: str, model: PinSage) -> None:
        for name, value in model.state_dict().items():
            self.tensors[f"{prefix}.{name}"] = value.detach().cpu().clone()

    def _weights(self, prefix: str) -> dict[str, Tensor]:
        return {
            name.removeprefix(f"{prefix}."): value
            for name, value in self.tensors.items()
            if name.startswith(f"{prefix}.")
        }
