"""The ledger of the test images: what counts as a look, once; and what damage, copies and neighbours do to it."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import inkling, last_json
from inkling.images.sources.digits import load_digits
from inkling.report.page import build_report
from inkling.runs.execute import RunPlan, train_run
from inkling.runs.ledger import LEDGER, read_ledger, record_look
from inkling.runs.run import Run
from inkling.storage.atomic import append_line
from inkling.studies.folder import load_runs
from inkling.studies.ledger import UseOfTestSet, use_of_test_set
from inkling.studies.plan import StudyPlan
from inkling.studies.study import run_study
from inkling.training.recipes.registry import recipe

SETTINGS = recipe("reference", epochs=2)


def train(folder: Path, seed: int = 0, resume: bool = False) -> Run:
    plan = RunPlan("digits", "perceptron", replace(SETTINGS, seed=seed), 50)
    for _ in train_run(plan, load_digits(), folder, resume):
        pass
    return Run(folder)


def used(folder: Path) -> UseOfTestSet:
    return use_of_test_set(folder, load_runs(folder))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of seed 0 and, beside it, one of seed 1."""
    folder = tmp_path_factory.mktemp("ledger")
    train(folder / "first")
    train(folder / "second", 1)
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "runs"))


def test_a_training_is_one_look_however_often_it_is_resumed(tmp_path: Path) -> None:
    run = train(tmp_path / "run")
    train(tmp_path / "run", resume=True)
    assert [look.command for look in read_ledger(run.folder).looks] == ["train"]
    # As a kill leaves it between the ledger and the results.
    (run.folder / "run.json").write_text(json.dumps({**run.info, "results": None, "finished": None}))
    assert train(tmp_path / "run", resume=True).finished
    (look,) = read_ledger(run.folder).looks
    assert (look.n, look.split, look.test_fingerprint) == (360, "test", run.data.test_fingerprint)
    assert look.runs[0].weights_sha256 == run.weights_digest()
    alone = used(run.folder)
    assert alone.count == "This test split (n = 360) was used once by 1 run."
    assert alone.best is None


def test_runs_beside_each_other_share_their_test_images(runs: Path) -> None:
    for _ in range(3):
        assert record_look("evaluate", [Run(runs / "first")]) is None
    second = used(runs / "second")
    assert second.count == "This test split (n = 360) was used 5 times by 2 runs; 1 of them before this one."
    assert second.by_command == {"train": 2, "evaluate": 3}
    assert "looks from elsewhere are not counted" in second.verdict
    assert second.best is not None
    assert (second.best.runs, second.best.known) == (2, 1)
    assert used(runs / "first").earlier == 0


def test_other_test_images_are_another_split(runs: Path) -> None:
    info = json.loads((runs / "first/run.json").read_text())
    info["data"]["test_fingerprint"] = "0" * 64
    (runs / "first/run.json").write_text(json.dumps(info))
    assert used(runs / "first").runs == 1
    assert used(runs / "first").unrecorded == ("first",)
    assert "The training of 1 run is in no ledger." in used(runs / "first").verdict


def test_a_damaged_line_is_reported_and_the_others_count(runs: Path) -> None:
    path = runs / "second" / LEDGER
    path.write_bytes(b"[[[[\n\xff\xfe\n" + path.read_bytes() + b'{"id": "a"}\n\n{"id": "half')
    record_look("evaluate", [Run(runs / "second")])
    use = used(runs / "second")
    assert use.by_command == {"train": 2, "evaluate": 1}
    assert len(use.damaged) == 4
    assert "second/test_ledger.jsonl: line 1 is damaged" in Path(use.damaged[0]).as_posix()
    assert "4 damaged lines could not be counted" in use.verdict
    assert last_json(inkling("evaluate", runs / "second", "--json"))["test_ledger"]["by_command"]["evaluate"] == 2


def test_a_ledger_that_cannot_be_written_or_read_fails_no_command(runs: Path) -> None:
    (runs / "second" / LEDGER).unlink()
    (runs / "second" / LEDGER).mkdir()
    done = inkling("evaluate", runs / "second")
    assert done.returncode == 0
    assert "This look at the test images is not in the ledger" in done.stderr
    assert "cannot be read" in used(runs / "second").damaged[0]
    assert inkling("report", runs / "second").returncode == 0


def test_commands_that_show_test_results_are_looks_and_others_are_not(runs: Path) -> None:
    first, second = runs / "first", runs / "second"
    inkling("evaluate", first, "--split", "validation")
    inkling("compare", first, first)  # refused
    assert used(first).by_command == {"train": 2}
    compared = last_json(inkling("compare", first, second, "--json"))
    assert compared["test_ledger"]["by_command"] == {"train": 2, "compare": 1}  # in both ledgers, and one look
    inkling("evaluate", first, second)
    reported = last_json(inkling("report", second, "--json"))
    assert reported["test_ledger"]["by_command"] == {"train": 2, "compare": 1, "evaluate": 1, "report": 1}
    assert reported["test_ledger"]["looks"] == 5
    page = build_report(second)
    assert "was used 5 times by 2 runs; 1 of them before this one" in page
    assert "Whoever chooses the best of 2 runs" in page


def test_parallel_runs_of_a_study_are_all_there_and_a_copy_counts_once(tmp_path: Path) -> None:
    plan = StudyPlan.from_recipe("digits", ["perceptron"], (50, 100), (0, 1), epochs=2)
    run_study(plan, tmp_path / "studies/study", jobs=2)
    run_study(plan, tmp_path / "studies/study", jobs=2)
    use = used(tmp_path / "studies/study")
    assert (use.by_command, use.runs, use.earlier, use.unrecorded) == ({"train": 4}, 4, None, ())
    inkling("compare", tmp_path / "studies/study")
    inkling("report", tmp_path / "studies/study")
    use = used(tmp_path / "studies/study")
    assert use.by_command == {"train": 4, "report": 1}  # one network has nothing to compare, and that is refused
    for copy in (tmp_path / "studies/copy", tmp_path / "elsewhere/study"):
        shutil.copytree(tmp_path / "studies/study", copy)
        assert used(copy).to_dict() == use.to_dict()
    assert used(tmp_path / "studies/study/runs/perceptron-50-seed0").looks == use.looks


def append(path: Path, worker: int) -> None:
    for number in range(20):
        append_line(path, json.dumps([worker, number]))


def test_lines_of_processes_at_the_same_time_are_all_whole(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append, args=(tmp_path / "file", worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lines = (tmp_path / "file").read_text().splitlines()
    assert sorted(json.loads(line) for line in lines) == [[worker, n] for worker in range(3) for n in range(20)]


def test_what_a_kill_leaves_of_a_line_damages_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{"id": "ha')
    append_line(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text().splitlines() == ['{"id": "ha', "whole"]
