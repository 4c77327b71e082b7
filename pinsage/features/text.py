"""Text to vectors: TF-IDF and its leading components (the annotation embedding's place in section 4.1).

Fitted as of a day and kept as plain arrays, so that serving encodes a new item's text, or a person's search, exactly
as the items were encoded. scikit-learn does the work; nothing of it is pickled. Where a script has no spaces between
words, `pinsage.features.words` cuts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from threadpoolctl import threadpool_limits

from pinsage.arrays.unit_rows import unit_rows
from pinsage.features.config import FeatureConfig
from pinsage.features.words import character_pairs, needs_more_than_spaces, words

_TOKEN = r"(?u)\b\w+\b"  # single characters count: sizes and model numbers live there


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A fitted text encoder.

    Args:
        terms: the vocabulary, sorted; V terms of one to ``ngrams`` words.
        idf: inverse document frequency of each term, float32 [V].
        components: leading right singular vectors of the TF-IDF matrix, float32 [width, V]. Rows beyond the rank are 0.
        ngrams: longest run of words that counts as one term.
        segmented: whether words are those of `pinsage.features.words`, as where a fitted text's script needs it.
    """

    terms: tuple[str, ...]
    idf: NDArray[np.float32]
    components: NDArray[np.float32] = field(repr=False)
    ngrams: int = 1
    segmented: bool = False

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return int(self.components.shape[0])

    @classmethod
    def fit(cls, texts: Sequence[str], config: FeatureConfig) -> TextEncoder:
        """Vocabulary, idf and components of ``texts``; the same bytes for the same texts and config.

        BLAS is held to one thread: sums that are split among threads differ in their last bits.
        """
        texts = _sample(texts, config)
        width, ngrams = config.text_width, config.text_ngrams
        segmented = any(map(needs_more_than_spaces, texts))
        counter = _counter(ngrams, segmented, min_df=min(config.text_min_items, max(1, len(texts) // 10)))
        try:
            counts = counter.fit_transform(texts)
        except ValueError:  # every text is empty, or no term is frequent enough: an encoder that knows no word
            return cls((), np.zeros(0, np.float32), np.zeros((width, 0), np.float32), ngrams, segmented)
        names = counter.get_feature_names_out()
        frequency = np.asarray(counts.sum(axis=0)).ravel()
        kept = np.sort(np.lexsort((np.arange(len(names)), -frequency))[: config.text_max_terms])
        weigher = TfidfTransformer(sublinear_tf=True).fit(counts[:, kept])
        weighted = weigher.transform(counts[:, kept])
        components = np.zeros((width, len(kept)), dtype=np.float32)
        if len(kept) <= width:  # nothing to compress: each term keeps a column of its own
            components[np.arange(len(kept)), np.arange(len(kept))] = 1
        else:
            rank = min(width, min(weighted.shape))
            with threadpool_limits(limits=1):
                svd = TruncatedSVD(rank, n_iter=config.text_power_iterations, random_state=config.seed)
                components[:rank] = svd.fit(weighted).components_
        return cls(
            tuple(str(name) for name in names[kept]),
            np.asarray(weigher.idf_, dtype=np.float32),
            components,
            ngrams,
            segmented,
        )

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of ``texts``, float32 [len(texts), width]; a text without a known term gets zeros."""
        if not self.terms or not len(texts):
            return np.zeros((len(texts), self.width), dtype=np.float32)
        counts = self._vectorizer.transform(texts)
        counts.data = 1 + np.log(counts.data)
        counts = counts.multiply(self.idf[None, :]).tocsr()  # TF-IDF up to its length, which the last line takes out
        return unit_rows(np.asarray(counts @ self._projection, dtype=np.float32))

    @cached_property
    def _vectorizer(self) -> CountVectorizer:
        return _counter(self.ngrams, self.segmented, vocabulary={term: row for row, term in enumerate(self.terms)})

    @cached_property
    def _projection(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.components.T, dtype=np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The encoder as JSON and named arrays; `from_state` is the way back."""
        document: dict[str, Any] = {"terms": list(self.terms), "ngrams": self.ngrams}
        if self.segmented:  # left out where it makes no difference, as by encoders from before there was a choice
            document["segmented"] = True
        return document, {"idf": self.idf, "components": self.components}

    @classmethod
    def from_state(cls, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TextEncoder:
        """The encoder that `state` took apart."""
        return cls(
            tuple(document["terms"]),
            arrays["idf"],
            arrays["components"],
            int(document["ngrams"]),
            bool(document.get("segmented", False)),
        )


def _counter(ngrams: int, segmented: bool, **options: Any) -> CountVectorizer:
    if segmented:
        return CountVectorizer(analyzer=partial(_terms, ngrams=ngrams), dtype=np.float32, **options)
    return CountVectorizer(
        ngram_range=(1, ngrams), token_pattern=_TOKEN, strip_accents="unicode", dtype=np.float32, **options
    )


def _terms(text: str, ngrams: int) -> list[str]:
    """Runs of one to ``ngrams`` words, and pairs of characters, which match where two texts are cut differently."""
    parts = words(text)
    runs = [
        " ".join(parts[start : start + length])
        for length in range(1, ngrams + 1)
        for start in range(len(parts) - length + 1)
    ]
    return runs + character_pairs(text)


def _sample(texts: Sequence[str], config: FeatureConfig) -> Sequence[str]:
    if len(texts) <= config.text_fit_items:
        return texts
    rows = np.random.default_rng(config.seed).choice(len(texts), config.text_fit_items, replace=False)
    return [texts[row] for row in np.sort(rows)]
