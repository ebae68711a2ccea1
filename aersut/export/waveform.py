"""Files that take samples, for LiteRT: on a phone, on a Raspberry Pi, in a browser.

`features.tflite` makes samples features, as training did; joined with a classifier's file it is `waveform_*.tflite`.
"""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from aersut.errors import UserError
from aersut.export.context import Context
from aersut.export.features_file import features_file
from aersut.export.join import joined
from aersut.export.ship import shipped
from aersut.export.verify import compare, judge, latency_ms, refuse_difference, run_litert

TOLERANCE = 1e-3
"""The largest difference of a scaled feature between the file and training."""
JOINED = ("float32", "int8")


def waveforms(context: Context) -> Mapping[str, bytes]:
    """features.tflite and waveform_*.tflite, verified on the whole test part.

    Raises:
        UserError: a file is not what was trained, or it cannot be had and was asked for.
    """
    wanted = context.options.waveform
    if wanted is False:
        return {}
    try:
        features = features_file(context.trained.frontend)
    except UserError as error:
        if wanted:
            raise
        context.notes.append(f"features.tflite and waveform_*.tflite are left out: {error}")
        return {}
    test, window = context.test.recordings, context.prepared.collection.window
    samples = np.stack([window(clip) for clip, _ in test.items]).astype(np.float32) / 32768
    rows = run_litert(features, samples)
    difference = float(np.abs(rows - test.features).max())
    if not difference <= TOLERANCE:
        raise UserError(
            f"features.tflite differs from the features of training by {difference:.2g}, more than {TOLERANCE}; "
            "nothing was exported. --export.waveform=false does without it."
        )
    latency = latency_ms(features, samples[0])
    files = {
        "features.tflite": shipped(
            context, "features.tflite", "features", features, latency_ms=latency, feature_difference=difference
        )
    }
    for name in JOINED:
        file = joined(features, context.files[f"model_{name}.tflite"])
        found = run_litert(file, samples)
        if name == "float32":
            refuse_difference(compare(found, test.reference))
        judged = judge(found, test.reference, test.labels)
        known = {**asdict(judged), "clips": len(samples), "latency_ms": latency_ms(file, samples[0])}
        files[f"waveform_{name}.tflite"] = shipped(context, f"waveform_{name}.tflite", "waveform", file, **known)
    return files
