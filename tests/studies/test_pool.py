"""Runs of a study on this machine: shared cores on every system, and a run that diverges costs no other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import inkling_process, last_json
from inkling.errors import RunError
from inkling.studies import pool
from inkling.studies.folder import StudyFolder
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study, study_progress


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 4)


@pytest.mark.parametrize(
    ("said", "threads"),
    [
        (None, 4),
        ("2", 2),
        ("3,2", 3),
        (" 2 , 1", 2),
        ("", 4),
        (",2", 4),
        ("many", 4),
        ("0", 4),
        ("-1", 4),
        ("2.5", 4),
        ("²", 4),
    ],
)
@pytest.mark.usefixtures("four_cores")
def test_omp_num_threads_is_read_as_openmp_reads_it(
    said: str | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert pool.torch_threads() == threads


def test_cores_are_counted_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= pool.cores() <= (os.cpu_count() or 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 4}, raising=False)
    assert pool.cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert pool.cores() == 1


def test_two_jobs_run_where_openmp_nests(tmp_path: Path) -> None:
    words = ("study", "digits", "--networks", "perceptron", "--train-sizes", 50, "--seeds", "0,1", "--epochs", 2)
    done = inkling_process(*words, "--jobs", 2, "--out", tmp_path / "study", "--json", env={"OMP_NUM_THREADS": "4,2"})
    assert last_json(done)["cells"][0]["seeds"] == [0, 1]


def diverging(source: str = "digits") -> StudyPlan:
    """Three seeds of a perceptron that learns, and of one whose learning rate makes the loss no number."""
    plan = StudyPlan.from_recipe(source, ["perceptron"], [50, 60], [0, 1, 2], epochs=3)
    settings = dict(plan.settings)
    settings["perceptron", 50] = replace(
        settings["perceptron", 50], schedule=replace(settings["perceptron", 50].schedule, learning_rate=1e38)
    )
    return replace(plan, settings=settings)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_diverges_is_recorded_and_the_others_go_on(jobs: int, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    ends = [state for state in study_progress(diverging(), folder, jobs) if state.record is None]
    assert sorted(state.done for state in ends) == [1, 2, 3, 4, 5, 6]
    assert sorted(state.plan.train_size or 0 for state in ends if state.failure) == [50, 50, 50]
    study = run_study(diverging(), folder, jobs)  # again: tried again, and recorded once
    assert [(cell.train_size, cell.seeds) for cell in study.cells] == [(60, (0, 1, 2))]
    assert sorted((run.network, run.train_size, run.seed) for run in study.failed) == [
        ("perceptron", 50, seed) for seed in (0, 1, 2)
    ]
    assert all("1e+38" in run.reason for run in study.failed)
    assert study.failures.startswith("3 runs diverged and are not counted: perceptron on 50 images with seed ")
    assert study.to_dict()["failed"] == json.loads((folder / "study.json").read_text())["failed"]
    expected = [f"perceptron-50-seed{seed} (diverged)" for seed in (0, 1, 2)]
    assert sorted(StudyFolder(folder).unfinished_runs()) == expected


def test_a_study_in_which_every_run_diverged_says_so(tmp_path: Path) -> None:
    plan = diverging()
    only = replace(plan, settings={key: settings for key, settings in plan.settings.items() if key[1] == 50})
    with pytest.raises(RunError, match=r"no finished run in it \(3 diverged, the first because .*1e\+38"):
        run_study(only, tmp_path / "study")


def test_the_command_says_which_runs_diverged_and_succeeds(tmp_path: Path) -> None:
    out = tmp_path / "study"
    words = ("study", "digits", "--networks", "perceptron", "--seeds", "0,1", "--epochs", 3, "--out", out)
    assert inkling_process(*words, "--train-sizes", 60).returncode == 0
    done = inkling_process(*words, "--train-sizes", 50, "--learning-rate", "1e38")
    assert done.returncode == 0, done.stderr
    assert "2 runs diverged and are not counted: perceptron on 50 images with seed 0, perceptron on 50" in done.stdout
    page = Path(last_json(inkling_process("report", out, "--json"))["report"]).read_text()
    for seed in (0, 1):
        assert re.search(rf"<li>perceptron-50-seed{seed}: training diverged in epoch \d", page)


def test_a_run_that_did_not_diverge_after_all_is_no_failure_any_more(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    run_study(diverging(), folder)
    StudyFolder(folder).record("perceptron", 50, 0, None)
    assert [run.seed for run in StudyFolder(folder).failed_runs()] == [1, 2]


def test_a_process_that_is_killed_ends_the_study_in_one_line(
    tmp_path: Path, write_observer: Callable[[str], Path]
) -> None:
    module = write_observer("import os\ndef observe(records, folder):\n    os._exit(9)\n    yield\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from observer import observe; from inkling.errors import RunError\n"
        "from inkling.studies.plan import StudyPlan; from inkling.studies.study import run_study\n"
        "if __name__ == '__main__':\n"
        "    plan = StudyPlan.from_recipe('digits', ['perceptron'], [50], [0, 1], epochs=2)\n"
        "    try:\n        run_study(plan, sys.argv[1], 2, observer=observe)\n"
        "    except RunError as error:\n        print(error)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "study", module.parent], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(module.parent)])},
    )  # fmt: skip
    assert "a process of the study was killed" in done.stdout, done.stderr


@pytest.fixture
def write_observer(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "modules" / "observer.py"
        path.parent.mkdir()
        path.write_text(text)
        return path

    return write
