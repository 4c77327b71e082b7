"""PinSageConv against a plain dense reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinsage.model.convolve import PinSageConv


def dense(conv: PinSageConv, h: Tensor, neighbors: Tensor, importances: Tensor) -> Tensor:
    rows = []
    for node in range(len(neighbors)):
        pooled = torch.zeros(conv.neighbor.out_features)
        for neighbor, weight in zip(neighbors[node].tolist(), importances[node], strict=True):
            if neighbor >= 0:
                pooled = pooled + weight * torch.relu(conv.neighbor.weight @ h[neighbor] + conv.neighbor.bias)
        z = torch.relu(conv.update_node.weight @ torch.cat([h[node], pooled]) + conv.update_node.bias)
        rows.append(z / z.norm() if z.norm() > 0 else z)
    return torch.stack(rows)


@pytest.fixture
def drawn() -> tuple[PinSageConv, Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    neighbors = torch.randint(0, 20, (20, 6))
    neighbors[:, 4:] = -1
    neighbors[7] = -1  # an item that no walk left
    weights = torch.rand(20, 6) * (neighbors >= 0)
    weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
    return PinSageConv(5, 8, 4), torch.randn(20, 5), neighbors, weights


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_mean_and_max_pooling_equal_their_plain_loops(pooling: str) -> None:
    torch.manual_seed(4)
    conv, h = PinSageConv(5, 8, 4, pooling), torch.randn(20, 5)
    neighbors = torch.randint(0, 20, (20, 6))
    neighbors[:, 4:] = -1
    neighbors[7] = -1
    weights = torch.rand(20, 6) * (neighbors >= 0)
    rows = []
    for node in range(20):
        around = [conv.project(h[neighbor]) for neighbor in neighbors[node].tolist() if neighbor >= 0]
        stacked = torch.stack(around) if around else torch.zeros(1, 8)
        rows.append(stacked.mean(dim=0) if pooling == "mean" else stacked.amax(dim=0))
    expected = conv.combine(h, torch.stack(rows))
    torch.testing.assert_close(conv(h, *edges(neighbors, weights)), expected)
    torch.testing.assert_close(conv.convolve_fixed(h, neighbors, weights), expected)


def edges(neighbors: Tensor, importances: Tensor) -> tuple[Tensor, Tensor]:
    nodes, places = torch.nonzero(neighbors >= 0, as_tuple=True)
    return torch.stack([neighbors[nodes, places], nodes]), importances[nodes, places]


def test_both_paths_equal_the_dense_reference(drawn: tuple[PinSageConv, Tensor, Tensor, Tensor]) -> None:
    conv, h, neighbors, weights = drawn
    expected = dense(conv, h, neighbors, weights)
    torch.testing.assert_close(conv(h, *edges(neighbors, weights)), expected)
    torch.testing.assert_close(conv.convolve_fixed(h, neighbors, weights), expected)


def test_gradients_of_both_paths_are_equal(drawn: tuple[PinSageConv, Tensor, Tensor, Tensor]) -> None:
    conv, h, neighbors, weights = drawn
    target = torch.randn(20, 4)
    gradients = []
    for out in (conv(h, *edges(neighbors, weights)), conv.convolve_fixed(h, neighbors, weights)):
        conv.zero_grad()
        (out * target).sum().backward()
        gradients.append([parameter.grad.clone() for parameter in conv.parameters() if parameter.grad is not None])
    assert len(gradients[0]) == 4
    torch.testing.assert_close(gradients[0], gradients[1])


def test_order_of_neighbors_does_not_matter_and_norms_are_one(
    drawn: tuple[PinSageConv, Tensor, Tensor, Tensor],
) -> None:
    conv, h, neighbors, weights = drawn
    order = torch.randperm(6)
    out = conv.convolve_fixed(h, neighbors, weights)
    torch.testing.assert_close(conv.convolve_fixed(h, neighbors[:, order], weights[:, order]), out)
    norms = out.norm(dim=1)
    assert ((norms - 1).abs().lt(1e-5) | norms.eq(0)).all()
