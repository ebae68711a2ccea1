"""Corpora: folders on disk, listed as clips."""

from aersut.corpora.cremad import CremaD
from aersut.corpora.ravdess import Ravdess
from aersut.corpora.synthetic import Synthetic

__all__ = ["CremaD", "Ravdess", "Synthetic"]
