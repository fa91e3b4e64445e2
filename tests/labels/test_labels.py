"""Wrong labels: planted ones are ranked first, rated by networks that never saw them, and shown safely."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from command_line import TRAIN_DIGITS, assert_refused, inkling, last_json
from inkling.diagnosis.label_errors import diagnose_labels, find_label_errors
from inkling.errors import DataError, RunError, SettingsError, TrainingError
from inkling.images.dataset import ImageDataset, Splits
from inkling.images.sources.digits import load_digits
from inkling.images.sources.registry import load_images
from inkling.images.splitting import stratified_folds
from inkling.labels import out_of_fold as folding
from inkling.labels.kept_together import kept_together
from inkling.labels.out_of_fold import out_of_fold, rate_folds, train_to_the_end
from inkling.labels.rating import rate_by_training
from inkling.labels.review import RatedLabels, write_review
from inkling.networks.catalogue import build_network
from inkling.training.loop import train
from inkling.training.measuring import measure
from inkling.training.recipes.registry import recipe

SETTINGS = recipe("reference", epochs=3)


def planted_digits(count: int = 30, seed: int = 0) -> tuple[Splits, np.ndarray]:
    """The digits with so many training labels made wrong, and which."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    wrong = rng.choice(len(digits.train), count, replace=False)
    labels = digits.train.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, count)) % 10
    return replace(digits, train=ImageDataset(digits.train.images, labels, digits.train.class_names)), wrong


# --- the ranking -----------------------------------------------------------------------------------------------------


def test_a_ranking_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 0])
    probabilities = np.array(
        [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7], [0.05, 0.95]]
    )  # fmt: skip
    found = find_label_errors(labels, probabilities)
    assert (found[0].index, found[0].label, found[0].suggested, found[0].score, found[0].suggested_probability) == (
        6,
        0,
        1,
        0.05,
        0.95,
    )
    assert [error.flagged for error in found] == [True] + 6 * [False]
    assert [error.right for error in found] == sorted(error.right for error in found)
    assert find_label_errors(labels, probabilities, count=2) == found[:2]


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 6), st.sampled_from([np.float32, np.float64]))
def test_any_probabilities_and_labels_are_ranked_without_a_warning(seed: int, n: int, k: int, kind: type) -> None:
    """Classes without an image and images that no class claims included."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    labels[:2] = rng.permutation(k)[:2]
    probabilities = rng.dirichlet(np.full(k, 0.3), n).astype(kind)
    before = probabilities.copy()
    found = find_label_errors(labels, probabilities)
    assert sorted(error.index for error in found) == list(range(n))
    for error in found:
        assert error.label == labels[error.index] != error.suggested
        assert error.score == probabilities[error.index, error.label]
        others = np.delete(probabilities[error.index], error.label)
        assert error.suggested_probability == others.max()
    assert np.array_equal(before, probabilities)


def test_confident_learning_estimates_how_many_labels_are_wrong() -> None:
    """Of 2,000 labels a known share is turned; a classifier that is right 19 times in 20 must tell about how many."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 2000)
    labels = truth.copy()
    wrong = rng.choice(2000, 200, replace=False)
    labels[wrong] = (truth[wrong] + rng.integers(1, 4, 200)) % 4
    logits = rng.normal(size=(2000, 4)) + 5 * np.eye(4)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = find_label_errors(labels, probabilities)
    flagged = {error.index for error in found if error.flagged}
    assert 160 <= len(flagged) <= 240
    assert len(flagged & set(wrong.tolist())) >= 0.8 * len(flagged)
    assert np.isin(wrong, [error.index for error in found[:220]]).mean() > 0.9
    sure = [error for error in find_label_errors(truth, probabilities) if error.flagged]
    assert len(sure) < 40


def noisy(labels: np.ndarray, seed: int, margin: float = 5) -> np.ndarray:
    """Probabilities of a network that is right about 19 times in 20 with the margin 5, and calibrated."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), 4)) + margin * np.eye(4)[labels]
    logits *= margin  # the posterior of normal scores
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("margin", [1.0, 2.0, 3.0])
def test_a_weak_network_shows_no_wrong_labels_where_all_are_right(margin: float) -> None:
    truth = np.random.default_rng(0).integers(0, 4, 2000)
    found = diagnose_labels(truth, noisy(truth, 1, margin))
    assert found.flagged == 0
    assert abs(found.singled_out - found.by_itself) < 5 * max(1, found.by_itself) ** 0.5
    assert "No wrong labels are shown" in found.verdict
    assert not any(error.flagged for error in found.errors)


def test_wrong_labels_are_shown_beyond_what_the_network_flags_by_itself() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 2000)
    labels = truth.copy()
    labels[:100] = (truth[:100] + rng.integers(1, 4, 100)) % 4
    found = diagnose_labels(labels, noisy(truth, 1, 3.0))
    assert 60 <= found.flagged <= 100, "no more than are wrong"
    flagged = [error.index for error in found.errors if error.flagged]
    assert len(flagged) == found.flagged
    assert np.mean(np.array(flagged) < 100) > 0.8  # 0.85, as docs/methods.md says
    assert f"{found.flagged} labels look wrong" in found.verdict
    assert found.to_dict()["by_itself_high"] == found.singled_out - found.flagged


def test_a_class_that_is_often_taken_for_another_is_found_by_its_counts() -> None:
    """A network that learned the habit gives both classes: the label is as probable as of a hard image."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 2000)
    labels = truth.copy()
    wrong = np.flatnonzero((truth == 1) & (rng.random(2000) < 0.3))
    labels[wrong] = 2
    clean = noisy(truth, 1, 2.5)
    learned = clean.copy()
    learned[:, 1], learned[:, 2] = 0.7 * clean[:, 1], clean[:, 2] + 0.3 * clean[:, 1]
    first = [error.index for error in find_label_errors(labels, learned)[: len(wrong)]]
    by_probability = np.argsort(learned[np.arange(2000), labels])[: len(wrong)]
    assert np.isin(wrong, first).mean() > max(0.8, 3 * np.isin(wrong, by_probability).mean())


def test_one_class_alone_has_no_wrong_labels() -> None:
    with pytest.raises(DataError, match="two classes"):
        find_label_errors(np.zeros(5, np.int64), np.full((5, 2), 0.5))


def test_without_cleanlab_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'cleanlab' else found(name, *more)\n"
        f"sys.argv = ['inkling', 'labels', 'digits', '--out', {str(tmp_path / 'out')!r}]\n"
        "from inkling.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert_refused(done, "cleanlab", "pip install 'inkling-ml[labels]'")
    assert not (tmp_path / "out").exists()


# --- probabilities of images that were not seen ----------------------------------------------------------------------


def test_every_image_is_judged_by_a_network_that_has_not_seen_it(tiny_splits: Splits) -> None:
    """Another label for an image changes what is said of every image but those of its own fold."""
    base = out_of_fold(tiny_splits, "perceptron", SETTINGS, folds=3)
    np.testing.assert_allclose(base.sum(axis=1), 1, rtol=1e-5)
    for index in (0, 17, 41):
        labels = tiny_splits.train.labels.copy()
        labels[index] = (labels[index] + 1) % 3
        other = replace(tiny_splits, train=ImageDataset(tiny_splits.train.images, labels, ("top", "upper", "lower")))
        changed = out_of_fold_on_the_same_folds(other, tiny_splits)
        same = (changed == base).all(axis=1)
        assert same[index], "its own label must have no say in what is said of it"
        assert same.sum() == 20, "of three folds only its own is rated without it"


def out_of_fold_on_the_same_folds(splits: Splits, like: Splits) -> np.ndarray:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "stratified_folds", lambda _, *how: stratified_folds(like.train.labels, *how))
        return out_of_fold(splits, "perceptron", SETTINGS, folds=3)


def test_the_last_epoch_is_kept_so_that_no_label_chooses(tiny_splits: Splits) -> None:
    fresh = build_network("perceptron", tiny_splits.train.image_shape, tiny_splits.train.n_classes, SETTINGS.seed)
    records = list(train(fresh, tiny_splits, SETTINGS))
    network = train_to_the_end(tiny_splits, "perceptron", SETTINGS)
    assert [record.epoch for record in records] == [1, 2, 3]
    assert measure(network, tiny_splits.train)[0] == records[-1].train_loss


def test_every_fold_says_how_far_its_epochs_are(tiny_splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkling.training.progress.SECONDS", 0)
    seen: list[tuple[int, int, str]] = []
    out_of_fold(
        tiny_splits, "perceptron", SETTINGS, folds=2, progress=lambda fold, at: seen.append((fold, at.epoch, at.stage))
    )
    assert list(dict.fromkeys(seen)) == [
        (fold, epoch, stage) for fold in (0, 1) for epoch in (1, 2, 3) for stage in ("training", "measuring")
    ]


def test_the_same_seed_gives_the_same_probabilities_and_another_one_others(tiny_splits: Splits) -> None:
    first, second = (out_of_fold(tiny_splits, "perceptron", SETTINGS, folds=2) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, out_of_fold(tiny_splits, "perceptron", replace(SETTINGS, seed=1), folds=2))


def test_the_mean_over_the_epochs_is_half_of_networks_that_have_not_seen_the_image(tiny_splits: Splits) -> None:
    rated = rate_folds(tiny_splits, "perceptron", SETTINGS, folds=3)
    np.testing.assert_array_equal(rated.held_out, out_of_fold(tiny_splits, "perceptron", SETTINGS, folds=3))
    np.testing.assert_allclose(rated.over_epochs.sum(axis=1), 1, rtol=1e-5)
    fold_of = stratified_folds(tiny_splits.train.labels, 3, SETTINGS.seed, kept_together(tiny_splits.train, 3))
    expected = np.zeros_like(rated.over_epochs)
    for fold in range(3):
        own = fold_of == fold
        parts = replace(tiny_splits, train=tiny_splits.train.subset(~own))
        network = build_network("perceptron", parts.train.image_shape, parts.train.n_classes, SETTINGS.seed)
        for _ in train(network, parts, SETTINGS):
            weights = np.where(own, 1 / 2, 1 / 4)[:, None]  # one network has not seen the image, two have
            expected += weights * network.predict_proba(tiny_splits.train.images) / SETTINGS.epochs
    np.testing.assert_allclose(rated.over_epochs, expected, atol=1e-6)


def test_the_mean_over_the_epochs_ranks_and_does_not_count() -> None:
    truth = np.random.default_rng(0).integers(0, 4, 2000)
    labels = np.where(np.arange(2000) < 100, (truth + 1) % 4, truth)
    held_out, over_epochs = noisy(truth, 1, 2.0), noisy(truth, 2, 3.0)
    alone, found = diagnose_labels(labels, held_out), diagnose_labels(labels, held_out, over_epochs)
    assert replace(found, errors=()) == replace(alone, errors=())
    first = [error.index for error in found.errors[:100]]
    assert first == [error.index for error in find_label_errors(labels, over_epochs)[:100]]
    assert all(error.score == held_out[error.index, error.label] for error in found.errors)
    with pytest.raises(DataError):
        find_label_errors(labels, held_out, over_epochs=over_epochs[1:])


def test_folds_that_cannot_be(tiny_splits: Splits) -> None:
    for folds in (1, 61):
        with pytest.raises(SettingsError, match=r"2\.\.60"):
            out_of_fold(tiny_splits, "perceptron", SETTINGS, folds)
    labels = np.array([0] * 59 + [1])
    lonely = ImageDataset(tiny_splits.train.images, labels, ("top", "upper", "lower"))
    with pytest.raises(DataError, match="'upper' has one image"):
        out_of_fold(replace(tiny_splits, train=lonely), "perceptron", SETTINGS)


def test_planted_wrong_labels_of_the_digits_come_first() -> None:
    splits, wrong = planted_digits()
    probabilities = out_of_fold(splits, "perceptron", recipe("reference", epochs=60), folds=3)
    found = find_label_errors(splits.train.labels, probabilities)
    assert np.isin(wrong, [error.index for error in found[:45]]).mean() >= 0.9
    truth = load_digits().train.labels
    suggested = {error.index: error.suggested for error in found}
    assert np.mean([suggested[int(i)] == truth[i] for i in wrong]) >= 0.9


# --- the command -----------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_from_suspects_to_a_run_on_corrected_labels(tmp_path: Path) -> None:
    out = tmp_path / "review"
    labels = ("labels", "digits", "--network", "perceptron", "--recipe", "reference", "--epochs", 10, "--folds", 3)
    values = last_json(inkling(*labels, "--limit", 12, "--out", out, "--json"))
    assert (values["split"], values["n"], len(values["suspects"])) == ("train", 1077, 12)
    with open(out / "corrections.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["split", "index", "file", "label", "suggested", "score", "correct_label"]
    assert [row["correct_label"] for row in rows] == [""] * 12
    assert [int(row["index"]) for row in rows] == [suspect["index"] for suspect in values["suspects"]]
    assert values["singled_out"] >= values["flagged"] == max(0, values["singled_out"] - values["by_itself_high"])
    assert values["verdict"] in (out / "labels.html").read_text(encoding="utf-8")
    assert load_images("digits", corrections=out / "corrections.csv").fingerprint == load_images("digits").fingerprint
    page = Page((out / "labels.html").read_text(encoding="utf-8"))
    assert sum(tag == "img" for tag, _ in page.tags) == 12 * 6
    assert all(attrs["alt"] and attrs["src"].startswith("data:image/png") for tag, attrs in page.tags if tag == "img")
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "the 12 images" in page.text
    for row in rows[:3]:
        row["correct_label"] = row["suggested"]
    with open(out / "corrections.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    corrected = load_images("digits", corrections=out / "corrections.csv")
    for row in rows[:3]:
        assert corrected.train.labels[int(row["index"])] == int(row["suggested"])
    # What a person has written is not overwritten.
    assert_refused(inkling(*labels, "--out", out), "may hold your corrections")


def test_a_part_of_the_training_images_keeps_its_indices(tmp_path: Path) -> None:
    values = last_json(
        inkling("labels", "digits", "--network", "perceptron", "--recipe", "reference", "--epochs", 2, "--folds", 2,
                "--train-size", 50, "--seed", 3, "--limit", 50, "--out", tmp_path / "out", "--json")
    )  # fmt: skip
    digits = load_digits()
    indices = [suspect["index"] for suspect in values["suspects"]]
    assert sorted(indices) == digits.train.stratified_indices(50, 3).tolist()
    assert [int(s["label"]) for s in values["suspects"]] == digits.train.labels[indices].tolist()


def test_several_seeds_are_averaged_and_say_how_many_agree(tmp_path: Path) -> None:
    words = ("labels", "digits", "--network", "perceptron", "--recipe", "reference", "--epochs", 5, "--folds", 2,
             "--train-size", 100, "--limit", 10)  # fmt: skip
    values = last_json(inkling(*words, "--seeds", "0,1,2", "--out", tmp_path / "three", "--json"))
    assert "the mean of the seeds 0, 1 and 2" in values["rated_by"]
    assert {suspect["networks"] for suspect in values["suspects"]} == {3}
    for suspect in values["suspects"]:
        assert 0 <= suspect["predicted_otherwise"] <= 3
    page = (tmp_path / "three/labels.html").read_text(encoding="utf-8")
    assert page.count("of 3 networks predict another class") == 10
    alone = last_json(inkling(*words, "--out", tmp_path / "one", "--json"))
    assert not {"networks", "predicted_otherwise"} & set(alone["suspects"][0])
    digits = load_digits()
    settings = recipe("reference", "perceptron", 50, epochs=5)
    rated = rate_by_training(digits, "perceptron", settings, train_size=100, folds=2, seeds=(0, 1))
    smaller = digits.with_train_size(100, 0)
    each = [out_of_fold(smaller, "perceptron", replace(settings, seed=seed), 2) for seed in (0, 1)]
    np.testing.assert_array_equal(rated.probabilities, np.mean(each, axis=0))
    expected = sum((one.argmax(axis=1) != smaller.train.labels).astype(int) for one in each)
    np.testing.assert_array_equal(rated.otherwise, expected)
    over_epochs = [rate_folds(smaller, "perceptron", replace(settings, seed=seed), 2).over_epochs for seed in (0, 1)]
    np.testing.assert_array_equal(rated.over_epochs, np.mean(over_epochs, axis=0))


def test_test_images_are_judged_by_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    last_json(inkling(*TRAIN_DIGITS, "--train-size", 200, "--epochs", 30, "--out", run, "--json"))
    values = last_json(
        inkling("labels", "digits", "--split", "test", "--run", run, "--limit", 5, "--out", tmp_path / "out", "--json")
    )
    assert values["n"] == 360
    assert str(run) in values["rated_by"] == values["judged_by"]
    assert {suspect["split"] for suspect in values["suspects"]} == {"test"}
    assert (
        load_images("digits", corrections=tmp_path / "out/corrections.csv").fingerprint
        == load_images("digits").fingerprint
    )
    refused = inkling("labels", "digits", "--run", run, "--out", tmp_path / "no")
    assert_refused(refused, "was trained on its own training images")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--split", "tset"), "did you mean 'test'"),
        (("--limit", 0), "limit"),
        (("--seeds", "1,1"), "each seed must be given once"),
        (("--seeds", "1,2", "--split", "test", "--run", "somewhere"), "leave out one of them"),
        (("--network", "perceptron", "--recipe", "distil"), "teacher"),
        (("--network", "perceptron", "--recipe", "reference", "--folds", 1), "folds"),
    ],
)
def test_what_the_command_refuses(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    assert_refused(inkling("labels", "digits", *words, "--out", tmp_path / "out"), expected)
    assert not (tmp_path / "out").exists()


HOSTILE = ("<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "{{ 7 * 7 }}")


def test_names_of_classes_and_files_are_escaped_in_the_gallery(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def part(n: int) -> ImageDataset:
        return ImageDataset(rng.integers(0, 256, (n, 4, 4, 3)).astype(np.uint8), np.arange(n) % 3, HOSTILE)

    splits = Splits(part(12), part(6), part(6), "<b>noise")
    rated = RatedLabels("train", np.arange(12), rng.dirichlet(np.ones(3), 12), "<u>somebody")
    files = [f"<i>{i}%s.png" for i in range(12)]
    review = write_review(splits, rated, tmp_path / "out", 12, files, "inkling labels '<s>'")
    text = review.gallery.read_text(encoding="utf-8")
    page = Page(text)
    assert {"b", "u", "i", "s"}.isdisjoint(tag for tag, _ in page.tags)
    assert [tag for tag, _ in page.tags].count("script") == 1, "the page's own"
    assert not [attrs for _, attrs in page.tags if "onerror" in attrs]
    for word in (*HOSTILE, "<b>noise", "<u>somebody", "<i>3%s.png", "inkling labels '<s>'"):
        assert word in page.text, word
    assert "http://" not in text
    assert "https://" not in text
    assert review.corrections.read_text().count("%s.png") == 12
    with pytest.raises(RunError, match="may hold your corrections"):
        write_review(splits, rated, tmp_path / "out", 12)


def test_class_folders_name_the_picture_in_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for level, name in enumerate(("dark", "bright")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 90, (4, 4), dtype=np.uint8) + np.uint8(150 * level)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    # A dark picture among the bright ones, in the training part for certain: it is there three times.
    for number in range(3):
        Image.fromarray(rng.integers(0, 90, (4, 4), dtype=np.uint8)).save(tmp_path / f"data/bright/odd{number}.png")
    values = last_json(
        inkling("labels", tmp_path / "data", "--network", "perceptron", "--recipe", "reference", "--epochs", 30,
                "--folds", 3, "--out", tmp_path / "out", "--json")
    )  # fmt: skip
    first = values["suspects"][0]
    assert first["file"].startswith("bright/odd")
    assert first["suggested"] == "dark"


def test_training_that_diverges_rates_nothing_and_says_so(tiny_splits: Splits) -> None:
    hopeless = recipe("reference", epochs=3, learning_rate=1e200)
    with pytest.raises(TrainingError, match=r"the training of perceptron on \d+ images .* no label is rated: choose"):
        out_of_fold(tiny_splits, "perceptron", hopeless, folds=2)


def test_a_run_of_another_source_is_named_as_such(tmp_path: Path) -> None:
    run, pictures = tmp_path / "run", tmp_path / "pictures"
    for name, grey in (("dark", 0), ("light", 255)):
        (pictures / name).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (4, 4), abs(grey - number)).save(pictures / name / f"{number}.png")
    assert inkling("train", pictures, "--network", "perceptron", "--epochs", 1, "--out", run).returncode == 0
    refused = inkling("labels", "digits", "--split", "test", "--run", run, "--out", tmp_path / "no")
    assert_refused(refused, f"digits: holds other images than {run} was trained on", "give the run's own source")
