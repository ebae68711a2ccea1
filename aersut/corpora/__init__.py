"""Corpora of emotional speech: each lists the audio files in a folder as labelled clips."""

from aersut.corpora.clips import Clips as Clips
from aersut.corpora.cremad import CremaD as CremaD
from aersut.corpora.emodb import EmoDB as EmoDB
from aersut.corpora.folders import Folders as Folders
from aersut.corpora.manifest import Manifest as Manifest
from aersut.corpora.ravdess import Ravdess as Ravdess
from aersut.corpora.savee import Savee as Savee
from aersut.corpora.synthetic import Synthetic as Synthetic
from aersut.corpora.tess import Tess as Tess
