"""Going over to new versions under load, and refusing those that cannot be trusted."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from annoy import AnnoyIndex

from benchmarks.planted_versions import plant_version
from pinsage import Recommender
from pinsage.index.annoy_shards import IndexFileError
from pinsage.serving.answers import UnknownVersionAskedError
from pinsage.serving.config import ServingConfig
from pinsage.serving.published import PublishedIndex
from pinsage.store import DamagedVersionError, Store
from tests.pinsage.serving.conftest import TAGS

UNWATCHED = ServingConfig(poll_seconds=0)


def test_under_load_every_answer_is_whole_and_of_one_version(
    planted_copy: tuple[Path, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, uris = planted_copy
    tag_of = dict(zip(uris, TAGS, strict=True))
    closed: list[str] = []
    close = PublishedIndex.close
    monkeypatch.setattr(PublishedIndex, "close", lambda self: (closed.append(self.version.uri), close(self))[1])
    recommender = Recommender(root, UNWATCHED)
    published = recommender.store.ref("published")
    done, answers, faults = threading.Event(), [0] * 4, []

    def ask(number: int) -> None:
        while not done.is_set():
            answer = recommender.similar(f"item-{(answers[number] * 7 + number) % 300}", 8)
            answers[number] += 1
            tag = tag_of[answer.version]
            if len(answer) != 8 or any(each.title.split()[0] != tag for each in answer):
                faults.append(answer)

    readers = [threading.Thread(target=ask, args=(number,)) for number in range(len(answers))]
    for reader in readers:
        reader.start()
    refreshed = 0
    for swaps in range(1, 1001):  # at least thirty, and until every reader was answered
        published.append(uris[swaps % 3])
        refreshed += recommender.refresh()
        if swaps >= 30 and min(answers) > 0:
            break
    done.set()
    for reader in readers:
        reader.join()
    recommender.close()
    assert not faults
    assert refreshed == swaps
    assert min(answers) > 0
    assert len(closed) == swaps + 1, "every version that was left, and the last one, is unmapped exactly once"


def test_an_old_version_is_closed_when_its_last_reader_leaves(planted_copy: tuple[Path, tuple[str, ...]]) -> None:
    root, uris = planted_copy
    recommender = Recommender(root, UNWATCHED)
    with recommender.versions.reading() as held:
        recommender.store.ref("published").append(uris[1])
        assert recommender.refresh()
        assert recommender.version == uris[1]
        assert held.index.version.uri == uris[0]
        assert held.index.index.shards[0].trees.get_n_items() == 300
    assert held.index.index.shards[0].trees.get_n_items() == 0
    assert not held.enter()
    recommender.close()
    with pytest.raises(RuntimeError, match="was closed"):
        recommender.similar("item-1")


def test_words_of_titles_are_ready_before_a_version_is_asked(planted_copy: tuple[Path, tuple[str, ...]]) -> None:
    root, uris = planted_copy
    with Recommender(root, UNWATCHED) as recommender:
        recommender.search("word3")
        recommender.store.ref("published").append(uris[1])
        recommender.refresh()
        with recommender.versions.reading() as held:
            assert "titles" in vars(held.index)
        assert recommender.search("word3")[0].title.startswith("two word3")


def damage(root: Path, uri: str, name: str, how: str) -> None:
    version = Store.open(root).version(uri)
    path = version.path(name)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "bit-flipped":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif how == "gone":
        path.unlink()
    else:  # an Annoy file of somebody else, of the same size and shape of data
        other = AnnoyIndex(version.json("sidecar")["geometry"]["width"] + 1, "angular")
        for item in range(300):
            other.add_item(item, [1.0] * other.f)
        other.build(2)
        other.save(str(path))


@pytest.mark.parametrize("how", ["truncated", "bit-flipped", "foreign", "gone"])
@pytest.mark.parametrize("name", ["shard-000", "embeddings", "items"])
def test_a_damaged_version_is_refused_and_the_old_one_keeps_serving(
    planted_copy: tuple[Path, tuple[str, ...]], name: str, how: str
) -> None:
    root, uris = planted_copy
    recommender = Recommender(root, UNWATCHED)
    before = recommender.similar("item-7", 5)
    damage(root, uris[1], name, how)
    recommender.store.ref("published").append(uris[1])
    with pytest.raises(DamagedVersionError, match=name):
        recommender.refresh()
    assert recommender.similar("item-7", 5) == before
    assert recommender.versions.refused is not None
    assert recommender.versions.refused.uri == uris[1]
    recommender.store.ref("published").append(uris[2])
    assert recommender.refresh()
    assert recommender.version == uris[2]
    assert recommender.versions.refused is None
    recommender.close()


def test_shards_of_other_embeddings_are_refused_even_with_matching_digests(
    planted_copy: tuple[Path, tuple[str, ...]],
) -> None:
    root, uris = planted_copy
    store = Store.open(root)
    first, second = store.version(uris[0]), store.version(uris[1])
    with store.write("index", partition="2026-03-02", inputs=[second], config={}, code_version=0) as out:
        for name in second.names():
            source = first if name == "shard-000" else second
            if name.startswith("shard"):
                out.write_file(name, source.path(name), ".ann")
            elif name in ("items", "vectors"):
                out.write_table(name, source.table(name))
            elif name in ("sidecar", "recall"):
                out.write_json(name, source.json(name))
            else:
                out.write_array(name, source.array(name))
    recommender = Recommender(root, UNWATCHED)
    for uri, error in (
        (out.version.uri, "differs from the embedding"),
        (second.inputs[0].uri, "expected one of 'index'"),
    ):
        recommender.store.ref("published").append(uri)
        with pytest.raises(IndexFileError, match=error):
            recommender.refresh()
        assert recommender.version == uris[0]
    recommender.close()


def test_the_watcher_goes_over_by_itself_and_survives_a_damaged_version(
    planted_copy: tuple[Path, tuple[str, ...]],
) -> None:
    root, uris = planted_copy
    damage(root, uris[1], "shard-000", "truncated")
    with Recommender(root, ServingConfig(poll_seconds=0.02)) as recommender:
        recommender.store.ref("published").append(uris[1])
        wait_until(lambda: recommender.versions.refused is not None)
        assert recommender.version == uris[0]
        recommender.store.ref("published").append(uris[2])
        wait_until(lambda: recommender.version == uris[2])


def test_earlier_published_versions_can_be_asked_others_cannot(planted_copy: tuple[Path, tuple[str, ...]]) -> None:
    root, uris = planted_copy
    with Recommender(root, ServingConfig(poll_seconds=0, earlier_versions=1)) as recommender:
        for uri in uris[1:]:
            recommender.store.ref("published").append(uri)
            recommender.refresh()
        for uri, tag in zip(uris, TAGS, strict=True):
            answer = recommender.similar("item-7", 3, version=uri)
            assert answer.version == uri
            assert {each.title.split()[0] for each in answer} == {tag}
        assert len(recommender.versions._earlier) == 1, "no more than configured stay open"
        with pytest.raises(UnknownVersionAskedError, match="never published"):
            recommender.similar("item-7", version="index/2026-03-01/00")


def wait_until(reached: object, seconds: float = 20.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if reached():  # type: ignore[operator]
            return
        pause.wait(0.02)
    raise AssertionError("not reached")


def test_a_bucket_is_served_and_its_damaged_version_refused(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"{s3}/{tmp_path.name}"
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path / "writer"))
    uris = [plant_version(root, tag, seed=seed).uri for seed, tag in enumerate(TAGS)]
    store = Store.open(root)
    store.ref("published").append(uris[0])
    # Of the second version, the object holds other bytes than the manifest says.
    entry = next(each for each in store.version(uris[1]).manifest.files if each.name == "shard-000")
    store.objects.delete(entry.key)
    store.objects.put_if_absent(entry.key, b"\0" * entry.size)

    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path / "reader"))
    with Recommender(root, UNWATCHED) as recommender:
        before = recommender.similar("item-7", 5)
        store.ref("published").append(uris[1])
        with pytest.raises(DamagedVersionError, match="shard-000"):
            recommender.refresh()
        assert recommender.similar("item-7", 5) == before
        store.ref("published").append(uris[2])
        assert recommender.refresh()
        assert recommender.similar("item-7", 5).version == uris[2]
