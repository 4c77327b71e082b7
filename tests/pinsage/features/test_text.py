"""Texts as vectors: items that share words are alike in any script; encoders of other scripts stay what they were."""

from __future__ import annotations

import hashlib
import itertools
import json

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from pinsage.arrays.unit_rows import unit_rows
from pinsage.features.config import FeatureConfig
from pinsage.features.text import TextEncoder

CHINESE = (["手机壳", "运动鞋", "咖啡机"], ["苹果", "小米", "华为", "耐克", "德龙"], ["红色", "蓝色", "黑色", "白色"])
JAPANESE = (
    ["スマホケース", "ランニングシューズ", "コーヒーメーカー"],
    ["赤い", "青い", "黒い", "白い"],
    ["東京の", "京都の", "大阪の"],
)
THAI = (["รองเท้าวิ่ง", "เคสโทรศัพท์", "เครื่องชงกาแฟ"], ["สีแดง", "สีขาว", "สีดำ", "สีฟ้า"], ["ผู้ชาย", "ผู้หญิง", "เด็ก"])


@pytest.mark.parametrize("parts", [CHINESE, JAPANESE, THAI], ids=["Chinese", "Japanese", "Thai"])
@pytest.mark.parametrize("space", [" ", ""], ids=["with spaces", "without"])
def test_titles_of_one_kind_are_alike_with_spaces_and_without(parts: tuple[list[str], ...], space: str) -> None:
    combinations = list(itertools.product(*parts))
    kinds = np.array([parts[0].index(kind) for kind, *_ in combinations])
    texts = [space.join(words if parts is THAI else reversed(words)) for words in combinations]
    encoder = TextEncoder.fit(texts, FeatureConfig())
    document, arrays = encoder.state()
    vectors = TextEncoder.from_state(json.loads(json.dumps(document)), arrays).encode(texts)
    np.testing.assert_array_equal(vectors, encoder.encode(texts))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    alike = vectors @ vectors.T
    same = kinds[:, None] == kinds[None, :]
    np.fill_diagonal(same, False)
    assert alike[same].mean() > 2 * alike[kinds[:, None] != kinds[None, :]].mean()


def test_an_encoder_of_scripts_with_spaces_is_what_it_was() -> None:
    rng = np.random.default_rng(7)
    some = [
        "Café",
        "crème",
        "MUG",
        "ﬁne",
        "İstanbul",
        "straße",
        "лето",
        "Ελλάδα",
        "½",
        "e\u0301clair",
        "a_b",
        "☕\ufe0f",
    ]
    texts = [" ".join(rng.choice(some, rng.integers(1, 8))) for _ in range(300)]
    config = FeatureConfig(text_width=16)
    encoder = TextEncoder.fit(texts, config)
    document, _ = encoder.state()
    assert sorted(document) == ["ngrams", "terms"]

    plain = TfidfVectorizer(
        token_pattern=r"(?u)\b\w+\b",
        strip_accents="unicode",
        ngram_range=(1, 2),
        min_df=2,
        sublinear_tf=True,
        dtype=np.float32,
    )
    weighted = plain.fit_transform(texts)
    svd = TruncatedSVD(16, n_iter=config.text_power_iterations, random_state=config.seed).fit(weighted)
    assert encoder.terms == tuple(plain.get_feature_names_out())
    np.testing.assert_array_equal(encoder.idf, plain.idf_.astype(np.float32))
    np.testing.assert_allclose(encoder.components, svd.components_, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts), unit_rows(svd.transform(weighted)), atol=1e-5)
    digest = hashlib.sha256(json.dumps(document, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    assert digest == "881079092b666742da5cc29e3c310791b3c10d4aa19f020a5b2030bc130670cb"


def test_an_encoder_that_was_stored_before_words_were_cut_still_means_what_it_meant() -> None:
    stored = {"terms": ["苹果手机壳", "手机壳"], "ngrams": 2}
    arrays = {"idf": np.ones(2, np.float32), "components": np.eye(2, dtype=np.float32)}
    np.testing.assert_array_equal(
        TextEncoder.from_state(stored, arrays).encode(["苹果手机壳", "手机"]), np.float32([[1, 0], [0, 0]])
    )
