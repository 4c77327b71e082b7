"""CONVOLVE with importance pooling (Ying et al. 2018, algorithm 1), and with mean and max pooling (section 4.1).

Shapes: ``N`` nodes, ``T`` neighbors, ``E`` edges, ``I`` input width, ``H`` hidden width, ``O`` output width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import MessagePassing


class PinSageConv(MessagePassing):
    """One localised convolution.

        n_u = Σ_v a_uv ReLU(Q h_v + q)
        z_u = ReLU(W [h_u ; n_u] + w),  z_u ← z_u / ‖z_u‖

    The importances a_uv of a node sum to 1; a node without neighbors pools zero. A zero z_u stays zero.

    Args:
        in_channels: I, width of the incoming representations.
        hidden_channels: H, width of Q.
        out_channels: O, width of W.
        pooling: ``importance``; or ``mean`` or ``max`` of the neighbors with an importance above 0.

    Shapes:
        - **input:** h (N, I), edge_index (2, E) from neighbor to node, importance (E,)
        - **output:** (N, O), rows of length 1 or 0
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, pooling: str = "importance") -> None:
        super().__init__(aggr={"importance": "add", "mean": "mean", "max": "max"}[pooling])
        self.pooling = pooling
        self.neighbor = nn.Linear(in_channels, hidden_channels)
        self.update_node = nn.Linear(in_channels + hidden_channels, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters from torch's generator."""
        self.neighbor.reset_parameters()
        self.update_node.reset_parameters()

    def forward(self, h: Tensor, edge_index: Tensor, importance: Tensor) -> Tensor:
        """Convolve over any edges."""
        if self.pooling != "importance":
            edge_index, importance = edge_index[:, importance > 0], importance[importance > 0]
        projected = self.project(h)
        pooled = self.propagate(edge_index, x=projected, importance=importance)
        return self.combine(h, pooled)

    def message(self, x_j: Tensor, importance: Tensor) -> Tensor:
        """A neighbor's projected representation, times its importance where that is what is summed up."""
        return importance.unsqueeze(-1) * x_j if self.pooling == "importance" else x_j

    def convolve_fixed(self, h: Tensor, neighbors: Tensor, importances: Tensor) -> Tensor:
        """Convolve over neighborhoods of fixed size, the way the walks give them; equal to `forward`.

        Args:
            h: (N, I) representations of the nodes and of their neighbors.
            neighbors: (M, T) rows of ``h``, -1 for padding; node ``m`` is row ``m`` of ``h``.
            importances: (M, T), 0 for padding.

        Returns:
            (M, O).
        """
        return self.pool(h[: len(neighbors)], self.project(h), neighbors.clamp(min=0), importances)

    def project(self, h: Tensor) -> Tensor:
        """ReLU(Q h + q), (N, H)."""
        return functional.relu(self.neighbor(h), inplace=True)

    def pool(self, h: Tensor, projected: Tensor, neighbors: Tensor, importances: Tensor) -> Tensor:
        """Pool projections and combine them with the nodes' own representations.

        Args:
            h: (M, I) representations of the nodes.
            projected: (N, H) projections to look up.
            neighbors: (M, T) rows of ``projected``; any row where the importance is 0.
            importances: (M, T).

        Returns:
            (M, O).
        """
        present = importances > 0
        if self.pooling == "max":
            # Projections are not negative: padding and items without neighbors give 0.
            pooled = (projected[neighbors] * present.unsqueeze(-1)).amax(dim=1)
            return self.combine(h, pooled)
        if self.pooling == "mean":
            importances = present / present.sum(dim=1, keepdim=True).clamp(min=1)
        weights = importances.to(projected.dtype)  # narrower than float32 under autocast
        pooled = functional.embedding_bag(neighbors, projected, per_sample_weights=weights, mode="sum")
        return self.combine(h, pooled)

    def combine(self, h: Tensor, pooled: Tensor) -> Tensor:
        """Outputs z (M, O) of the nodes' own representations h (M, I) and their pooled neighbors n (M, H)."""
        return self._normalized(self.update_node(torch.cat([h, pooled], dim=-1)))

    def combine_apart(self, h: Tensor, pooled: Tensor) -> Tensor:
        """`combine` for inference: the sums of both are added in place, and never copied side by side."""
        own, below = torch.split(self.update_node.weight, [h.shape[-1], pooled.shape[-1]], dim=1)
        return self._normalized(functional.linear(h, own, self.update_node.bias).addmm_(pooled, below.t()))

    def _normalized(self, output: Tensor) -> Tensor:
        return functional.normalize(functional.relu(output, inplace=True), dim=-1)
