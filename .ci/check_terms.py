"""Refuse words for which the field has a term: in text, identifiers, JSON keys and file names.

    python .ci/check_terms.py [FILES]

Without arguments it checks every source and documentation file in the Git index. Identifiers are split into words, so
that `heardAs` and `heard_as` read "heard as". A line that needs a refused word, such as the name of another library's
function, ends in `terms: ok`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = {".cc", ".cff", ".css", ".h", ".html", ".ipynb", ".js", ".md", ".py", ".toml", ".yaml", ""}
EXCLUDED = (".ci/check_terms.py", "LICENSE", "tests/earlier/run/", "tests/test_terms.py")
DRAWN = (
    r"aersut/report/|aersut/sweep/plots\.py|tests/report/|aersut/serving/page/|benchmarks/"
    r"|aersut/api\.py|aersut/results\.py|docs/python\.md|docs/generate/|docs/style\.css|tests/test_api\.py"
)
"""Where `figure` is matplotlib's, or an element of HTML."""

TERMS: tuple[tuple[str, str, str], ...] = (
    (r"judg\w*", "evaluate, predict or classify", ""),
    (r"(?:un|over)?hear(?:s|d|ing)?", "predicted; seen or unseen speakers; classify", ""),
    (r"(?<!event )(?<!event\.)listen(?:s|ed|ing|er|ers)?", "feature importance; client; stream", ""),
    (r"figures?", "metric or result", DRAWN),
    (r"spoken", "true (ground-truth label)", ""),
    (r"sure(?:ly|st|r)", "confidence; most confident", ""),
    (r"pupils?|taught|teaches", "student; knowledge distillation; soft targets", ""),
    (r"(?:train|training|validation|test) parts?", "training set, validation set, test set", ""),
    (r"left out", "skipped; omitted", ""),
    (r"emotion networks?", "emotion classifier", ""),
    (r"shares? of|(?:a|an|the|its|their|this|by|as) shares?", "fraction or proportion", ""),
    (r"voice gate|without a voice", "voice activity detection (VAD) threshold", ""),
    (r"another (?:microphone|room|loudness)", "channel perturbation, reverberation, gain", ""),
    (r"band higher", "frequency-shift tolerance", ""),
    (r"spoil(?:s|t|ed)?", "block; unusable", ""),
    (r"understood", "results by group; supported", ""),
    (r"(?:is|are|be) none of", "is not one of", ""),
    (r"files? that (?:was|were) exported", "exported model", ""),
    (r"so manieth", "every n-th", ""),
    (r"(?:like|as) json but", "is not valid JSON", ""),
    (r"side by side", "ensemble; one column each", ""),
    (r"houses?", "package", ""),
)
PATTERNS = [(re.compile(rf"(?<![a-z]){pattern}(?![a-z])"), term, re.compile(where)) for pattern, term, where in TERMS]


def problems(path: str, text: str) -> Iterator[str]:
    """A line for each refused word: where it is, and the term to use."""
    rules = [(pattern, term) for pattern, term, allowed in PATTERNS if not (allowed.pattern and allowed.match(path))]
    for number, line in enumerate([path, *text.splitlines()]):
        if "terms: ok" in line:
            continue
        words = plain(line)
        for pattern, term in rules:
            if found := pattern.search(words):
                yield f"{path}:{number}: '{found[0]}': use {term}"


def cells(notebook: str) -> str:
    """The text and code of a notebook, without its outputs."""
    return "\n".join("".join(cell["source"]) for cell in json.loads(notebook)["cells"])


def plain(line: str) -> str:
    """The words of a line: camel case and underscores split, in lower case."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", line)
    return re.sub(r"[\s-]+", " ", split).lower()


def main() -> int:
    """Print all problems; the exit status is 1 where there is one."""
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    found = []
    for name in sys.argv[1:] or listed:
        path = Path(name)
        if path.suffix in SUFFIXES and not name.startswith(EXCLUDED) and path.is_file():
            text = path.read_text(encoding="utf-8")
            found += problems(name, cells(text) if path.suffix == ".ipynb" else text)
    print(*found, sep="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
