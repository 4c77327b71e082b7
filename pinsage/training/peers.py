"""The processes that train one model together: each computes an equal part of every minibatch (section 3.3).

Started by ``torchrun``; DDP averages their gradients, over nccl between GPUs and over gloo between CPUs. Equal parts
and a loss that is a mean over pairs make that average the gradient of the whole minibatch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from pinsage.model.device import choose_device

# The first process embeds and ranks while the others wait for its word; one that ends takes all with it at once.
LONGEST_TUNING = timedelta(hours=12)


@dataclass(frozen=True)
class Peers:
    """This process among its peers; alone by default.

    Attributes:
        rank: Counted from 0; the first one tunes, reports and writes.
        size: Processes.
        device: Where this one computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @classmethod
    def join(cls, device: str) -> Peers:
        """Meet the processes that torchrun started, if it did; `leave` when the training is over.

        Args:
            device: ``auto``, ``cpu`` or ``cuda``; every process takes a GPU of its own.
        """
        chosen = choose_device(device)
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls(device=chosen)
        if chosen.type == "cuda":
            chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(chosen)
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=LONGEST_TUNING)
        return cls(distributed.get_rank(), size, chosen)

    def leave(self) -> None:
        """Part, after everyone has come here."""
        if self.size > 1:
            distributed.barrier()
            distributed.destroy_process_group()

    def average_gradients_of(self, model: nn.Module) -> nn.Module:
        """The model, whose backward pass now ends with the mean of all peers' gradients."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.device] if self.device.type == "cuda" else None)

    def mean(self, value: Tensor) -> float:
        """Mean over the peers of a number; all of them must ask."""
        value = value.detach().clone()
        if self.size > 1:
            distributed.all_reduce(value)
        return float(value) / self.size

    def from_first(self, value: float) -> float:
        """The number that the first peer has; all of them must ask."""
        if self.size == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.broadcast(told, src=0)
        return float(told)
