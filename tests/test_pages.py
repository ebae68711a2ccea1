"""The code on the pages runs: README.md and the site.

A fenced block of `bash` or `python` is run, in the order of the page. An indented block is not: it needs hours, a
corpus, a board or another host. Its commands are in docs/reference/long_commands.md, with the date of their last run.
"""

import contextlib
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import soundfile
from absl.testing import flagsaver

from aersut import cli
from aersut.corpora.synthetic import render
from aersut.experiment import experiment_names

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OLDER = (
    "ablations",
    "augmentation",
    "audio",
    "fine_tuning",
    "platforms",
    "corpora",
    "design",
    "edge",
    "joint",
    "plugins",
    "python",
    "robustness",
    "speed",
    "terms",
    "web",
    "zoo",
)
"""Pages with tests of their own, and pages of results, whose commands have their date beside them."""
PAGES = [ROOT / "README.md", *(page for page in sorted(DOCS.rglob("*.md")) if page.stem not in OLDER)]
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
OURS = ("aersut ", "python launch.py ", "python benchmarks/", "make ", "python -m aersut")
SUBSTITUTED = re.compile(r"\bRUN\b")


def blocks(page):
    return FENCED.findall(page.read_text(encoding="utf-8"))


def commands(text):
    """The command lines of a block, without their comments; a backslash continues a line."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def indented(page):
    """The words of each command in the indented blocks of a page."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    text = re.sub(r" *\\\n +", " ", text)
    for line in re.findall(r"^    (.+)$", text, re.MULTILINE):
        for command in line.split(" | "):
            if command.startswith(OURS):
                with contextlib.suppress(ValueError):  # a quotation that continues on the next line
                    yield shlex.split(command, comments=True)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A corpus with a manifest."""
    corpus = tmp_path_factory.mktemp("recorded")
    manifest = ["path,emotion,speaker"]
    for speaker in range(1, 11):
        for emotion in EMOTIONS:
            soundfile.write(corpus / f"{speaker}_{emotion}_0.wav", render(speaker, emotion, 0), 16_000)
            manifest.append(f"{speaker}_{emotion}_0.wav,{emotion},{speaker}")
    (corpus / "manifest.csv").write_text("\n".join(manifest), encoding="utf-8")
    return corpus


@pytest.fixture
def workplace(recorded, tmp_path, monkeypatch, finished):
    """The folder that the pages assume: clip.wav, folder/, my_corpus/ with its manifest, and a run.

    The experiment `quickstart` has fewer clips there.
    """
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "my_corpus"
    shutil.copytree(recorded, corpus)
    (tmp_path / "folder").mkdir()
    (tmp_path / "experiments").mkdir()
    quickstart = (ROOT / "experiments/quickstart.py").read_text(encoding="utf-8")
    assert "repetitions=4" in quickstart
    (tmp_path / "experiments/quickstart.py").write_text(quickstart.replace("repetitions=4", "repetitions=1"))
    shutil.copy(corpus / "1_happy_0.wav", tmp_path / "clip.wav")
    shutil.copy(corpus / "2_sad_0.wav", tmp_path / "folder")
    shutil.copytree(finished.folder, tmp_path / "finished")
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, workplace, launch):
    for language, text in blocks(page):
        if language == "bash":
            for program, *arguments in commands(SUBSTITUTED.sub("finished", text)):
                assert program == "aersut"
                ran = launch(*arguments)
                assert ran.status == 0, f"{' '.join(arguments)}\n{ran.out}\n{ran.err}"
        elif text.startswith("# ") and text.partition("\n")[0].endswith(".py"):
            (workplace / text.partition("\n")[0].removeprefix("# ")).write_text(text, encoding="utf-8")
        else:
            assert language == "python"
            exec(compile(text, str(page), "exec"), {"__name__": "page"})


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *DOCS.rglob("*.md")]), ids=lambda page: page.stem)
def test_the_commands_of_a_page_exist(page):
    text = page.read_text(encoding="utf-8")
    cut = re.findall(rf"^    (?:{'|'.join(OURS)}).*[^\\\n]\n {{5,}}\S.*", FENCED.sub("", text), re.MULTILINE)
    assert not cut, "a line that continues a command needs a backslash before it"
    for script in re.findall(r"python (benchmarks/\w+\.py)", text):
        assert (ROOT / script).exists(), script
    fenced = [words for language, text in blocks(page) if language == "bash" for words in commands(text)]
    for words in (*indented(page), *fenced):
        program, *arguments = words[1:] if words[0] == "python" else words
        if program in ("aersut", "launch.py"):
            assert_parses([one.strip("[]") for one in arguments if one not in ("…", "...", "&&", ">", "<")])


def assert_parses(arguments):
    """Each flag exists, in the mode that has it, and the experiment exists."""
    with flagsaver.flagsaver():
        cli._parse(["aersut", *arguments])
    for argument in arguments:
        name = argument.removeprefix("--experiment=")
        if name != argument and name.islower() and not name.endswith((".py", ".json")):
            assert name in experiment_names(), argument


def test_the_commands_that_are_not_run_are_listed_with_a_date():
    listed = (DOCS / "reference" / "long_commands.md").read_text(encoding="utf-8")
    commands = {" ".join(words) for page in PAGES for words in indented(page)}
    rows = [line for line in listed.splitlines() if re.search(r"\d{1,2} \w+ 20\d\d|\]\(.*date", line)]
    missing = {command for command in commands if not any(f"`{command}`" in row for row in rows)}
    assert not missing, "add them to docs/reference/long_commands.md"


def keys_of(value, at=""):
    """The keys of parsed JSON, with their path: "classes.sad.f1", "clips[].path"."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from keys_of(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from keys_of(inner, f"{at}[]")
    else:
        yield at


def documented_keys():
    """{file: {pattern of the key: its text}} of docs/reference/run_folder.md."""
    text = (DOCS / "reference" / "run_folder.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+\.jsonl?)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    return {file: re.findall(r"^\| `([^`]+)` \| .", section, re.MULTILINE) for file, section in sections.items()}


EXPLAINED_ELSEWHERE = {"export/export.json": ("features[].",)}
"""Keys of plugins."""


def test_every_key_of_a_run_folder_is_documented(finished):
    documented = documented_keys()
    written = [file for file, patterns in documented.items() if patterns and (finished.folder / file).exists()]
    assert {"split.json", "metrics.jsonl", "evaluation/metrics.json", "export/export.json"} <= set(written)
    for file in written:
        path, patterns = finished.folder / file, documented[file]
        lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        known = [re.compile(re.escape(one).replace(r"\*", ".+")) for one in patterns]
        for key in {key for line in lines for key in keys_of(json.loads(line))}:
            if not key.startswith(EXPLAINED_ELSEWHERE.get(file, ("no key",))):
                assert any(one.fullmatch(key) for one in known), f"docs/reference/run_folder.md, {file}: no {key}"


def test_every_documented_key_is_written_by_the_code():
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "aersut").rglob("*.py"))
    for file, patterns in documented_keys().items():
        for pattern in patterns:
            name = re.split(r"\.|\[\]", pattern.removesuffix(".*"))[-1]
            assert re.search(rf"\b{name}\b", source), f"docs/reference/run_folder.md, {file}: {pattern}"
