"""Contract checks that plugin authors run in the plugin's own tests.

    @pytest.mark.parametrize("check", feature_checks(MyFeature(bands=8)), ids=str)
    def test_contract(check: Check) -> None:
        check()

`feature_checks` returns one `Check` per promise of the contract; `check_feature` runs all of them. A check raises
`AssertionError`; the message names the plugin, the broken promise and the remedy. Pass an object that has an effect: an
augmenter with probability 0 changes nothing, which counts as broken.
"""

from aersut.testing.augmenters import augmenter_checks as augmenter_checks
from aersut.testing.augmenters import check_augmenter as check_augmenter
from aersut.testing.conditions import check_condition as check_condition
from aersut.testing.conditions import condition_checks as condition_checks
from aersut.testing.contract import Check as Check
from aersut.testing.corpora import check_corpus as check_corpus
from aersut.testing.corpora import corpus_checks as corpus_checks
from aersut.testing.encoders import check_encoder as check_encoder
from aersut.testing.encoders import encoder_checks as encoder_checks
from aersut.testing.features import check_feature as check_feature
from aersut.testing.features import feature_checks as feature_checks
from aersut.testing.models import check_export as check_export
from aersut.testing.models import check_model as check_model
from aersut.testing.models import export_checks as export_checks
from aersut.testing.models import model_checks as model_checks
from aersut.testing.optimizers import check_optimizer as check_optimizer
from aersut.testing.optimizers import optimizer_checks as optimizer_checks
