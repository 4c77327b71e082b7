"""The model: K convolutions, the head, and the popularity term (Ying et al. 2018, algorithms 1 and 2).

Shapes: ``N`` nodes, ``M`` nodes of a layer, ``T`` neighbors, ``F`` feature width, ``H`` hidden width, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinsage.model.config import ModelConfig
from pinsage.model.convolve import PinSageConv


class Block(NamedTuple):
    """Neighborhoods of one layer of a minibatch: the first M nodes of the layer below, and where they look.

    Attributes:
        neighbors: int64 (M, T), positions among the nodes of the layer below, -1 for padding.
        importances: float32 (M, T), rows sum to 1 or 0.
    """

    neighbors: Tensor
    importances: Tensor


class PinSage(nn.Module):
    """Embeddings of items from features and neighborhoods.

        z = G₂ ReLU(G₁ [h⁽ᴷ⁾ ; h⁽⁰⁾] + g),  z ← z / ‖z‖,  p = w log(1 + d) + v · h⁽ᴷ⁾

    The score of item i for query q is z_q · z_i / τ + p_i, with the item's degree d as of the day.

    Args:
        in_width: F.
        config: Widths, depth, temperature.
    """

    def __init__(self, in_width: int, config: ModelConfig) -> None:
        super().__init__()
        self.in_width = in_width
        self.config = config
        widths = [in_width] + [config.hidden_width] * config.num_layers
        self.convolutions = nn.ModuleList(
            PinSageConv(below, config.hidden_width, above, config.pooling)
            for below, above in zip(widths, widths[1:], strict=False)
        )
        self.head_hidden = nn.Linear(config.hidden_width + config.skip * in_width, config.hidden_width)
        self.head_output = nn.Linear(config.hidden_width, config.width, bias=False)
        if config.popularity:
            self.degree_weight = nn.Parameter(torch.tensor(config.popularity_start))
            self.popularity_weight = nn.Parameter(torch.zeros(config.hidden_width))

    @classmethod
    def from_state(cls, architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Rebuild a trained model from `architecture` and its weights."""
        model = cls(int(architecture["in_width"]), ModelConfig.model_validate(architecture["config"]))
        model.load_state_dict(dict(tensors))
        return model.eval()

    def architecture(self) -> dict[str, Any]:
        """What, beside the weights, it takes to rebuild the model."""
        return {"in_width": self.in_width, "config": self.config.model_dump(mode="json")}

    @property
    def layers(self) -> list[PinSageConv]:
        """The convolutions, the one over features first."""
        return [layer for layer in self.convolutions if isinstance(layer, PinSageConv)]

    @property
    def metric(self) -> str:
        """How embeddings are compared: ``dot`` with a popularity term, else ``angular``."""
        return "dot" if self.config.popularity else "angular"

    @property
    def embedding_width(self) -> int:
        """D, plus one for the popularity term."""
        return self.config.width + self.config.popularity

    def forward(self, features: Tensor, blocks: Sequence[Block], log_degrees: Tensor) -> tuple[Tensor, Tensor]:
        """Embed the nodes of a minibatch.

        Args:
            features: (N, F) of every node that is reached; the nodes wanted come first.
            blocks: One per layer, the outermost neighbors first.
            log_degrees: (M,) log(1 + degree) of the nodes wanted.

        Returns:
            Unit vectors (M, D) and popularity terms (M,), zeros without such a term.
        """
        h = features
        for convolution, block in zip(self.layers, blocks, strict=True):
            h = convolution.convolve_fixed(h, block.neighbors, block.importances)
        return self.head(h, features[: len(h)]), self.popularity_terms(h, log_degrees)

    def head(self, h: Tensor, features: Tensor) -> Tensor:
        """Unit vectors (M, D) of the last layer's output (M, H) and the items' own features (M, F)."""
        read = torch.cat([h, features], dim=-1) if self.config.skip else h
        return functional.normalize(self.head_output(functional.relu(self.head_hidden(read), inplace=True)), dim=-1)

    def popularity_terms(self, h: Tensor, log_degrees: Tensor) -> Tensor:
        """Popularity terms (M,)."""
        if not self.config.popularity:
            return torch.zeros(len(h), device=h.device)
        # The gradient of a matrix-vector product is added up in an order that depends on the number of threads.
        return self.degree_weight * log_degrees + (h * self.popularity_weight).sum(dim=-1)

    def embeddings(self, h: Tensor, features: Tensor, log_degrees: Tensor) -> Tensor:
        """Rows of the index (M, D + 1): the unit vector and the popularity term times the temperature.

        A query with 1 in the last column then scores ``temperature`` times the model's score, the same order.
        """
        vectors = self.head(h, features)
        if not self.config.popularity:
            return vectors
        terms = self.config.temperature * self.popularity_terms(h, log_degrees)
        return torch.cat([vectors, terms[:, None]], dim=1)
