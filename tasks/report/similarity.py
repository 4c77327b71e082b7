"""How the embeddings spread: cosines of random pairs of items (section 4.3, figure 4)."""

from __future__ import annotations

import numpy as np

from pinsage.evaluation.similarity_spread import random_cosines, spread_of
from pinsage.features.blocks import content_width
from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Chart, Section
from tasks.runtime.pages.charts import lines

NUM_PAIRS, SEED = 20_000, 0
EDGES = np.linspace(-1, 1, 41)


def similarity(sources: Sources) -> Section:
    """The distribution for the model and for the items' own features, with its standard deviation and kurtosis."""
    width = int(sources.embeddings.facts["width"]) - bool(sources.embeddings.facts["popularity_dim"])
    spaces = {
        "pinsage": np.asarray(sources.index.array("embeddings"))[:, :width],
        "content": np.asarray(sources.features.array("features"))[:, : content_width(sources.features.json("columns"))],
    }
    rows, spreads = [], []
    for name, vectors in spaces.items():
        cosines = random_cosines(vectors, num_samples=NUM_PAIRS, seed=SEED)
        spread = spread_of(cosines)
        if not spread["std"] > 1e-9:  # NaN without vectors
            continue
        shares = np.histogram(cosines, EDGES)[0] / len(cosines)
        middles = (EDGES[1:] + EDGES[:-1]) / 2
        rows += [
            {"cosine": round(float(x), 3), "share": float(share), "space": name}
            for x, share in zip(middles, shares, strict=True)
        ]
        spreads.append(f"{name} {spread['std']:.2f}, kurtosis {spread['kurtosis']:.1f}")
    note = (
        "How alike two items are that have nothing to do with each other, drawn at random. A wide spread tells items "
        "apart; embeddings that all point one way say little, and collide in an index."
    )
    if not rows:
        return Section("Similarity", "There are too few items with embeddings.")
    caption = f"Cosine similarity of {NUM_PAIRS:,} random pairs. Standard deviation: {'; '.join(spreads)}."
    return Section("Similarity", note, [Chart(lines(rows, "cosine", "share", "cosine", kind="space"), caption)])
