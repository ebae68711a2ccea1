"""Export a run: convert the selected checkpoint, verify every file, and write them all as one bundle."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from aersut.errors import UserError
from aersut.export.boards import boards
from aersut.export.calibration import choose
from aersut.export.card import documents
from aersut.export.classifier import classifiers
from aersut.export.context import Context, Options, Part, origin
from aersut.export.waveform import waveforms
from aersut.paths import replaced_folder, write_bytes, write_json
from aersut.quiet import quiet
from aersut.registry import MODELS
from aersut.run import Prepared, Run, prepare
from aersut.training.forward import softmax
from aersut.training.trained import Trained, load

LIBRARIES = ("tensorflow", "ai_edge_quantizer", "tflite_micro")
PRODUCERS: tuple[Callable[[Context], Mapping[str, bytes]], ...] = (classifiers, waveforms, boards, documents)
"""Each makes some of the bundle's files, knowing those that the ones before it made."""


def export(run: Run, options: Options | None = None) -> dict[str, Any]:
    """Write the bundle `export/` anew, and return what its export.json holds.

    An older bundle stays until the new one is whole.

    Raises:
        UserError: the model cannot be exported, or a file does not do what it should; nothing is written then.
    """
    if missing := [name for name in LIBRARIES if importlib.util.find_spec(name) is None]:
        raise UserError(f"the export needs {missing[0]}: pip install 'aersut[export]'.")
    if not run.experiment.model.exportable:
        raise UserError(f"model '{MODELS.name_of(run.experiment.model)}' declares that it cannot be exported.")
    context = _context(run, options or Options())
    with quiet():
        for produce in PRODUCERS:
            context.files.update(produce(context))
    result = _result(context)
    with replaced_folder(run.export) as folder:
        for name, content in context.files.items():
            write_bytes(folder / name, content)
        write_json(folder / "export.json", result)
    return result


def _context(run: Run, options: Options) -> Context:
    trained, prepared = load(run), prepare(run)
    training, validation, test = (prepared.split.items(part) for part in ("train", "validation", "test"))
    chosen = choose(training, prepared.labels, run.experiment.data.emotions, options.calibration, run.experiment.seed)
    one, two, three = (_part(trained, prepared, items) for items in (chosen, validation, test))
    return Context(run, trained, prepared, options, calibration=one, validation=two, test=three)


def _part(trained: Trained, prepared: Prepared, items: Int[np.ndarray, "clips 2"]) -> Part:
    features = prepared.features(items)
    return Part(
        items=items,
        labels=prepared.labels[items[:, 0]],
        features=np.asarray(trained.frontend.scaled(jnp.asarray(features))),
        reference=softmax(trained.forward(trained.state, features)),
    )


def _result(context: Context) -> dict[str, Any]:
    clips = context.prepared.collection.clips
    return {
        **origin(context),
        "files": context.reports,
        "calibration": [str(clips[clip].path) for clip, _ in context.calibration.items],
        "notes": context.notes,
        **context.about,
    }


COLUMNS: tuple[tuple[str, str, int, Callable[[Any], str]], ...] = (
    ("size", "bytes", 10, lambda value: f"{value / 1000:,.0f} KB"),
    ("arena", "arena", 10, lambda value: f"{value / 1000:,.0f} KB"),
    ("latency", "latency_ms", 11, lambda value: f"{value:.2f} ms"),
    ("WA", "wa", 8, lambda value: f"{value:.3f}"),
    ("UAR", "uar", 8, lambda value: f"{value:.3f}"),
    ("same as JAX", "same", 13, lambda value: f"{value:.1%}"),
    ("largest difference", "difference", 20, lambda value: f"{value:.1e}"),
)
"""Of the table: heading, key of a file's report, width, and how a value is written."""


def table(result: dict[str, Any]) -> str:
    """What was exported, and what it is worth, as text."""
    lines = [f"{'exported file':26}" + "".join(f"{heading:>{width}}" for heading, _, width, _ in COLUMNS)]
    for name, file in result["files"].items():
        cells = (("-" if file[key] is None else text(file[key]), width) for _, key, width, text in COLUMNS)
        lines.append(f"{name:26}" + "".join(f"{cell:>{width}}" for cell, width in cells))
    if stream := result.get("stream"):
        lines.append(
            f"{' → '.join(stream['files'])} in TensorFlow Lite Micro, from samples to emotions: WA {stream['wa']:.3f}, "
            f"UAR {stream['uar']:.3f}, same as JAX {stream['same']:.1%} of {stream['clips']} clips"
        )
    for name, npu in result.get("ethos", {}).items():
        lines.append(
            f"int8 on {name}, as Vela estimates: {npu['ms']:.2f} ms at {npu['clock_mhz']:.0f} MHz, "
            f"{npu['sram_bytes'] / 1000:,.0f} KB of SRAM, {npu['flash_bytes'] / 1000:,.0f} KB of flash, "
            f"{npu['npu']:.0%} of operators on the NPU"
        )
    return "\n".join([*lines, *result["notes"]])
