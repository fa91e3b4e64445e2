"""The README and the other documents: examples run as they stand, links lead somewhere, words are the field's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inkling
from command_line import inkling as command

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = sorted(path for kind in ("py", "j2", "js") for path in (ROOT / "src").rglob(f"*.{kind}"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_THE_FIELDS_WORDS = (
    "house", "room", "door", "foretold", "pupil", "taken for", "spoke for", "speaks for", "as sure as", "how sure",
    "told apart", "an error of none", "lets readers ask", "explodes", "exploded", "by heart",
)  # fmt: skip


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if blocks(path, "python")], ids=_name)
def test_python_examples_run_as_they_stand(path: Path) -> None:
    for example in blocks(path, "python"):
        exec(compile(example, path.name, "exec"), {})


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        if heading:
            assert heading in headings(linked.read_text(encoding="utf-8")), target


def headings(text: str) -> set[str]:
    """Return the anchors of the headings, as they are made on the pages of common forges."""
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=_name)
def test_files_that_are_named_are_there(path: Path) -> None:
    named = re.findall(r"\b(?:tests|benchmarks|docs)/[\w/]+\.py\b", path.read_text(encoding="utf-8"))
    assert [file for file in named if "_x.py" not in file and not (ROOT / file).exists()] == []


@pytest.mark.parametrize("path", [*DOCUMENTS, *SOURCES], ids=_name)
def test_the_words_are_the_fields_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    assert [word for word in NOT_THE_FIELDS_WORDS if re.search(rf"\b{word}s?\b", text)] == []


def test_the_commands_on_a_folder_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for name, colour in (("cat", (200, 80, 40)), ("dog", (40, 80, 200))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(30):
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (60, 80, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.jpg")
    (tmp_path / "photos" / "cat" / "0.jpg").rename(tmp_path / "new.jpg")
    monkeypatch.chdir(tmp_path)
    (example,) = [block for block in blocks(ROOT / "README.md", "sh") if "photos" in block]
    lines = [shlex.split(line, comments=True) for line in example.splitlines() if line]
    assert [words[:2] for words in lines] == [["inkling", verb] for verb in ("train", "report", "predict")]
    said = []
    for _, *words in lines:
        done = command(*words, *(["--epochs", 1] if words[0] == "train" else []))  # all of them take minutes
        assert done.returncode == 0, done.stderr
        said.append(done.stdout + done.stderr)
    assert re.search("perceptron|cnn|pretrained", said[0])
    assert (tmp_path / "runs" / "photos" / "report.html").exists()
    assert "cat" in said[2]


def test_it_is_cited_with_the_version_that_it_has() -> None:
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    values = dict(line.split(": ", 1) for line in lines if re.match(r"[a-z-]+: \S", line))
    assert values["cff-version"] == "1.2.0"
    assert values["version"] == inkling.__version__
    assert values["license"] == "MIT"
    assert {"message", "title"} <= set(values)
    assert {"authors:", "keywords:"} <= set(lines)


def test_what_is_promised_of_pythons_is_what_is_declared() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    assert declared == ["3.11", "3.12", "3.13"]
    assert f'requires-python = ">={declared[0]}"' in project
    for text in (README, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert f"Python {declared[0]} to {declared[-1]}" in text
    assert f"versions=({' '.join(declared)})" in (ROOT / ".ci" / "pythons").read_text(encoding="utf-8")


def test_the_architecture_names_every_package_and_only_what_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "inkling"
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    paths = {path for path in re.findall(r"`([\w/]+(?:/|\.py))`", text) if path.split("/")[0] in packages}
    assert [path for path in sorted(paths) if not (package / path).exists()] == []
    assert {path.split("/")[0] for path in paths} == packages
    picture = re.findall(r"^    (\w+(?: \| \w+)*) {2,}", text, flags=re.MULTILINE)
    layers = re.search(r"^layers = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE | re.DOTALL)
    assert layers
    assert picture == re.findall(r'"([^"]+)"', layers[1])
    listed = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("is layered:")[2].partition("[docs/")[0]
    assert re.findall(r"`(\w+)`", listed) == re.findall(r"\w+", layers[1])
