"""`inkling evaluate --slices`: attributes of a run's images by file or by index, and groups in two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import assert_refused, inkling, last_json


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """A folder of pictures with training and test folders, a run on half of the former, and the pictures' names."""
    folder, rng = tmp_path_factory.mktemp("sliced"), np.random.default_rng(0)
    names = []
    for split, count in (("train", 60), ("test", 20)):
        for label, name in enumerate(("cat", "dog")):
            (folder / "photos" / split / name).mkdir(parents=True)
            for k in range(count):
                file = f"{split}/{name}/{k:02}.png"
                image = rng.integers(0, 120, (8, 8), np.uint8) + (120 * label if k % 2 else 60)
                Image.fromarray(image.astype(np.uint8)).save(folder / "photos" / file)
                names.append(file)
    run = folder / "run"
    words = ("--network", "perceptron", "--epochs", 20, "--train-size", 50, "--out", run)
    assert inkling("train", folder / "photos", *words).returncode == 0
    return folder / "photos", run, names


def written(path: Path, rows: list[str], header: str = "file,light,frame,group") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_accuracy_by_file_and_groups_that_training_had(trained: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    _, run, names = trained
    # Pictures of odd numbers show their class; of the groups, those of tests below 10 are in training too.
    rows = [f"{name},{'day' if int(name[-6:-4]) % 2 else 'night'},{k},g{name[-6:-4]}" for k, name in enumerate(names)]
    csv = written(tmp_path / "metadata.csv", rows)
    values = last_json(inkling("evaluate", run, "--slices", csv, "--json"))
    light, frame = values["slices"]["columns"]
    assert [(each["value"], each["n"]) for each in light["slices"]] == [("day", 20), ("night", 20)]
    assert [each["n"] for each in frame["slices"]] == [10, 10, 10, 10]
    assert light["worst"] == "night"
    assert sum(each["correct"] for each in light["slices"]) == values["correct"]
    assert len(values["group_leak"]["shared"]) >= 10
    printed = inkling("evaluate", run, "--slices", csv).stdout
    assert values["slices"]["verdict"] in printed
    assert values["group_leak"]["verdict"] in printed
    assert any(line.split()[:3] == ["light", "day", "20"] for line in printed.splitlines())
    lacking = last_json(inkling("evaluate", run, "--slices", written(csv, rows[120:]), "--json"))
    assert lacking["group_leak"] is None
    assert lacking["slices"] == values["slices"]
    assert "50 of 50 training images have no group in" in inkling("evaluate", run, "--slices", csv).stdout


def test_accuracy_by_index(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("--network", "perceptron", "--train-size", 100, "--epochs", 2, "--out", run)
    assert inkling("train", "digits", *words).returncode == 0
    csv = written(tmp_path / "metadata.csv", [f"{k},{k % 3}" for k in range(360)], "index,third")
    values = last_json(inkling("evaluate", run, "--slices", csv, "--json"))
    assert [each["n"] for each in values["slices"]["columns"][0]["slices"]] == [120] * 3
    assert values["group_leak"] is None
    assert "slices" not in last_json(inkling("evaluate", run, "--json"))
    written(csv, [f"{k},{k % 3}" for k in range(361)], "index,third")
    assert_refused(inkling("evaluate", run, "--slices", csv), "1 of 361 rows are of no image of digits: test image 360")
    written(csv, ["a.png,day"], "file,light")
    assert_refused(inkling("evaluate", run, "--slices", csv), "digits holds no picture files: write a column index")


def test_a_file_that_does_not_fit_the_run(trained: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    _, run, names = trained
    csv = written(tmp_path / "metadata.csv", [f"{name},x" for name in names[:-2]], "file,light")
    assert_refused(
        inkling("evaluate", run, "--slices", csv), "2 of 40 test images of", "test/dog/18.png, test/dog/19.png"
    )
    assert_refused(inkling("evaluate", run, "--slices", tmp_path / "none.csv"), "none.csv", "No such file")


def test_groups_alone_other_splits_and_other_pictures(trained: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    photos, run, names = trained
    csv = written(tmp_path / "metadata.csv", [f"{name},{name[-6:-4]}" for name in names], "file,Group")
    values = last_json(inkling("evaluate", run, "--slices", csv, "--split", "validation", "--json"))
    assert values["slices"] is None
    assert values["group_leak"]["split"] == "validation"
    assert last_json(inkling("evaluate", run, "--slices", csv, "--split", "train", "--json"))["group_leak"] is None
    assert values["group_leak"]["verdict"] in inkling("evaluate", run, "--slices", csv, "--split", "validation").stdout
    printed = inkling("evaluate", run, "--slices", csv, "--data", photos).stdout
    assert f"Whether groups of {photos} were trained on is not known: its names are its own." in printed
    other = tmp_path / "other"
    words = ("--network", "perceptron", "--epochs", 1, "--train-size", 50, "--seed", 1, "--out", other)
    assert inkling("train", photos, *words).returncode == 0
    shared = [
        set(last_json(inkling("evaluate", *each, "--slices", csv, "--json"))["group_leak"]["shared"])
        for each in ([run], [other], [run, other])
    ]
    assert shared[0] | shared[1] == shared[2]
    assert shared[0] != shared[1]


def test_groups_in_two_splits_are_a_finding_of_the_check_and_refused_in_training(
    trained: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    photos, _, names = trained
    of = {
        name: name[-6:-4] if name.startswith("train") or int(name[-6:-4]) < 3 else f"t{name[-6:-4]}" for name in names
    }
    csv = written(tmp_path / "groups.csv", [f"{name},{group}" for name, group in of.items()], "file,group")
    done = inkling("data", "check", photos, "--groups", csv, "--out", tmp_path / "page.html", "--json")
    values = last_json(done)
    finding = next(each for each in values["findings"] if each["id"] == "groups")
    assert finding["verdict"] == (
        "3 of 77 groups lie in more than one split (00 in train and test, 01 in train and test, 02 in train and test): "
        "those of 6 test images have training images."
    )
    assert values["groups"]["trained"] == {"validation": 0, "test": 6}
    assert "Groups across splits" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert_refused(
        inkling("train", photos, "--groups", csv, "--network", "perceptron", "--out", tmp_path / "run"),
        "3 groups are in more than one split: 00 (in train and test)",
    )
    written(csv, [f"{name},{name.split('/')[0]}{name[-6:-4]}" for name in names], "file,group")
    values = last_json(inkling("data", "check", photos, "--groups", csv, "--out", tmp_path / "page.html", "--json"))
    finding = next(each for each in values["findings"] if each["id"] == "groups")
    assert (finding["count"], finding["verdict"]) == (0, "No group lies in two splits.")
