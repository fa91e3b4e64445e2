"""Zip and tar archives of class folders: every layout of folders, and what strangers send refused in bounded memory."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import assert_refused, inkling, last_json
from inkling.errors import DataError
from inkling.images.options import LoadOptions
from inkling.images.sources import archive as archives
from inkling.images.sources.protocol import LoadProgress
from inkling.images.sources.registry import load_images

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
Members = Iterable[tuple[str, bytes]]


def png(level: int) -> bytes:
    file = io.BytesIO()
    pixels = np.full((6, 5), level % 256, np.uint8)
    pixels[0] = np.arange(5) * 20
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def classes(n: int, above: str = "") -> list[tuple[str, bytes]]:
    return [(f"{above}{name}/{i:02}.png", png(k * 100 + i)) for k, name in enumerate(("cat", "dog")) for i in range(n)]


def pack(path: Path, members: Members) -> Path:
    """Write members in their order."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in members:
                packed.writestr(name, content)
        return path
    with tarfile.open(path, "w:" if path.name.endswith(".tar") else "w:gz") as packed:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            packed.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("above", ["", "./", "pets/", "pets/photos/"])
def test_an_archive_is_what_its_folder_is(tmp_path: Path, ending: str, above: str) -> None:
    for name, content in classes(20, "pets/"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folder = load_images(tmp_path / "pets")
    junk = [(f"{above}.DS_Store", b"x"), ("__MACOSX/cat/._00.png", b"x"), (f"{above}cat/", b"")]
    splits = load_images(pack(tmp_path / f"pets{ending}", [*classes(20, above)[::-1], *junk]))
    assert splits.fingerprint == folder.fingerprint
    assert splits.name == "pets"
    assert splits.notes == ()


@pytest.mark.parametrize("ending", ENDINGS)
def test_splits_notes_options_and_groups(tmp_path: Path, ending: str) -> None:
    members = [*classes(12, "train/"), *classes(4, "test/"), ("train/cat/notes.txt", b"x")]
    path = pack(tmp_path / f"pets{ending}", members)
    splits = load_images(path, options=LoadOptions(image_size=4, groups=r"^(t.*)\.png"))
    assert [len(part) for _, part in splits.items()] == [20, 4, 8]
    assert splits.train.image_shape == (4, 4, 1)
    assert "1 .txt" in splits.notes[0]


def test_unreadable_pictures_are_named_and_skipped(tmp_path: Path) -> None:
    members = classes(20)
    path = pack(tmp_path / "pets.zip", [*members[1:], (members[0][0], b"no picture")])
    with pytest.raises(DataError, match=r"1 of 40 pictures cannot be read \(cat/00\.png: expected a picture"):
        load_images(path)
    assert load_images(path, options=LoadOptions(skip_unreadable=True)).skipped == ("cat/00.png",)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ["../x.png", "cat/../../x.png", "/outside/x.png", "C:\\x.png", "cat\\..\\..\\x.png"])
def test_members_that_lead_outside_are_refused(tmp_path: Path, ending: str, name: str) -> None:
    path = pack(tmp_path / f"a{ending}", [*classes(4), (name, png(1))])
    with pytest.raises(DataError, match=r"expected members below the folder .* do not trust it") as refused:
        load_images(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = pack(tmp_path / "a.tar", classes(4))
    with tarfile.open(path, "a") as packed:
        info = tarfile.TarInfo("cat/link.png")
        info.type, info.linkname = kind, "/outside/passwd"
        packed.addfile(info)
    with pytest.raises(DataError, match=r"found a link, a device or a sparse file, 'cat/link\.png'"):
        load_images(path)
    info_zip = zipfile.ZipInfo("cat/link.png")
    info_zip.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = pack(tmp_path / "a.zip", classes(4))
    with zipfile.ZipFile(path, "a") as packed_zip:
        packed_zip.writestr(info_zip, "/outside/passwd")
    with pytest.raises(DataError, match="found a link"):
        load_images(path)


def bomb_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        packed.writestr("cat/1.png", bytes(200 * 2**20))


def bomb_gz(path: Path) -> None:
    info = tarfile.TarInfo("cat/1.png")
    info.size = 200 * 2**20
    path.write_bytes(gzip.compress(info.tobuf() + bytes(info.size), 9))


@pytest.mark.parametrize(("name", "make"), [("a.zip", bomb_zip), ("a.tar.gz", bomb_gz)])
def test_bombs_are_refused_in_bounded_memory(
    tmp_path: Path, name: str, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_IN_MEMORY", 2**20)
    make(tmp_path / name)
    tracemalloc.start()
    with pytest.raises(DataError, match="unpacks to 1,000 times its"):
        load_images(tmp_path / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_what_comes_out_has_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 5000)
    for ending in (".zip", ".tar.gz"):
        with pytest.raises(DataError, match="more than the 5,000 bytes allowed"):
            load_images(pack(tmp_path / f"a{ending}", classes(40)))
    monkeypatch.setattr(archives, "MAX_PICTURE", 50)
    with pytest.raises(DataError, match=r"40 of 40 pictures cannot be read .*a picture of at most 50 bytes"):
        load_images(pack(tmp_path / "a.tar", classes(20)))


def test_a_zip_that_says_less_than_it_holds_is_cut_off(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", [*classes(20)[1:], ("cat/00.png", png(3) + bytes(10**6))])
    content = bytearray(path.read_bytes())
    size = (len(png(3)) + 10**6).to_bytes(4, "little")
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"1 of 40 pictures cannot be read \(cat/00\.png: damaged in the archive"):
        load_images(path)


def test_a_long_header_of_a_tar_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 64 * 2**20
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(info.size))
    tracemalloc.start()
    with pytest.raises(DataError, match="a header of"):
        load_images(tmp_path / "a.tar")
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()


def test_an_encrypted_zip_is_one_line(tmp_path: Path) -> None:
    content = bytearray(pack(tmp_path / "a.zip", classes(4)).read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + place] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match="is encrypted: unpack it with its password"):
        load_images(tmp_path / "a.zip")


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_archives_are_one_line(tmp_path: Path, ending: str) -> None:
    path = pack(tmp_path / f"a{ending}", classes(20))
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2 + 77], whole[:30]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="expected an archive as its ending says") as refused:
            load_images(path)
        assert "\n" not in str(refused.value)
    path.write_bytes(whole[:1500] + b"\xff" * 600 + whole[2100:])
    with pytest.raises(DataError, match=r"expected an archive|cannot be read"):
        load_images(path)


@pytest.mark.parametrize(
    ("ending", "other", "message"),
    [
        (".zip", ".tgz", "found one of .zip: call it .zip"), (".tar", ".zip", "found one of .tar: call it .tar"),
        (".tgz", ".tar", "found one of gzip: call it .tar.gz"), (".tar", ".tar.gz", "found one of .tar: call it .tar"),
    ],
)  # fmt: skip
def test_an_archive_with_the_ending_of_another_says_what_it_is(
    tmp_path: Path, ending: str, other: str, message: str
) -> None:
    path = pack(tmp_path / f"a{ending}", classes(20)).rename(tmp_path / f"b{other}")
    with pytest.raises(DataError, match=message):
        load_images(path)
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(600))
    with pytest.raises(DataError, match=r"found one of 7z: pack the folder as \.zip or \.tar\.gz"):
        load_images(path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_one_unreadable_picture_however_it_is_packed(tmp_path: Path, packing: int) -> None:
    path, rng = tmp_path / "a.zip", np.random.default_rng(0)
    with zipfile.ZipFile(path, "w", packing) as packed:
        for name, content in classes(20):
            packed.writestr(name, content + rng.bytes(300))
        start = packed.getinfo("cat/03.png").header_offset + 30 + len("cat/03.png")
    content = bytearray(path.read_bytes())
    content[start + 12 : start + 120] = bytes(108)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1 of 40 pictures cannot be read \(cat/03\.png: damaged in the archive"):
        load_images(path)
    assert load_images(path, options=LoadOptions(skip_unreadable=True)).skipped == ("cat/03.png",)


def test_an_archive_without_pictures_is_one_line(tmp_path: Path) -> None:
    for ending in ENDINGS:
        with pytest.raises(DataError, match="expected two class folders or more, found 0"):
            load_images(pack(tmp_path / f"a{ending}", [("readme.txt", b"x" * 100)]))


def test_unpacking_tells_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.images.progress.SECONDS", 0)
    monkeypatch.setattr(archives, "_BLOCK", 1000)
    seen: list[LoadProgress] = []
    path = pack(tmp_path / "a.tgz", classes(20))
    load_images(path, seen.append)
    unpacking = [progress for progress in seen if progress.stage == "unpacking a.tgz"]
    assert len(unpacking) > 10
    assert unpacking[-1] == LoadProgress("unpacking a.tgz", path.stat().st_size, path.stat().st_size, "bytes")


def test_the_command_line_trains_on_it(tmp_path: Path) -> None:
    path = pack(tmp_path / "pets.zip", classes(20))
    assert last_json(inkling("data", "show", path, "--json"))["train"]["n"] == 28
    run = tmp_path / "run"
    words = ("--network", "perceptron", "--epochs", 1, "--out", run, "--json", "--quiet")
    assert last_json(inkling("train", path, *words))["train_size"] == 28
    assert last_json(inkling("evaluate", run, "--json"))["n"] == 6
    (tmp_path / "bad.tar.gz").write_bytes(b"x")
    assert_refused(inkling("train", tmp_path / "bad.tar.gz", "--out", tmp_path / "none"), "bad.tar.gz")
    assert not (tmp_path / "none").exists()
