"""`inkling predict` on the command line."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from command_line import TRAIN_DIGITS, assert_refused, inkling, last_json
from inkling.cli.optional_value import with_value
from inkling.images.sources.digits import load_digits
from inkling.networks.prediction import PART
from inkling.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict") / "run"
    assert inkling(*TRAIN_DIGITS, "--train-size", 200, "--epochs", 2, "--out", folder).returncode == 0
    return folder


def _save(folder: Path, n: int, suffix: str = ".png") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    images, files = load_digits().test.images[:, :, :, 0], []
    for number in range(n):
        files.append(folder / f"{number:04}{suffix}")
        Image.fromarray(images[number % len(images)]).save(files[-1])
    return files


@pytest.fixture
def light_and_dark(tmp_path: Path) -> tuple[Path, Path]:
    picture = Image.fromarray(load_digits().test.images[0, :, :, 0])
    light, dark = tmp_path / "light.png", tmp_path / "dark.png"
    picture.save(light)
    ImageOps.invert(picture).save(dark)
    return light, dark


def test_dark_ink_on_white_paper_is_inverted_on_request(run: Path, light_and_dark: tuple[Path, Path]) -> None:
    light, dark = light_and_dark
    (expected,) = last_json(inkling("predict", run, light, "--json"))
    (as_it_is,) = last_json(inkling("predict", run, dark, "--json"))
    assert expected["probabilities"] != as_it_is["probabilities"]
    assert not expected["inverted"]
    for words in ((dark, "--invert"), ("--invert", dark), (dark, "--invert", "yes"), (dark, "--invert=auto")):
        (inverted,) = last_json(inkling("predict", run, *words, "--json"))
        assert inverted["probabilities"] == expected["probabilities"]
        assert inverted["inverted"]


def test_auto_inverts_each_picture_that_looks_so_and_no_other(run: Path, light_and_dark: tuple[Path, Path]) -> None:
    done = inkling("predict", run, *light_and_dark, "--invert", "auto", "--json")
    light, dark = last_json(done)
    assert (light["inverted"], dark["inverted"]) == (False, True)
    assert light["probabilities"] == dark["probabilities"]
    assert done.stderr == "Inverted: 1 of 2 pictures (--invert auto).\n"


def test_pictures_unlike_the_training_images_are_said_in_a_line(
    run: Path, light_and_dark: tuple[Path, Path], tmp_path: Path
) -> None:
    light, dark = light_and_dark
    assert inkling("predict", run, light).stderr == ""
    said = inkling("predict", run, dark).stderr
    assert said.startswith("Dark on light, it seems, where training images are light on dark: 1 of 1 picture looked at")
    assert "--invert auto" in said
    assert said.count("\n") == 1
    assert inkling("predict", run, dark, "--invert").stderr == ""
    assert inkling("predict", run, light, "--invert").stderr.startswith("Dark on light")
    coloured = tmp_path / "coloured.png"
    Image.new("RGB", (500, 400), (255, 0, 0)).save(coloured)
    said = inkling("predict", run, coloured).stderr
    assert said.startswith("The picture is unlike the training images: ")
    assert "more colourful (1.00, training 0.00 to 0.00)" in said
    assert "larger (shorter side 400 pixels, training 8)" in said


def test_a_run_of_before_predicts_but_cannot_say_what_to_invert(light_and_dark: tuple[Path, Path]) -> None:
    old = Path(__file__).parents[1] / "data/run-of-commit-5418b5d"
    done = inkling("predict", old, light_and_dark[1])
    assert (done.returncode, done.stderr) == (0, "")
    assert_refused(inkling("predict", old, light_and_dark[1], "--invert", "auto"), "was made before it was recorded")


def test_all_pictures_that_cannot_be_read_are_counted(run: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "new"
    pictures.mkdir()
    for number in range(12):
        (pictures / f"{number:02}.png").write_bytes(b"text")
    Image.new("L", (8, 8)).save(pictures / "good.png")
    for words in (sorted(pictures.iterdir()), [pictures], [f"{pictures}/*"]):
        done = inkling("predict", run, *words)
        assert_refused(done, "12 of 13 pictures cannot be read", "00.png: expected a picture", "09.png", "and 2 more")
    assert_refused(inkling("predict", run, pictures / "good.png", pictures / "00.png"), "00.png: expected a picture")
    (tmp_path / "empty").mkdir()
    assert_refused(inkling("predict", run, tmp_path / "empty"), "expected a run or a folder of pictures, found neither")
    assert_refused(inkling("predict", pictures, pictures / "good.png"), "not a run folder")
    assert_refused(inkling("predict", run), "expected one picture or more")
    done = inkling("predict", run, pictures, "--skip-unreadable", "--format", "jsonl")
    assert done.returncode == 0
    assert json.loads(done.stdout)["file"] == str(pictures / "good.png")
    assert "Left out: 12 of 13 pictures.\n" in done.stderr
    assert done.stderr.count("expected a picture") == 12, "all of them are listed"
    assert_refused(inkling("predict", run, pictures / "00.png", "--skip-unreadable"), "00.png: expected a picture")


def test_a_picture_that_breaks_off_is_refused_with_nothing_half_written(run: Path, tmp_path: Path) -> None:
    files = _save(tmp_path / "new", 3, ".bmp")
    files[1].write_bytes(files[1].read_bytes()[:-20])
    out = tmp_path / "out.csv"
    out.write_text("before")
    assert_refused(inkling("predict", run, tmp_path / "new"), "0001.bmp: expected a picture, which cannot be read")
    assert_refused(inkling("predict", run, tmp_path / "new", "--out", out), "0001.bmp: expected a picture")
    assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_every_format_says_the_same_over_several_batches(run: Path, tmp_path: Path) -> None:
    n = PART + 10
    files = _save(tmp_path / "new", n)
    expected = Run(run).predict(files)
    names = Run(run).data.class_names
    values = last_json(inkling("predict", run, tmp_path / "new", "--json"))
    assert [value["file"] for value in values] == list(map(str, files))
    np.testing.assert_array_equal([list(value["probabilities"].values()) for value in values], expected)
    lines = inkling("predict", run, tmp_path / "new", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == values
    done = inkling("predict", run, tmp_path / "new", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["label"] for row in rows] == [value["label"] for value in values]
    np.testing.assert_allclose([[float(row[f"p({name})"]) for name in names] for row in rows], expected, rtol=1e-5)
    table = inkling("predict", run, tmp_path / "new").stdout.splitlines()
    assert table[0].split() == ["file", "label", "probability", "next"]
    assert [line.split()[:2] for line in table[1:]] == [[value["file"], value["label"]] for value in values]
    places = {found.start() for line in table[1:] if (found := re.search(r" 0\.\d{4} ", line))}
    assert len(places) == 1, "the columns of all batches stand below each other"


def test_the_ending_of_the_file_chooses_the_format(run: Path, tmp_path: Path) -> None:
    (file,) = _save(tmp_path / "new", 1)
    for name, format_name in (("a.csv", "csv"), ("a.jsonl", "jsonl"), ("a.json", "json")):
        done = inkling("predict", run, file, "--out", tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"Predictions of 1 pictures are in {tmp_path / name}\n"
        printed = inkling("predict", run, file, "--format", format_name).stdout
        assert (tmp_path / name).read_text() == printed
    values = last_json(inkling("predict", run, file, "--out", tmp_path / "b.txt", "--json"))
    assert values == {"out": str(tmp_path / "b.txt"), "format": "table", "pictures": 1, "left_out": []}
    assert (tmp_path / "b.txt").read_text() == inkling("predict", run, file).stdout
    assert_refused(inkling("predict", run, file, "--out", tmp_path / "no" / "a.csv"), "a.csv: cannot be written")
    assert_refused(inkling("predict", run, file, "--json", "--format", "csv"), "leave out one of them")


def test_no_cell_is_a_formula(run: Path, tmp_path: Path) -> None:
    (file,) = _save(tmp_path, 1)
    evil = file.rename(tmp_path / "=cmd().png")
    done = inkling("predict", run, evil.name, "--format", "csv", cwd=tmp_path)
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["file"] == "'=cmd().png"


@pytest.mark.skipif(sys.platform == "win32", reason="file names hold no control characters there")
def test_no_cell_is_an_escape_sequence(run: Path, tmp_path: Path) -> None:
    (file,) = _save(tmp_path, 1)
    evil = file.rename(tmp_path / "a\x1b[31mb<script>.png")
    done = inkling("predict", run, evil.name, "--format", "csv", cwd=tmp_path)
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["file"] == "a\\x1b[31mb<script>.png"


def test_paths_come_from_standard_input(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = _save(tmp_path / "new", 3)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{files[2]}\n\n{files[0]}\n".encode())))
    done = inkling("predict", run, "-", "--json")
    assert [value["file"] for value in last_json(done)] == [str(files[2]), str(files[0])]


def test_sets_and_familiarity_are_as_without_batches(run: Path, tmp_path: Path) -> None:
    files = _save(tmp_path / "new", PART + 3)
    options = ("--sets", "0.9", "--unlike", "--calibrated")
    values = last_json(inkling("predict", run, tmp_path / "new", *options, "--json"))
    (last,) = last_json(inkling("predict", run, files[-1], *options, "--json"))
    assert values[-1].keys() == last.keys()
    assert values[-1]["set"] == last["set"]
    assert values[-1]["familiarity_p_value"] == last["familiarity_p_value"]
    done = inkling("predict", run, files[-1], *options, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert json.loads(row["set"]) == last["set"]
    assert float(row["familiarity_p_value"]) == pytest.approx(last["familiarity_p_value"], rel=1e-5)
    assert "Sets hold the true class of 90% or more" in done.stderr
    table = inkling("predict", run, files[-1], *options).stdout
    assert "set at 0.9" in table
    assert "Unlike: farther" in table


def test_several_runs_are_averaged_wherever_they_stand(run: Path, tmp_path: Path) -> None:
    (file,) = _save(tmp_path / "new", 1)
    other = tmp_path / "other"
    assert inkling(*TRAIN_DIGITS, "--train-size", 200, "--epochs", 1, "--out", other).returncode == 0
    (both,) = last_json(inkling("predict", run, file, other, "--json"))
    mean = (Run(run).predict(file) + Run(other).predict(file)) / 2
    np.testing.assert_allclose(list(both["probabilities"].values()), mean[0], atol=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is counted in other units")
def test_memory_does_not_grow_with_the_number_of_pictures(run: Path, tmp_path: Path) -> None:
    _save(tmp_path / "new", 60)

    def peak(times: int) -> int:
        listed = "\n".join(str(file) for file in sorted((tmp_path / "new").iterdir())) + "\n"
        code = (
            "import resource, sys; from inkling.cli.main import main\n"
            f"sys.argv = ['inkling', 'predict', {str(run)!r}, '-', '--out', {str(tmp_path / 'out.csv')!r}, '--quiet']\n"
            "try: main()\n"
            "except SystemExit as end: assert not end.code, end.code\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], input=listed * times, capture_output=True, text=True, check=True
        )
        assert len((tmp_path / "out.csv").read_text().splitlines()) == 60 * times + 1
        return int(done.stdout.splitlines()[-1])  # KiB

    few, many = peak(10), peak(60)
    # Their paths need half a megabyte; what is written of them, kept, would need more than ten.
    assert many - few < 5 * 1024, f"{few / 1024:.1f} MiB for 600 pictures, {many / 1024:.1f} MiB for 3,600"


def test_a_value_that_is_left_out_is_completed() -> None:
    def completed(*words: str) -> list[str]:
        return with_value(words, "--invert", ("auto", "yes", "no"), "yes")

    assert completed("run", "--invert", "a.png") == ["run", "--invert=yes", "a.png"]
    assert completed("run", "a.png", "--invert") == ["run", "a.png", "--invert=yes"]
    assert completed("run", "--invert", "auto", "a.png") == ["run", "--invert", "auto", "a.png"]
    assert completed("run", "--invert=no", "--", "--invert") == ["run", "--invert=no", "--", "--invert"]


def test_nobody_reading_is_no_error_of_ours(run: Path, tmp_path: Path) -> None:
    _save(tmp_path / "new", 2 * PART)
    words: list[Any] = [sys.executable, "-m", "inkling", "predict", run, tmp_path / "new", "--format", "jsonl"]
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1


def test_a_name_that_is_no_unicode_comes_through(run: Path, tmp_path: Path) -> None:
    (file,) = _save(tmp_path / "new", 1)
    try:
        odd = file.rename(tmp_path / "new" / "caf\udce9.png")
    except (OSError, UnicodeError):
        pytest.skip("the file system has no such names")
    (value,) = last_json(inkling("predict", run, tmp_path / "new", "--json"))
    assert value["file"] == str(odd)
    assert "caf\\udce9.png" in inkling("predict", run, tmp_path / "new", "--format", "csv").stdout
    assert "caf\\udce9.png" in inkling("predict", run, tmp_path / "new").stdout
    odd.write_text("no picture")
    assert_refused(inkling("predict", run, tmp_path / "new"), "caf\\udce9.png: expected a picture")
