"""Every built-in corpus passes the contract check for plugin authors."""

import pytest

from aersut.corpora import Clips, Synthetic
from aersut.registry import CORPORA
from aersut.testing import check_corpus

NAMES = {
    "emodb": ("emodb/wav/03a01Fa.wav", "emodb/wav/03a01La.wav"),
    "savee": ("savee/DC_a01.wav", "savee/DC/a01.wav"),
    "tess": ("tess/OAF_fear/OAF_back_fear.wav", "tess/x/OAF_back_fear.wav", "tess/OAF_fear/readme.wav"),
    "manifest": ("a.wav",),
    "folders": ("sad/anna/1.wav", "other/1.wav", "2.wav"),
}


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
