"""Who is understood and who is not."""

import numpy as np
import pytest

from aersut.evaluation.breakdown import breakdown, mistakes
from tests.evaluation.judging import judged

SURE = {0: [0.9, 0.1, 0, 0], 1: [0.2, 0.8, 0, 0]}


@pytest.fixture
def verdict():
    """Speaker 1, a woman, is always understood; 2, a man, never; 3 half the time."""
    labels = [0, 1, 0, 1, 0, 1]
    said = [0, 1, 1, 0, 0, 0]
    return judged(
        labels, [SURE[s] for s in said], ["1", "1", "2", "2", "3", "3"], sex=["female"] * 2 + ["male"] * 4,
        intensity=["", "strong"] * 3,
    )  # fmt: skip


def test_figures_come_by_corpus_sex_intensity_and_speaker_the_worst_first(verdict):
    groups = breakdown(verdict)
    assert list(groups) == ["corpus", "sex", "intensity", "speaker"]
    assert list(groups["speaker"]) == ["made:2", "made:3", "made:1"]
    assert [row["uar"] for row in groups["speaker"].values()] == [0, 0.5, 1]
    assert groups["sex"]["male"]["uar"] == 0.25
    assert groups["sex"]["male"]["speakers"] == 2
    assert groups["sex"]["male"]["uar_interval"] is not None
    assert groups["sex"]["female"]["uar_interval"] is None  # one speaker
    assert set(groups["intensity"]) == {"unknown", "strong"}
    assert groups["corpus"]["made"]["clips"] == 6


def test_what_no_clip_says_is_left_out():
    groups = breakdown(judged([0, 1], [SURE[0], SURE[1]]))
    assert list(groups) == ["corpus", "speaker"]


def test_the_surest_mistakes_come_first_with_their_files(verdict):
    found = mistakes(verdict)
    assert [row["path"] for row in found] == ["clip3.wav", "clip5.wav", "clip2.wav"]
    assert found[0] == {
        "path": "clip3.wav",
        "speaker": "made:2",
        "emotion": "happy",
        "heard_as": "sad",
        "probability": pytest.approx(0.9),
        "probability_of_emotion": pytest.approx(0.1),
    }
    assert len(mistakes(verdict, most=2)) == 2
    assert mistakes(judged([0], [SURE[0]])) == []


def test_a_path_that_is_no_text_is_escaped():
    one = judged([1], [SURE[0]])
    object.__setattr__(one.clips[0], "path", "caf\udce9.wav")
    assert mistakes(one)[0]["path"] == "caf\\udce9.wav"
    assert np.isfinite(mistakes(one)[0]["probability"])
