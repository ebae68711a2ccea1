"""Files with audio input, for LiteRT on a phone, a Raspberry Pi or in a browser.

`features.tflite` computes the features of training from samples. Joined with a classifier it is `waveform_*.tflite`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aersut.bundle_files import classifier_file
from aersut.contracts import SkippedTargetError, Target
from aersut.data.audio import to_float
from aersut.errors import UserError
from aersut.export.context import Context
from aersut.export.features_file import features_file
from aersut.export.metadata import documented
from aersut.export.runtimes import litert_runtimes
from aersut.export.verify import check_float32, feature_difference, file_metrics, latency_ms
from aersut.registry import TARGETS
from aersut.tflite.file import TFLiteFile
from aersut.tflite.join import joined
from aersut.tflite.litert import LiteRTModel

JOINED = ("float32", "int8")


@TARGETS.register("waveform")
@dataclass(frozen=True)
class Waveform(Target):
    """features.tflite and waveform_*.tflite, from samples to features and to probabilities."""

    after = ("classifier",)

    def files(self, context: Context) -> Mapping[str, TFLiteFile]:
        """Convert the audio frontend, join it with classifiers, and verify the files on the whole test set."""
        wanted = context.options.waveform
        if wanted is False:
            return {}
        context.say("converting features.tflite")
        try:
            features = features_file(context.trained.frontend)
        except UserError as error:
            if wanted:
                raise
            raise SkippedTargetError(f"features.tflite and waveform_*.tflite are omitted: {error}") from error
        test = context.test.originals
        samples = to_float(context.samples(test))
        context.say(f"verifying {features.name} in LiteRT")
        found = LiteRTModel(features)(samples)
        hint = "--export.waveform=false omits the file."
        difference = feature_difference(features.name, found, test.features, hint)
        measured = {"latency_ms": latency_ms(features, samples[0]), "feature_difference": difference}
        runtimes = litert_runtimes(features, samples, found)
        finished = [documented(context, features, "features", runtimes, **measured)]
        for name in JOINED:
            file = joined(features, context.model(classifier_file(name)), f"waveform_{name}.tflite")
            context.say(f"verifying {file.name} in LiteRT")
            found = LiteRTModel(file)(samples)
            if name == "float32":
                check_float32(found, test.reference)
            measured = {**asdict(file_metrics(found, test.reference, test.labels)), "clips": len(samples)}
            measured["latency_ms"] = latency_ms(file, samples[0])
            runtimes = litert_runtimes(file, samples, found)
            finished.append(documented(context, file, "waveform", runtimes, **measured))
        return {file.name: file for file in finished}
