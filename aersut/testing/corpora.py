"""The contract of corpora."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

from aersut.contracts import Clip, Corpus, Listing
from aersut.data.assignment import SPLITS
from aersut.errors import UserError
from aersut.labels import label_problem
from aersut.registry import CORPORA
from aersut.testing.contract import Contract, expect


def check_corpus(corpus: Corpus, root: Path) -> None:
    """Run all checks of `corpus_checks`."""
    corpus_checks(corpus, root).run()


def corpus_checks(corpus: Corpus, root: Path) -> Contract:
    """Return the checks of a corpus: it lists the clips under `root`, and reports a root without clips."""
    contract = Contract(CORPORA, corpus)
    listing = cache(lambda: corpus.load(root))

    def each(promise: str, kept: Callable[[Clip], bool], advice: str = "") -> None:
        @contract.promise(promise, advice)
        def _() -> None:
            for clip in listing().clips:
                expect(kept(clip), str(clip))

    contract.promise("load lists the clips")(listing)
    returned = contract.promise("load returns a Listing")
    returned(lambda: expect(isinstance(listing(), Listing), f"it returned {type(listing()).__name__}"))
    contract.promise("load finds clips", f"none under {root}: pass another root")(lambda: bool(listing().clips))
    contract.promise("load is deterministic", "sort the files of a folder")(lambda: corpus.load(root) == listing())
    each("every clip exists", lambda clip: clip.path.is_file())
    each("every emotion is a label", lambda clip: not label_problem(clip.emotion), "aersut.labels.label_problem")
    each(f"split is one of {', '.join(SPLITS)} or empty", lambda clip: clip.split in ("", *SPLITS))
    each("every clip has a speaker", lambda clip: bool(clip.speaker), "speaker-independent splits need one")
    each("clips name their corpus as it is registered", lambda clip: clip.corpus == CORPORA.name_of(corpus))

    @contract.promise("every file, or segment of one, is listed once, as a clip or as skipped")
    def _() -> None:
        for location, count in Counter(clip.location for clip in listing().clips).items():
            expect(count == 1, f"{location} {count} times")
        whole = {clip.path for clip in listing().clips if clip.location == str(clip.path)}
        segments = {clip.path for clip in listing().clips if clip.location != str(clip.path)}
        for path in whole & segments:
            expect(False, f"{path} is a clip, and segments of it")
        for path, count in Counter(file.path for file in listing().skipped).items():
            expect(path not in whole, f"{path} is a clip, and skipped")
            expect(count == 1 or path in segments, f"{path} is skipped {count} times")

    @contract.promise("every skipped file has a reason")
    def _() -> None:
        for file in listing().skipped:
            expect(file.reason.strip(), str(file.path))

    @contract.promise("a root without the corpus raises UserError", "say which path was searched")
    def _() -> None:
        with tempfile.TemporaryDirectory() as empty, contextlib.suppress(UserError):
            expect(corpus.load(Path(empty)).clips, "it returned an empty Listing")

    return contract
