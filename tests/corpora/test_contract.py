"""Every built-in corpus passes the contract check for plugin authors."""

import math
from dataclasses import dataclass

import pytest

from aersut.contracts import Clip, Corpus, Listing, SkippedFile
from aersut.corpora import Clips, Synthetic
from aersut.registry import CORPORA
from aersut.testing import check_corpus, corpus_checks

NAMES = {
    "emodb": ("emodb/wav/03a01Fa.wav", "emodb/wav/03a01La.wav"),
    "savee": ("savee/DC_a01.wav", "savee/DC/a01.wav"),
    "tess": ("tess/OAF_fear/OAF_back_fear.wav", "tess/x/OAF_back_fear.wav", "tess/OAF_fear/readme.wav"),
    "manifest": ("a.wav",),
    "folders": ("sad/anna/1.wav", "other/1.wav", "2.wav"),
}


@pytest.mark.parametrize(
    ("clips", "skipped", "message"),
    [
        ([(0, math.inf), (0, math.inf)], 0, "a.wav 2 times"),
        ([(0, math.inf), (0, 1)], 0, "a.wav is a clip, and segments of it"),
        ([(0, math.inf)], 1, "a.wav is a clip, and skipped"),
        ([], 2, "a.wav is skipped 2 times"),
        ([(0, 1), (1, 2)], 2, None),
    ],
)
def test_a_file_that_is_listed_twice_breaks_it(clips, skipped, message, tmp_path):
    @CORPORA.register("listed_twice")
    @dataclass(frozen=True)
    class Listed(Corpus):
        """Lists one file."""

        def load(self, root):
            made = [Clip(root / "a.wav", "sad", "1", "listed_twice", start=start, end=end) for start, end in clips]
            return Listing(tuple(made), (SkippedFile(root / "a.wav", "a reason"),) * skipped)

    promise = next(check for check in corpus_checks(Listed(), tmp_path) if "listed once" in check.promise)
    if message is None:
        promise()
    else:
        with pytest.raises(AssertionError, match=message):
            promise()


@pytest.mark.parametrize("name", CORPORA.names())
def test_keeps_the_contract(name, tmp_path, speak):
    if name == "synthetic":
        check_corpus(Synthetic(speakers=2, repetitions=1), tmp_path)
        return
    if name == "clips":
        speak("a.wav")
        check_corpus(Clips.of([{"audio": tmp_path / "a.wav", "emotion": "sad", "speaker": "1"}]), tmp_path)
        return
    if name in NAMES:
        speak(*NAMES[name])
        (tmp_path / "manifest.csv").write_text("path,emotion,speaker\na.wav,sad,1\ngone.wav,sad,1\n")
        if name == "manifest":
            check_corpus(CORPORA[name](), tmp_path)
            rows = ["path,emotion,speaker,start,end", "a.wav,sad,1,0,0.1", "a.wav,happy,1,0.1,0.2", "a.wav,?,1,0.2,"]
            (tmp_path / "manifest.csv").write_text("\n".join(rows))  # segments
    else:
        Synthetic(speakers=2, repetitions=1).write(tmp_path, name)
    check_corpus(CORPORA[name](), tmp_path)
