"""Export of a run: convert the selected checkpoint, verify every file, and write them all as one bundle."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from aersut.bundle_files import CARD, EXPORT, LABELS
from aersut.bundle_record import record_bundle, refuse_changed_bundle
from aersut.contracts import SkippedTargetError, Target
from aersut.errors import UserError, require
from aersut.evaluation.result_table import format_metric
from aersut.export.calibration_set import choose_calibration_set
from aersut.export.context import Context, ExampleSet, ExportOptions
from aersut.export.metadata import run_metadata
from aersut.export.model_card import agreement, documents
from aersut.export.robustness import add_stress, wants_stress
from aersut.export.runtimes import lstm_notes
from aersut.paths import replaced_folder, write_bytes, write_json
from aersut.progress import stage
from aersut.quiet import quiet
from aersut.registry import MODELS, TARGETS
from aersut.run import prepare
from aersut.run_folder import Run, with_recorded_classes
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import why_missing
from aersut.training.records import read_records, unfinished
from aersut.training.trained import load_trained


def export(run: Run, options: ExportOptions | None = None) -> dict[str, Any]:
    """Write a new bundle `export/` with the files of all targets; return the content of its export.json.

    An older bundle is replaced only once the new one is complete.

    Raises:
        UserError: the model cannot be exported, a file fails its verification, or files of the older bundle were
            changed by the user; nothing is written then.
    """
    refuse_changed_bundle(run.export, "export again")
    require("the export needs", "export", "tensorflow", "ai_edge_quantizer")
    if not run.experiment.model.exportable:
        raise UserError(f"model '{MODELS.name_of(run.experiment.model)}' declares that it cannot be exported.")
    run = with_recorded_classes(run)
    options = options or ExportOptions()
    if options.micro and (missing := why_missing()):
        raise UserError(f"--export.micro=true: {missing}")
    targets, stress = ordered_targets(options.targets), wants_stress(run, options)
    _refuse_omitted(options, {TARGETS.name_of(target) for target in targets})
    context = _context(run, options)
    if options.targets:
        context.notes.append(f"Targets of this export: {', '.join(map(TARGETS.name_of, targets))}.")
    # the stage begins before standard error is captured, so that it remains visible
    with stage("loading TensorFlow", len(targets)) as shown, quiet():
        context = replace(context, stage=shown)
        for target in targets:
            shown.say(f"exporting {TARGETS.name_of(target)}")
            try:
                files = target.files(context)
            except SkippedTargetError as reason:
                context.notes.append(str(reason))
                shown.update()
                continue
            if taken := files.keys() & {*context.files, EXPORT, LABELS, CARD}:
                raise UserError(f"target '{TARGETS.name_of(target)}': the name {min(taken)} is taken; choose another.")
            context.files.update(files)
            shown.update()
    for name in [name for name, report in context.reports.items() if report["runtimes"] == ["tflm"]]:
        context.reports[name] = context.reports.pop(name)  # the table lists the files for LiteRT first
    context.notes.extend(lstm_notes([one for one in context.files.values() if isinstance(one, TFLiteFile)]))
    if stress:
        add_stress(context)
    context.files.update(documents(context))
    clips = context.prepared.collection.clips
    result = {
        **context.results,
        **run_metadata(context),
        "files": context.reports,
        "calibration": [clips[clip].location for clip, _ in context.calibration.examples],
        "notes": context.notes,
    }
    with replaced_folder(run.export) as folder:
        for name, file in context.files.items():
            write_bytes(folder / name, file.content if isinstance(file, TFLiteFile) else file)
        write_json(folder / EXPORT, result)
        record_bundle(folder)
    return result


def ordered_targets(names: Sequence[str] = ()) -> list[Target]:
    """The named targets and those that they need, or all registered ones, each after those in its `after`.

    Raises:
        UserError: a name, also in `after`, is unknown, or targets depend on each other.
    """
    needed: dict[str, tuple[str, ...]] = {}
    missing = list(names) or TARGETS.names()
    while missing:
        name = missing.pop()
        if name not in needed:
            needed[name] = TARGETS[name].after
            missing.extend(needed[name])
    sorter = TopologicalSorter(dict(sorted(needed.items())))
    try:
        return [TARGETS[name]() for name in sorter.static_order()]
    except CycleError as error:
        raise UserError(f"targets depend on each other by `after`: {', '.join(error.args[1])}.") from None


def _refuse_omitted(options: ExportOptions, names: Collection[str]) -> None:
    """`UserError` if an option demands files of a target that `options.targets` omits."""
    for option, name in {"waveform": "waveform", "stream": "firmware", "web": "web"}.items():
        if getattr(options, option) and name not in names:
            raise UserError(f"--export.{option}=true needs the target '{name}'; add it to --export.targets.")


def _context(run: Run, options: ExportOptions) -> Context:
    trained, prepared = load_trained(run), prepare(run)
    training, validation, test = (prepared.split.examples(name) for name in ("train", "validation", "test"))
    emotions, seed = run.experiment.data.emotions, run.experiment.seed
    calibration = choose_calibration_set(training, prepared.labels, emotions, options.calibration, seed)

    def example_set(examples: Int[np.ndarray, "clips 2"]) -> ExampleSet:
        features = prepared.features(examples)
        scaled = np.asarray(trained.frontend.scaled(jnp.asarray(features)))
        return ExampleSet(examples, prepared.labels[examples[:, 0]], scaled, trained.probabilities(features))

    one, two, three = map(example_set, (calibration, validation, test))
    incomplete = unfinished(read_records(run.records), run.experiment.epochs, run.experiment.patience)
    notes = [*prepared.notes, *([incomplete] if incomplete else [])]
    return Context(run, trained, prepared, options, calibration=one, validation=two, test=three, notes=notes)


COLUMNS: tuple[tuple[str, str, int, Callable[[Any], str]], ...] = (
    ("size", "bytes", 10, lambda value: f"{value / 1000:,.0f} KB"),
    ("tensor arena", "arena", 14, lambda value: f"{value / 1000:,.0f} KB"),
    ("LiteRT latency", "latency_ms", 16, lambda value: f"{value:.2f} ms"),
    ("WA", "wa", 8, lambda value: f"{value:.3f}"),
    ("UAR", "uar", 8, lambda value: f"{value:.3f}"),
    ("agreement with JAX", "agreement", 20, lambda value: f"{value:.1%}"),
    ("maximum difference", "difference", 20, lambda value: f"{value:.1e}"),
)
"""Heading, key in a file's report, width and format of each column of `export_table`."""


def export_table(result: dict[str, Any]) -> str:
    """The content of export.json as a table for the terminal: size, tensor arena, latency and metrics of each file."""
    lines = [f"{'exported file':26}" + "".join(f"{heading:>{width}}" for heading, _, width, _ in COLUMNS)]
    for name, file in result["files"].items():
        cells = (("-" if file[key] is None else text(file[key]), width) for _, key, width, text in COLUMNS)
        lines.append(f"{name:26}" + "".join(f"{cell:>{width}}" for cell, width in cells))
    if stream := result.get("stream"):
        lines.append(
            f"{' → '.join(stream['files'])} in TensorFlow Lite Micro, on the windows of the evaluation: "
            f"WA {stream['wa']:.3f}, UAR {stream['uar']:.3f}, agreement with JAX {stream['agreement']:.1%}, "
            f"{stream['clips']} clips"
        )
    if library := result.get("c"):
        compared = library["compared"]
        lines.append(
            f"c/ (C99, without an interpreter): {library['arena'] / 1000:,.0f} KB for intermediate results, "
            f"{library['constants'] / 1000:,.0f} KB of weights" + (f"; {agreement(compared)}" if compared else "")
        )
    if page := result.get("web"):
        lines.append(
            f"web/ (page that runs {page['model']} in a browser): {page['bytes'] / 1e6:.0f} MB with LiteRT.js "
            f"{page['litertjs']}; any static web host serves it"
        )
    for name, stress in result.get("stress", {}).items():
        lines.append(
            f"{name} under stress conditions: stress mean {format_metric(stress['mean'])}, UAR without a condition "
            f"{stress['clean']:.3f} ({stress['evaluated']} of {stress['of']} conditions of {stress['set']})"
        )
    for name, npu in result.get("ethos", {}).items():
        lines.append(
            f"int8 on {name}, estimated by Vela: {npu['latency_ms']:.2f} ms at {npu['clock_mhz']:.0f} MHz, "
            f"{npu['sram_bytes'] / 1000:,.0f} KB of SRAM, {npu['flash_bytes'] / 1000:,.0f} KB of flash, "
            f"{npu['npu']:.0%} of operators on the NPU"
        )
    return "\n".join([*lines, *result["notes"]])
