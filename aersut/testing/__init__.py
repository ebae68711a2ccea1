"""Contract checks that the author of a plugin runs in the plugin's own tests.

    def test_contract() -> None:
        check_feature(MyFeature(bands=8))

Each check raises `AssertionError`; the message names the plugin, the promise that it broke, and what to do. Give it an
object that does something: an augmenter whose probability is 0 changes nothing, which counts as broken.
"""

from aersut.testing.augmenters import check_augmenter
from aersut.testing.corpora import check_corpus
from aersut.testing.features import check_feature
from aersut.testing.models import check_export, check_model, check_optimizer

__all__ = ["check_augmenter", "check_corpus", "check_export", "check_feature", "check_model", "check_optimizer"]
