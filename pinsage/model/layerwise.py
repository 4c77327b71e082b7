"""Inference layer by layer: every latent vector is computed exactly once (Ying et al. 2018, section 3.4).

Layer 0 projects the features; layer l pools projections, combines them into the outputs of convolution l and projects
those for the next one; the last layer ends in embeddings. Rows are computed in blocks of one fixed shape by one thread
each, so that a row's bits depend neither on its neighbors in a block nor on chunks and threads.

Shapes: ``n`` rows asked for, ``I`` width below, ``H`` hidden width, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pinsage.arrays.scratch import IN_MEMORY, Scratch
from pinsage.model.pinsage import PinSage
from pinsage.model.pooling import pool

BLOCK_ROWS = 2048


def top_neighbors(neighbors: np.ndarray, importances: np.ndarray, top_t: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``top_t`` columns, importances normalised anew to sum to 1 (or 0 without neighbors).

    Returns:
        int32 and float32, both [n, min(top_t, T)].
    """
    kept = np.ascontiguousarray(neighbors[:, :top_t])
    weights = np.where(kept >= 0, importances[:, :top_t], 0).astype(np.float32)
    totals = weights.sum(axis=1, keepdims=True)
    return kept, np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)


class Workspace(NamedTuple):
    """Memory that is used again by every chunk of a layer; pages that are new to a process cost it a third of its time.

    Attributes:
        pooled: float32 [n, H], for neighbors that are pooled.
        outputs: [n, width] each, for what the layer returns.
    """

    pooled: np.ndarray
    outputs: list[np.ndarray]

    def rows(self, num_rows: int) -> Workspace:
        """The first rows of everything."""
        return Workspace(self.pooled[:num_rows], [output[:num_rows] for output in self.outputs])


@dataclass(frozen=True)
class Layerwise:
    """A model that is asked for whole layers.

    Attributes:
        model: The network, in evaluation mode, on ``device``.
        threads: Blocks computed at once.
        device: Where blocks are computed; pooling stays with the layers, in main memory.
        intermediate: ``float32``, or ``bfloat16``: projections and outputs are then uint16 arrays with its bits.
    """

    model: PinSage
    threads: int = 1
    device: torch.device = torch.device("cpu")
    intermediate: str = "float32"

    @property
    def num_layers(self) -> int:
        """K, the number of the last layer."""
        return len(self.model.layers)

    def workspace(self, layer: int, num_rows: int) -> Workspace:
        """Memory for ``num_rows`` rows of a layer, to be given to each of its calls and overwritten by the next."""
        pooled = self.model.layers[layer - 1].neighbor.out_features if layer else 0
        outputs: list[np.ndarray] = [np.empty((num_rows, width), self._stored(layer)) for width in self.widths(layer)]
        return Workspace(np.empty((num_rows, pooled), np.float32), outputs)

    def widths(self, layer: int) -> list[int]:
        """Columns of what a layer returns: of projections, of outputs and their projections, or of embeddings."""
        if layer == self.num_layers:
            return [self.model.embedding_width]
        projected = self.model.layers[layer].neighbor.out_features
        return [self.model.layers[layer - 1].update_node.out_features, projected] if layer else [projected]

    def scratch_width(self) -> int:
        """Most columns that `embed_all` holds of every item: those of a layer and of the one below it."""
        made = [sum(self.widths(layer)) for layer in range(self.num_layers + 1)]
        return max(below + above for below, above in zip(made, made[1:], strict=False))

    def project(self, h: np.ndarray, workspace: Workspace | None = None) -> np.ndarray:
        """Layer 0: ReLU(Q h + q) of the first convolution.

        Args:
            h: float32 [n, F], features.
            workspace: Where the result is to lie, n rows; new memory when None.

        Returns:
            Projections [n, H].
        """
        workspace = workspace or self.workspace(0, len(h))
        first = self.model.layers[0]
        self._in_blocks(lambda h: (first.project(h),), [h], workspace.outputs)
        return workspace.outputs[0]

    def convolve(
        self,
        layer: int,
        h: np.ndarray,
        projected: Iterable[np.ndarray],
        neighbors: np.ndarray,
        importances: np.ndarray,
        workspace: Workspace | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Layer 1 <= l < K: the outputs of convolution l and their projections by the next one.

        Args:
            layer: l.
            h: [n, I], the rows' own vectors of the layer below.
            projected: Parts of layer l - 1's projections (see `pinsage.model.pooling.pool`).
            neighbors: int32 [n, T], item rows, -1 for padding.
            importances: float32 [n, T].
            workspace: As for `project`.

        Returns:
            Outputs [n, O] and projections [n, H].
        """
        convolution, following = self.model.layers[layer - 1 : layer + 1]

        def compute(h: Tensor, pooled: Tensor) -> Sequence[Tensor]:
            output = convolution.combine_apart(h, pooled)
            return output, following.project(output)

        workspace = workspace or self.workspace(layer, len(h))
        self._pool(projected, neighbors, importances, workspace.pooled)
        self._in_blocks(compute, [h, workspace.pooled], workspace.outputs)
        output, projections = workspace.outputs
        return output, projections

    def embed(
        self,
        h: np.ndarray,
        features: np.ndarray,
        projected: Iterable[np.ndarray],
        neighbors: np.ndarray,
        importances: np.ndarray,
        log_degrees: np.ndarray,
        workspace: Workspace | None = None,
    ) -> np.ndarray:
        """Layer K: rows of the index.

        Args:
            h: As for `convolve`.
            features: float32 [n, F], the rows' own.
            projected: As for `convolve`.
            neighbors: As for `convolve`.
            importances: As for `convolve`.
            log_degrees: float32 [n], log(1 + degree).
            workspace: As for `project`.

        Returns:
            float32 [n, D (+ 1)].
        """
        convolution = self.model.layers[-1]

        def compute(h: Tensor, pooled: Tensor, features: Tensor, log_degrees: Tensor) -> Sequence[Tensor]:
            return (self.model.embeddings(convolution.combine_apart(h, pooled), features, log_degrees),)

        workspace = workspace or self.workspace(self.num_layers, len(h))
        self._pool(projected, neighbors, importances, workspace.pooled)
        self._in_blocks(compute, [h, workspace.pooled, features, log_degrees], workspace.outputs)
        return workspace.outputs[0]

    def embed_all(
        self,
        features: np.ndarray,
        neighbors: np.ndarray,
        importances: np.ndarray,
        log_degrees: np.ndarray,
        scratch: Scratch = IN_MEMORY,
    ) -> np.ndarray:
        """Embeddings of every item of a catalogue, float32 [num_items, D (+ 1)], made in ``scratch``.

        Args:
            features: float32 [num_items, F], like the others perhaps mapped.
            neighbors: int32 [num_items, T]; the first ``top_t`` of the model are pooled over.
            importances: float32 [num_items, T].
            log_degrees: float32 [num_items].
            scratch: Where layers lie; its rows a chunk change no bit.
        """
        num_items, top_t = len(features), self.model.config.top_t
        h = features
        below: list[np.ndarray] = []
        for layer in range(self.num_layers + 1):
            made = [scratch.array((num_items, width), self._stored(layer)) for width in self.widths(layer)]
            pooled = self.workspace(layer, min(num_items, scratch.chunk_rows)).pooled
            for rows in scratch.chunks(num_items):
                workspace = Workspace(pooled[: rows.stop - rows.start], [array[rows] for array in made])
                if layer == 0:
                    self.project(h[rows], workspace)
                    continue
                parts = (below[-1][part] for part in scratch.chunks(num_items))
                around = top_neighbors(neighbors[rows], importances[rows], top_t)
                if layer < self.num_layers:
                    self.convolve(layer, h[rows], parts, *around, workspace)
                else:
                    self.embed(h[rows], features[rows], parts, *around, log_degrees[rows], workspace)
            below = made
            h = made[0] if 0 < layer < self.num_layers else h  # layer 1 starts from the features, too
        (embeddings,) = below
        return embeddings

    def rows_are_independent(self) -> bool:
        """Whether a row has the same bits wherever it stands in a block, tried out on random rows.

        Matrix products add up in an order that does not depend on the row, as far as known; nothing guarantees it.
        """
        rng = np.random.default_rng(0)
        h = rng.standard_normal((2 * BLOCK_ROWS, self.model.in_width), dtype=np.float32)
        alone = np.full((len(h), 1), -1, np.int32), np.zeros((len(h), 1), np.float32)
        degrees = rng.random(len(h), dtype=np.float32)
        order = rng.permutation(len(h))
        moved = self.embed_all(h[order], *alone, degrees[order])
        return bool(np.array_equal(self.embed_all(h, *alone, degrees)[order], moved))

    def _stored(self, layer: int) -> type:
        return np.uint16 if layer < self.num_layers and self.intermediate == "bfloat16" else np.float32

    def _pool(
        self, projected: Iterable[np.ndarray], neighbors: np.ndarray, importances: np.ndarray, pooled: np.ndarray
    ) -> None:
        pool(projected, neighbors, importances, pooling=self.model.config.pooling, threads=self.threads, out=pooled)

    def _in_blocks(
        self,
        compute: Callable[..., Sequence[Tensor]],
        inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
    ) -> None:
        """Write what ``compute`` makes of blocks of the inputs into outputs of float32, or uint16 for bfloat16."""

        @torch.inference_mode()
        def compute_block(start: int) -> None:
            rows = slice(start, start + BLOCK_ROWS)
            made = compute(*(_block(array[rows]).to(self.device) for array in inputs))
            for output, tensor in zip(outputs, made, strict=True):
                if output.dtype == np.uint16:
                    tensor = tensor.to(torch.bfloat16).view(torch.uint16)
                output[rows] = tensor[: len(output[rows])].cpu().numpy()

        with one_torch_thread(), ThreadPoolExecutor(self.threads) as executor:
            list(executor.map(compute_block, range(0, len(inputs[0]), BLOCK_ROWS)))


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Operations of torch take one thread each, also in threads started inside; several add up in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _block(rows: np.ndarray) -> Tensor:
    """Rows as a float32 tensor of BLOCK_ROWS rows, filled up with zeros; a full block of memory is not copied."""
    if len(rows) == BLOCK_ROWS and rows.dtype == np.float32 and rows.flags.writeable:
        return torch.from_numpy(rows)
    filled = torch.empty((BLOCK_ROWS, *rows.shape[1:]), dtype=torch.float32)
    filled[len(rows) :] = 0
    if rows.dtype == np.uint16:
        filled[: len(rows)] = torch.from_numpy(np.array(rows)).view(torch.bfloat16)
    else:
        filled[: len(rows)].numpy()[:] = rows
    return filled
