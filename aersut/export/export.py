"""Export a run: convert the best checkpoint, verify the file on the test part, and write both beside each other."""

from dataclasses import asdict
from typing import Any

import jax.numpy as jnp
import numpy as np

from aersut import metrics
from aersut.config import to_tree
from aersut.errors import UserError
from aersut.export.bridge import to_float32
from aersut.export.quiet import quiet
from aersut.export.verify import compare, refuse_difference, run_litert
from aersut.paths import write_bytes, write_json
from aersut.registry import MODELS
from aersut.run import Run, prepare
from aersut.training.forward import softmax
from aersut.training.trained import load


def export(run: Run) -> dict[str, Any]:
    """Write `export/model_float32.tflite` and `export/export.json`; return what the latter holds.

    Raises:
        UserError: the model cannot be exported, or the file does not agree with JAX on the test part.
    """
    experiment = run.experiment
    if not experiment.model.exportable:
        raise UserError(f"model '{MODELS.name_of(experiment.model)}' declares that it cannot be exported.")
    trained = load(run)
    prepared = prepare(run)
    items = prepared.split.items("test")
    features, labels = prepared.features(items), prepared.labels[items[:, 0]]
    scaled = np.asarray(trained.frontend.scaled(jnp.asarray(features)))
    with quiet():
        model = to_float32(trained.graphs, trained.state, trained.frontend.shape)
        probabilities = run_litert(model, scaled)
    agreement = compare(probabilities, softmax(trained.forward(trained.state, features)))
    refuse_difference(agreement)
    counts = metrics.confusion(labels, probabilities.argmax(1), len(experiment.data.emotions))
    scaling = trained.frontend.scaling
    result = {
        "labels": list(experiment.data.emotions),
        "framing": to_tree(experiment.framing),
        "features": to_tree(experiment.features),
        "scaling": None
        if scaling is None
        else {"mean": np.asarray(scaling.mean).tolist(), "deviation": np.asarray(scaling.deviation).tolist()},
        "epoch": trained.epoch,
        "protocol": prepared.split.protocol,
        "leaks": prepared.split.leaks,
        "synthetic": run.synthetic,
        "files": {
            "model_float32.tflite": {
                "bytes": len(model),
                "input": ["features, scaled", [1, *trained.frontend.shape], "float32"],
                "output": ["probabilities", [1, trained.frontend.classes], "float32"],
                "clips": len(items),
                "wa": metrics.wa(counts),
                "uar": metrics.uar(counts),
                **asdict(agreement),
            }
        },
    }
    write_bytes(run.export / "model_float32.tflite", model)
    write_json(run.export / "export.json", result)
    return result


def table(result: dict[str, Any]) -> str:
    """The exported files as text."""
    lines = [f"{'exported file':24}{'size':>10}{'UAR':>8}{'WA':>8}{'same as JAX':>13}{'largest difference':>20}"]
    for name, file in result["files"].items():
        lines.append(
            f"{name:24}{file['bytes'] / 1000:>7,.0f} KB{file['uar']:8.3f}{file['wa']:8.3f}"
            f"{file['same']:13.1%}{file['difference']:20.1e}"
        )
    return "\n".join(lines)
