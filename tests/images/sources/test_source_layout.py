"""What folders mean: classes, splits, wrappers around either; and what is refused because it could mean two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.errors import DataError
from inkling.images.sources.layout import Arrangement, arrange, walk_order


def arranged(*folders: str, empty: tuple[str, ...] = (), n: int = 2) -> Arrangement:
    names = sorted((f"{folder}/{i}.png".lstrip("/") for folder in folders for i in range(n)), key=walk_order)
    return arrange(names, "photos", empty)


def test_folders_are_classes() -> None:
    found = arranged("dog", "cat", "cat/more/and more")
    assert found.class_names == ("cat", "dog")
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert (found.splits, found.notes) == (None, ())


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "validation", "test"), ("Train", "Val", "TEST"), ("TRAINING", "valid", "Testing"),
        ("training_set", "validation set", "Test-Set"), ("Train Images", "val_images", "test.images"),
        ("traindata", "validdata", "testdata"),
    ],
)  # fmt: skip
def test_splits_are_understood_in_any_spelling(train: str, validation: str, test: str) -> None:
    found = arranged(*(f"{split}/{name}" for split in (train, validation, test) for name in ("a", "b")), n=1)
    assert found.class_names == ("a", "b")
    assert found.splits is not None
    assert sorted(found.splits) == ["test", "test", "train", "train", "validation", "validation"]


@pytest.mark.parametrize("above", ["photos", "a/b/c", "Data Set"])
def test_a_wrapper_is_passed_through(above: str) -> None:
    assert arranged(f"{above}/cat", f"{above}/dog").class_names == ("cat", "dog")
    found = arranged(f"{above}/train/cat", f"{above}/train/dog", f"{above}/test/cat")
    assert found.class_names == ("cat", "dog")
    assert set(found.splits or ()) == {"train", "test"}
    inside = arranged("train/train/cat", "train/train/dog", "test/test/cat", "test/test/dog")
    assert (inside.class_names, set(inside.splits or ())) == (("cat", "dog"), {"train", "test"})


def test_splits_may_lie_below_the_classes() -> None:
    found = arranged("cat/train", "cat/Testing", "dog/train", "dog/val", "dog/test", n=1)
    assert found.class_names == ("cat", "dog")
    assert found.labels.tolist() == [0, 0, 1, 1, 1]
    assert found.splits == ["test", "train", "test", "train", "validation"]
    vehicles = arranged("ships/tug", "land/train", "land/car")
    assert (vehicles.class_names, vehicles.splits) == (("land", "ships"), None)
    for folders in (
        ("cat/train", "cat/test", "dog"), ("cat/train", "cat/test", "dog/train", "dog/dev"),
        ("cat/train", "cat/test", "dog/train", "dog/tests"), ("cat/train", "cat/test", "dog/val", "dog/valid"),
        ("cat", "cat/train", "cat/test", "dog/train", "dog/test"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=r"cat(, dog)? holds? splits \(.*train.*\): expected train, validation"):
            arranged(*folders)


def test_names_of_splits_can_be_classes_among_others() -> None:
    assert arranged("train", "tram").class_names == ("train", "tram")
    assert arranged("train", "bus", "car", "test bench").class_names == ("bus", "car", "test bench", "train")
    assert arranged("trainers", "trains").class_names == ("trainers", "trains")
    assert arranged("bullet_train", "bullet_train/side", "tram/side").class_names == ("bullet_train", "tram")
    assert arranged("test", "control").class_names == ("control", "test")
    assert arranged("test1", "test2").class_names == ("test1", "test2")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("train/a", "train/b", "dev/a", "dev/b"), r"splits called train.*found dev beside train: rename or remove it"),
        (("train/a", "train/b", "unlabelled"), "found unlabelled beside train"),
        (("train/a", "train/b", "test/a", "eval/a", "Unlabeled"), "found Unlabeled, eval beside test, train.*them"),
        (("val/a", "val/b", "test/a", "test/b"), r"a folder of training pictures \(train\) beside test, val, found"),
        (("train/a", "train/b", "other/a"), "train holds class folders as splits do, but beside lie other: put these"),
        (("train", "test"), "expected class folders in test, train, found pictures"),
        (("train/a", "train/b", "val/a", "valid/a"), "one folder per split, found val, valid: join"),
        (("train/a", "train/b", "test/c"), "photos/test: expected the classes of the training folder, found 'c'"),
        (("train/a", "train/b", "test/A", "test/dog"), r"found 'A', 'dog'"),
        (("a",), "photos: expected two class folders or more, found 1"),
        (("train/a", "test/a"), "photos/train: expected two class folders or more, found 1"),
        (("",), "photos: 2 pictures lie directly in it: put those of each class into a folder of its own"),
        (
            ("", "a/x", "a/y"),
            "2 pictures lie directly in it beside a, the only folder: .* or give photos/a if its folders",
        ),
    ],
)
def test_what_could_mean_two_things_is_refused_by_name(folders: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        arranged(*folders)


@pytest.mark.parametrize(
    "folders",
    [
        ("seg_train", "seg_test"), ("seg_train", "seg_test", "seg_pred"), ("flowers_train", "flowers_test"),
        ("X_train", "X_test"), ("train_v2", "test_v2"), ("train 70", "test 30"), ("train1", "test1"),
        ("train", "test1"), ("trn", "tst"), ("Trainingsdaten", "Testdaten"), ("XTrain", "XTest"), ("train", "query"),
        ("train", "train - Copy"), ("fold1", "fold2", "fold3"), ("traning", "testt"), ("mine", "hers"),
    ],
)  # fmt: skip
def test_folders_that_are_called_like_splits_or_hold_the_same_folders_are_no_classes(folders: tuple[str, ...]) -> None:
    below = [f"{folder}/{name}" for folder in folders for name in ("daisy", "rose")]
    with pytest.raises(DataError, match=r"photos: ") as refused:
        arranged(*below)
    assert all(folder in str(refused.value) for folder in folders)
    with pytest.raises(DataError, match=r"photos: "):
        arranged(*(f"{folder}/{name}" for folder in folders for name in (f"{folder}/daisy", f"{folder}/rose")))


@pytest.mark.parametrize("folders", [("train", "test1"), ("train_v2", "test_v2"), ("Train1", "Val1", "Test1")])
def test_pictures_in_folders_that_are_called_like_splits_are_refused(folders: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="are called like splits: call them train, validation"):
        arranged(*folders)


def test_numbered_folders_of_the_same_names_are_said_to_be_parts_of_classes() -> None:
    found = arranged("daisy/2020", "daisy/2021", "rose/2020", "rose/2021", "tulip/2021")
    assert found.class_names == ("daisy", "rose", "tulip")
    assert found.notes == ("Folders of the same names (2020, 2021) lie in daisy, rose, which are read as the classes.",)
    assert arranged("30/hsf_0", "30/hsf_1", "31/hsf_0", "31/hsf_1").class_names == ("30", "31")
    assert arranged("animals/cat", "animals/dog", "animals/other", "cars/bus", "cars/other").notes == ()
    with pytest.raises(DataError, match="part1, part2 hold folders of the same names"):
        arranged("part1/0", "part1/1", "part2/0", "part2/1")


def test_names_of_one_class_in_two_forms() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    found = arranged(f"train/{composed}", "train/rose", f"test/{decomposed}", "test/rose ")
    assert found.class_names == (composed, "rose")
    assert sorted(zip(found.splits or (), found.labels.tolist(), strict=True)) == [
        ("test", 0), ("test", 0), ("test", 1), ("test", 1), ("train", 0), ("train", 0), ("train", 1), ("train", 1)
    ]  # fmt: skip
    assert arranged(decomposed, "rose").class_names == (composed, "rose")
    with pytest.raises(DataError, match=r"2 folders are called 'caf\u00e9', in two Unicode forms.*'cafe\\u0301'"):
        arranged(composed, decomposed, "rose")
    with pytest.raises(DataError, match=r"2 folders are called 'daisy'.*\('daisy', 'daisy '\): join them"):
        arranged("daisy", "daisy ", "rose")
    with pytest.raises(DataError, match=r"found 'ROSE' \(did you mean 'rose'\?\)"):
        arranged("train/daisy", "train/rose", "test/ROSE")


def test_empty_folders_are_said() -> None:
    with pytest.raises(DataError, match="photos/b: no pictures that can be read in this class folder, nor in d: put"):
        arranged("a", "c", empty=("a", "b", "c", "d"))
    with pytest.raises(DataError, match="photos/train/b: no pictures"):
        arranged("train/a", "train/c", "test/b", empty=("train/b",))
    found = arranged("train/a", "train/b", "test/a", empty=("test/b", "docs"))
    assert found.notes == ("Left out, because they hold no pictures: docs in photos.",)
    assert len(found.labels) == 6
    found = arranged("train/a", "train/b", empty=("test/a", "test/b", "val"))
    assert found.notes == (
        "No picture of a class lies in photos/val: validation pictures are taken from the training pictures.",
        "No picture of a class lies in photos/test: test pictures are taken from the training pictures.",
    )


def test_pictures_beside_folders_are_said() -> None:
    assert arranged("", "a", "b").notes == ("Left out: 2 pictures beside the class folders, without a class.",)
    found = arranged("", "train", "train/a", "train/b", "test/a", n=1)
    assert found.notes == (
        "Left out: 1 picture beside the split folders, without a class.",
        "Left out: 1 picture beside the class folders of train, without a class.",
    )
    assert (found.places.tolist(), found.splits) == ([1, 3, 4], ["test", "train", "train"])


NAME = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1, max_size=6)


@given(st.lists(st.lists(NAME, min_size=1, max_size=4).map("/".join), max_size=30, unique=True))
def test_any_names_are_arranged_or_refused_in_one_message(names: list[str]) -> None:
    try:
        found = arrange(sorted(names, key=walk_order), "photos")
    except DataError:
        return
    assert len(found.places) == len(found.labels) <= len(names)
    assert set(found.labels.tolist()) <= set(range(len(found.class_names)))
