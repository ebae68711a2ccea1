"""Speakers of published corpora by the names of their files, also of changed copies."""

from pathlib import Path

import pytest

from aersut.data.collection import recognized_speakers


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("03-01-05-01-02-01-12", {"ravdess:12"}),
        ("03-01-05-01-02-01-01_16k", {"ravdess:1"}),
        ("01-02-05-01-02-01-20", {"ravdess:20"}),
        ("1001_DFA_ANG_XX", {"cremad:1001"}),
        ("cremad_1001_dfa_ang_xx_aug1 (2)", {"cremad:1001"}),
        ("1001_IEO_SAD_X", {"cremad:1001"}),
        ("2024-03-01-05-01-02-01-12-30", set()),
        ("03-01-05-01-02-01", set()),
        ("11001_DFA_ANG_XX", set()),
        ("1001_DFA_ANGRY", set()),
        ("interview 12", set()),
    ],
)
def test_it_is_known_by_unmistakable_names_only(name, found):
    assert recognized_speakers(Path("any", f"{name}.wav")) == found
