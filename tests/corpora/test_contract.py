"""Every corpus of the house keeps the contract that plugin authors check theirs against."""

import pytest

from aersut.corpora import Synthetic
from aersut.registry import CORPORA
from aersut.testing import check_corpus


@pytest.mark.parametrize("name", ["cremad", "ravdess", "synthetic"])
def test_keeps_the_contract(name, tmp_path):
    if name != "synthetic":
        Synthetic(speakers=2, repetitions=1).write(tmp_path, name)
    corpus = Synthetic(speakers=2, repetitions=1) if name == "synthetic" else CORPORA[name]()
    check_corpus(corpus, tmp_path)
