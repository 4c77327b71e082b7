"""Losses over one positive, shared negatives and hard negatives.

Both are means over the pairs of a number of each pair, so that equal parts of a minibatch average to the whole.

Shapes: ``B`` pairs, ``S`` shared negatives, ``X`` hard negatives of a pair.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pinsage.training.minibatch import Minibatch


def max_margin_loss(
    positive_B: Tensor, negative_BS: Tensor, masked_BS: Tensor, hard_BX: Tensor, margin: float
) -> Tensor:
    """Mean over pairs of the mean of max(0, z_q z_n - z_q z_i + margin) over the negatives where it is not 0.

    This is equation 1 with P_n(q), the negatives' distribution for a query, that of the negatives within its margin.
    Over all of them, most of which are far away, a pair with few such negatives would hardly count, and the
    curriculum's few hard negatives would drown among the shared ones (as Hermans et al. 2017 found of triplets).

    Args:
        positive_B: Scores of the positives.
        negative_BS: Scores of the shared negatives.
        masked_BS: Where a shared negative does not count; see `accidental_positives`.
        hard_BX: Scores of the hard negatives, -inf for padding.
        margin: Margin, in units of the scores.
    """
    scores = torch.cat([negative_BS.masked_fill(masked_BS, -torch.inf), hard_BX], dim=1)
    violations = functional.relu(scores - positive_B[:, None] + margin)
    return (violations.sum(dim=1) / (violations > 0).sum(dim=1).clamp(min=1)).mean()


def softmax_loss(positive_B: Tensor, negative_BS: Tensor, masked_BS: Tensor, hard_BX: Tensor) -> Tensor:
    """Mean of -log softmax of the positive among itself and its negatives.

    With the logarithm of its mean number of draws subtracted from each shared negative (logQ correction, Bengio and
    Senécal 2008), the sum over them estimates that over the catalogue, whatever they were drawn by: without it a
    positive that is ahead of a few thousand sampled items counts as found, however many others are ahead of it.
    Arguments as in `max_margin_loss`.
    """
    logits = torch.cat([positive_B[:, None], negative_BS.masked_fill(masked_BS, -torch.inf), hard_BX], dim=1)
    return (torch.logsumexp(logits, dim=1) - positive_B).mean()


def accidental_positives(batch: Minibatch) -> Tensor:
    """Where a shared negative is the pair's own query or item, bool (B, S).

    A query's other positives do count as negatives: between them too the loss has to decide.
    """
    return (batch.shared == batch.query[:, None]) | (batch.shared == batch.item[:, None])
