"""Corpora of emotional speech: each lists the audio files in a folder as labelled clips."""

from aersut.corpora.cremad import CremaD
from aersut.corpora.emodb import EmoDB
from aersut.corpora.manifest import Manifest
from aersut.corpora.ravdess import Ravdess
from aersut.corpora.savee import Savee
from aersut.corpora.synthetic import Synthetic
from aersut.corpora.tess import Tess

__all__ = ["CremaD", "EmoDB", "Manifest", "Ravdess", "Savee", "Synthetic", "Tess"]
