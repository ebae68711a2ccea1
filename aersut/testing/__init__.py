"""Contract checks that plugin authors run in the plugin's own tests.

    @pytest.mark.parametrize("check", feature_checks(MyFeature(bands=8)), ids=str)
    def test_contract(check: Check) -> None:
        check()

`feature_checks` returns one `Check` per promise of the contract; `check_feature` runs all of them. A check raises
`AssertionError`; the message names the plugin, the broken promise and the remedy. Pass an object that has an effect: an
augmenter with probability 0 changes nothing, which counts as broken.
"""

from aersut.testing.augmenters import augmenter_checks, check_augmenter
from aersut.testing.contract import Check
from aersut.testing.corpora import check_corpus, corpus_checks
from aersut.testing.features import check_feature, feature_checks
from aersut.testing.models import check_export, check_model, export_checks, model_checks
from aersut.testing.optimizers import check_optimizer, optimizer_checks

__all__ = [
    "Check",
    "augmenter_checks",
    "check_augmenter",
    "check_corpus",
    "check_export",
    "check_feature",
    "check_model",
    "check_optimizer",
    "corpus_checks",
    "export_checks",
    "feature_checks",
    "model_checks",
    "optimizer_checks",
]
