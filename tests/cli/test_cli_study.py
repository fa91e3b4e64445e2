"""What `inkling study` prints."""

from pathlib import Path

import pytest

from command_line import inkling


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("0", "One seed: accuracy, and seconds of training."),
        ("0,1", "Over 2 seeds: accuracy as mean ± standard deviation, seconds of training as mean."),
    ],
)
def test_a_study_says_over_how_many_seeds_its_table_is(tmp_path: Path, seeds: str, said: str) -> None:
    words = ["study", "digits", "--networks", "perceptron", "--train-sizes", "20", "--epochs", "1", "--seeds"]
    done = inkling(*words, seeds, "--out", tmp_path / "study")
    assert said in done.stdout.splitlines()
