"""Pictures of any origin become images: measured, fitted, decoded once and kept; whatever happens to the cache."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from errno import ENOSPC
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from command_line import inkling, last_json
from inkling.errors import DataError
from inkling.images import decoding, picture_cache
from inkling.images.dataset import Splits
from inkling.images.decoding import PictureFile, Pictures, load_pictures
from inkling.images.measuring import chosen_side
from inkling.images.options import LoadOptions
from inkling.images.parallel import in_threads
from inkling.images.sources.protocol import LoadProgress
from inkling.storage.cache import cache_entries, cache_folder, clear_cache

N = 40


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INKLING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


Make = Callable[..., Pictures]


def rows(n: int = N, seed: int = 0, sizes: tuple[tuple[int, int], ...] = ((6, 5),), channels: int = 3) -> Pictures:
    """Return n encoded pictures in memory, as a table has them."""
    rng = np.random.default_rng(seed)
    files = []
    for number in range(n):
        file = io.BytesIO()
        width, height = sizes[number % len(sizes)]
        pixels = rng.integers(0, 256, (height, width, channels), dtype=np.uint8).squeeze()
        Image.fromarray(pixels).save(file, "PNG")
        files.append(PictureFile(f"row {number}", (seed, number), partial(io.BytesIO, file.getvalue())))
    return Pictures("rows", "table", ("a", "b"), files, np.arange(n) % 2)


def same(one: Splits, other: Splits) -> bool:
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels) and a.files == b.files
        for (_, a), (_, b) in zip(one.items(), other.items(), strict=True)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_decoded_once_is_mapped_and_not_opened_again(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = rows(channels=channels)
    first = load_pictures(pictures)
    assert first.train.image_shape == (5, 6, channels)
    for part in (first.train, first.validation, first.test):
        for name, image in zip(part.files, part.images, strict=True):
            pixels = np.asarray(Image.open(pictures.files[int(name.split()[1])].open()))
            assert np.array_equal(image.squeeze(), pixels)
    monkeypatch.setattr(decoding, "decode", None)
    monkeypatch.setattr(decoding, "measure", None)
    monkeypatch.setattr("hashlib.sha256", partial(_counted, hashed := [], hashlib.sha256))
    stages: list[LoadProgress] = []
    second = load_pictures(pictures, observer=stages.append)
    assert [(one.stage, one.done, one.unit) for one in stages] == [("checking the cache", 40 * 30 * channels, "bytes")]
    assert same(first, second)
    assert max(hashed) < 100_000, "pixels are not hashed again"
    assert not second.train.images.flags.writeable
    assert type(second.train.images) is np.ndarray
    for made in (pickle.loads(pickle.dumps(second)), copy.deepcopy(second)):
        assert same(made, first)
    assert np.array_equal(first.train.subset(slice(3)).images, second.train.images[:3])


def _counted(lengths: list[int], sha256: Callable[[bytes], object], content: bytes = b"") -> object:
    lengths.append(len(content))
    return sha256(content)


def test_another_content_size_fit_or_split_is_another_entry() -> None:
    sizes = ((6, 5), (12, 9))
    made = {
        name: load_pictures(pictures, options).fingerprint
        for name, pictures, options in (
            ("plain", rows(sizes=sizes), LoadOptions()),
            ("content", rows(sizes=sizes, seed=1), LoadOptions()),
            ("size", rows(sizes=sizes), LoadOptions(image_size=8)),
            ("fit", rows(sizes=sizes), LoadOptions(fit="crop")),
            ("groups", rows(sizes=sizes), LoadOptions(groups=r"(\d)$")),
        )
    }
    assert len(set(made.values())) == len(made)
    by_hand = rows(sizes=sizes)
    labels = Pictures("rows", "table", ("a", "b"), by_hand.files, 1 - by_hand.labels)
    assert load_pictures(labels).fingerprint not in made.values()


def rewrite(path: Path, change: Callable[[bytearray], object]) -> None:
    if path.exists():
        content = bytearray(path.read_bytes())
        change(content)
        path.unlink()  # a new file: others may have mapped the old one
        path.write_bytes(content)


def flip(name: str, place: int) -> Callable[[Path], object]:
    """Change one byte of a file to one that is not UTF-8."""

    def flipped(entry: Path) -> None:
        rewrite(entry / name, lambda content: content.__setitem__(place, content[place] ^ 0x80))

    return flipped


def seal(name: str, **values: object) -> Callable[[Path], object]:
    """Give a file other contents and the checksum of these."""

    def sealed(entry: Path) -> None:
        if (entry / name).exists():
            content = json.loads((entry / name).read_bytes())["content"]
            changed = {key: value for key, value in values.items() if key in content}
            picture_cache._write(entry / name, {**content, **changed})

    return sealed


@pytest.mark.parametrize(
    "damage",
    [
        flip("images.bin", 0),
        flip("images.bin", -1),
        flip("facts.json", -5),
        flip("facts.json", 3),
        flip("fingerprints.json", -5),
        lambda entry: (entry / "facts.json").write_text("{"),
        lambda entry: (entry / "facts.json").write_text('{"sizes": 3}'),
        lambda entry: (entry / "facts.json").unlink(),
        lambda entry: (entry / "fingerprints.json").exists() and (entry / "fingerprints.json").write_text("{"),
        seal("facts.json", shape=[2**62, 5, 6, 3], sizes=[[6, 5, 2**62]]),
        lambda entry: rewrite(entry / "images.bin", lambda content: content.clear()),
        lambda entry: rewrite(entry / "images.bin", lambda content: content.pop()),
        lambda entry: (entry / "images.bin").unlink(missing_ok=True),
    ],
)
def test_a_damaged_entry_is_said_and_made_anew(damage: Callable[[Path], object]) -> None:
    first = load_pictures(rows())
    for entry in cache_entries():
        damage(entry.folder)
    second = load_pictures(rows())
    assert same(first, second)
    assert all(dataset.fingerprint == replace(dataset).fingerprint for _, dataset in second.items())
    assert second.notes[0].endswith(("damaged: it is made anew.", "another version: it is made anew."))
    assert load_pictures(rows()).notes == ()


def test_no_byte_of_the_images_is_another_without_a_word() -> None:
    pictures = rows()
    first = load_pictures(pictures)
    (images,) = cache_folder().rglob("images.bin")
    for place in np.random.default_rng(0).integers(images.stat().st_size, size=20).tolist():
        flip("images.bin", place)(images.parent)
        again = load_pictures(pictures)
        assert again.notes[0] == "What was kept of these pictures in the cache was damaged: it is made anew."
        assert same(first, again)


def test_every_block_of_images_has_a_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_cache, "_BLOCK", 100)
    first = load_pictures(rows())
    (images,) = cache_folder().rglob("images.bin")
    facts = json.loads((images.parent / "facts.json").read_bytes())["content"]
    assert len(facts["crc32"]) == -(-images.stat().st_size // 100)
    assert load_pictures(rows()).notes == ()
    flip("images.bin", 250)(images.parent)
    assert same(first, load_pictures(rows()))


def test_what_another_version_wrote_is_said_and_made_anew(own_cache: Path) -> None:
    first = load_pictures(rows())
    said = "What was kept of these pictures in the cache was written by another version: it is made anew."
    for entry in cache_entries():  # as the first version wrote it: values alone, with a version among them
        for name in ("facts.json", "fingerprints.json"):
            path = entry.folder / name
            if path.exists():
                content = json.loads(path.read_bytes())["content"]
                former = {**content, "version": "1 Pillow 12.0.0"} if isinstance(content, dict) else content
                path.write_text(json.dumps(former))
    second = load_pictures(rows())
    assert second.notes == (said,)
    assert same(first, second)
    for entry in cache_entries():
        values = json.loads((entry.folder / "facts.json").read_bytes())
        (entry.folder / "facts.json").write_text(json.dumps({**values, "version": "3 Pillow 12.0.0"}))
    assert load_pictures(rows()).notes == (said,)
    assert load_pictures(rows()).notes == ()


def test_the_keys_are_those_of_the_first_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_cache, "_KEYS", "1 Pillow 12.0.0")
    assert picture_cache.digest("a", 1) == hashlib.sha256(b'["1 Pillow 12.0.0","a",1]').hexdigest()[:32]


def test_missing_fingerprints_are_computed_again() -> None:
    first = load_pictures(rows())
    for path in cache_folder().rglob("fingerprints.json"):
        path.unlink()  # as after a process that was killed before it wrote them
    assert same(load_pictures(rows()), first)
    assert len(list(cache_folder().rglob("fingerprints.json"))) == 1


def test_images_survive_when_the_cache_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows does not remove files that are mapped")
    first = load_pictures(rows())
    pixels = first.train.images.copy()
    assert clear_cache() > 0
    assert cache_entries() == []
    assert np.array_equal(first.train.images, pixels)
    write = picture_cache.write_images

    def cleared_at_once(*words: object) -> None:
        write(*words)  # type: ignore[arg-type]
        clear_cache()

    monkeypatch.setattr(picture_cache, "write_images", cleared_at_once)
    assert same(load_pictures(rows()), first)


def test_without_a_cache_it_goes_on_in_memory_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_pictures(rows())
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("INKLING_CACHE", str(tmp_path / "file"))
    second = load_pictures(rows())
    assert same(first, second)
    assert f"not kept in the cache {tmp_path / 'file'} (Not a directory" in second.notes[-1]
    monkeypatch.setattr(decoding, "MAX_BYTES", 100)
    with pytest.raises(DataError, match=r"table: 40 pictures of 6x5 pixels are more than the 100 bytes .*--image-size"):
        load_pictures(rows())


def test_a_full_disk_is_met_before_and_while_it_is_written(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_pictures(rows())
    clear_cache()
    with monkeypatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda path: os.terminal_size((0, 0)) and type("Usage", (), {"free": 10}))
        second = load_pictures(rows())
    assert "(No space left on device)" in second.notes[-1]
    assert same(first, second)

    def full(path: Path, content: bytes) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr(picture_cache, "write_atomically", full)
    third = load_pictures(rows())
    assert "(No space left on device)" in third.notes[-1]
    assert same(first, third)
    assert list(own_cache.rglob("*.bin")) == []


def test_two_at_a_time_make_one_entry(tmp_path: Path) -> None:
    results: list[Splits] = []
    threads = [threading.Thread(target=lambda: results.append(load_pictures(rows()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(*results)
    source = tmp_path / "photos"
    for name in ("a", "b"):
        (source / name).mkdir(parents=True)
        for number in range(30):
            Image.effect_noise((30, 30), 60).save(source / name / f"{number}.png")
    code = f"from inkling import load_images; print(load_images({str(source)!r}).fingerprint)"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate()[0] for process in running}
    assert len(said) == 1
    assert len(cache_entries()) == 4, "measured and decoded, of two sources"
    assert all(not entry.folder.name.startswith(".") for entry in cache_entries())


def test_a_study_with_jobs_reads_the_cache(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    for level, name in enumerate("ab"):
        (source / name).mkdir(parents=True)
        for number in range(20):
            Image.effect_noise((9 + number % 3, 9), 40).point(lambda v, k=level: v // 2 + 100 * k).save(
                source / name / f"{number}.png"
            )
    words = ("--networks", "perceptron", "--train-sizes", 10, "--seeds", "1,2", "--epochs", 1, "--jobs", 2)
    done = inkling("study", source, *words, "--out", tmp_path / "study")
    assert done.returncode == 0, done.stderr


def test_what_a_killed_process_left_is_removed_after_a_day(own_cache: Path) -> None:
    left = own_cache / "pictures" / ".dead.1234"
    left.mkdir(parents=True)
    (left / "images.bin").write_bytes(bytes(1000))
    load_pictures(rows())
    assert left.exists()
    os.utime(left, (0, 0))
    load_pictures(rows(seed=1))
    assert not left.exists()


def test_data_cache_shows_and_clears(own_cache: Path) -> None:
    assert last_json(inkling("data", "cache", "--json")) == {"folder": str(own_cache), "entries": [], "freed": 0}
    load_pictures(rows())
    shown = inkling("data", "cache")
    assert "40 pictures, 6x5: table" in shown.stdout
    assert f"0.0 MB in {own_cache}" in shown.stdout
    values = last_json(inkling("data", "cache", "--json"))
    assert {entry["kind"] for entry in values["entries"]} == {"pictures"}
    assert values["entries"][0]["bytes"] > 40 * 6 * 5 * 3
    cleared = last_json(inkling("data", "cache", "--clear", "--json"))
    assert cleared["freed"] == sum(entry["bytes"] for entry in values["entries"])
    assert cache_entries() == []
    assert "removed" in inkling("data", "cache", "--clear").stdout


def test_a_source_may_give_splits_groups_and_notes() -> None:
    plain = rows()
    splits = ["train", "train", "train", "test"] * 10
    given = Pictures("rows", "table", ("a", "b"), plain.files, plain.labels, splits, notes=("Mind the rows.",))
    loaded = load_pictures(given)
    assert [len(part) for _, part in loaded.items()] == [25, 5, 10]
    assert loaded.notes == ("Mind the rows.", "No test picture of a: nothing is measured there. Add some.")
    torn = Pictures("rows", "table", ("a", "b"), plain.files, plain.labels, splits, groups=["x", "y"] * 20)
    with pytest.raises(DataError, match=r"1 group is in more than one split: y \(in train and test\)"):
        load_pictures(torn)
    lacking = Pictures("rows", "table", ("a", "b", "c"), plain.files, plain.labels)
    with pytest.raises(DataError, match="table: no training picture of c: add some, or remove the class"):
        load_pictures(lacking)


def test_threads_keep_the_order_and_pass_on_exceptions() -> None:
    assert [block for _, block in in_threads(list, range(10), 3)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert [done for done, _ in in_threads(len, range(10), 3)] == [3, 6, 9, 10]
    assert list(in_threads(len, [], 3)) == []
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda block: 1 / (block[0] - 6), range(100), 3))


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        ([(256, 200, 9)], None),
        ([(257, 20, 9)], 20),
        ([(4000, 3000, 9)], 224),
        ([(28, 28, 5), (29, 28, 1)], 28),
        ([(100, 50, 3), (60, 80, 3)], 50),
        ([(100, 50, 3), (60, 80, 4)], 60),
    ],
)
def test_the_size_follows_from_all_sizes(sizes: list[tuple[int, int, int]], side: int | None) -> None:
    assert chosen_side(sizes) == side


@given(st.lists(st.tuples(*[st.integers(1, 5000)] * 2, st.integers(1, 9)), min_size=2, unique_by=lambda s: s[:2]))
def test_the_chosen_side_is_the_lower_median_of_shorter_sides(sizes: list[tuple[int, int, int]]) -> None:
    shorter = sorted(min(width, height) for width, height, n in sizes for _ in range(n))
    assert chosen_side(sizes) == min(224, shorter[(len(shorter) - 1) // 2])
