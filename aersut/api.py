"""The Python interface: experiments, training, evaluation, export and reports. The command line calls it, too.

`import aersut` offers these functions (`aersut.train`, …) and imports this module at their first use.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from aersut import experiment as experiments
from aersut.arguments import integers_argument, listed_argument
from aersut.config import Experiment
from aersut.contracts import Condition, Corpus
from aersut.errors import UserError, missing_extras, require
from aersut.paths import expanded
from aersut.program import set_environment
from aersut.progress import stage
from aersut.registry import CORPORA
from aersut.results import CrossValidationResult, EvaluationResult, ExportResult, SweepResult, TrainingResult
from aersut.run_folder import (
    Run,
    RunFolder,
    default_folder,
    discarding_unused_runs,
    find_run,
    named_folder,
    open_run,
    planned,
    start,
    with_recorded_classes,
)
from aersut.tree import validated

if TYPE_CHECKING:
    from aersut.report.plots.inline import InlineFigure
    from aersut.sweep.plan import Plan, Sweep

Source = Experiment | RunFolder | TrainingResult | EvaluationResult | ExportResult | str | Path
"""What the functions of this module take: an experiment or its name, a run folder, or the result of another one."""


def load_experiment(name_or_path: str | Path | Experiment, /, **overrides: Any) -> Experiment:
    """Load an experiment, with other values.

    Args:
        name_or_path: the name of an experiment (`--list` prints them), a .py file with `get_config()`, a run's
            config.json, or an experiment.
        overrides: values by key. Dotted keys are passed as `**{"data.root": "corpora"}`. A value is text as on the
            command line ("mfcc,zcr", "none"), a number, None, a list, or a plugin.

    Raises:
        UserError: an unknown experiment, or an invalid key or value.

    >>> load_experiment("quickstart", epochs=3, **{"optimizer.learning_rate": 3e-4}).epochs
    3
    """
    set_environment()
    source = name_or_path if isinstance(name_or_path, Experiment) else str(name_or_path)
    return experiments.load_experiment(source, overrides.items())


@discarding_unused_runs()
def train(
    source: Source, *, workdir: str | Path | None = None, on_epoch: Callable[[dict[str, Any]], None] | None = None
) -> TrainingResult:
    """Train an experiment, or resume its training; each epoch prints a line.

    The run folder is that of `--mode=train` for the same configuration. An interrupted training (Ctrl-C, or the stop
    button of a notebook) resumes from its last checkpoint with the same call. A complete one returns at once.

    Args:
        source: an experiment or its name, a run folder, or the result of another function.
        workdir: run folder of a new run; by default `runs/NAME/DIGEST_OF_THE_CONFIGURATION`.
        on_epoch: called with the record of each epoch, as in `TrainingResult.history`.

    Raises:
        UserError: the data or the configuration cannot be trained on, the loss is not finite, or another process trains
            this run.
    """
    set_environment()
    from aersut.training import loop, records

    run = _run(source, workdir)
    print(f"run folder {run.folder}")
    trained = loop.train(run, on_epoch)
    history = records.read_records(run.records)
    if not trained:
        print(f"training is complete: {len(history)} epochs")
    return TrainingResult(with_recorded_classes(run), history, not trained)


@overload
def evaluate(
    source: Source,
    *,
    folds: Iterable[int] | Literal["all"],
    seeds: Iterable[int] | None = None,
    workers: int | None = None,
) -> CrossValidationResult: ...


@overload
def evaluate(source: Source, *, seeds: Iterable[int], workers: int | None = None) -> CrossValidationResult: ...


@overload
def evaluate(
    source: Source | None = None,
    *,
    model: str | Path | None = None,
    corpora: str | Corpus | Iterable[str | Corpus] | None = None,
    root: str | Path | Sequence[str | Path] | None = None,
    stress: bool | Condition | Iterable[Condition] = False,
    importance: bool = False,
) -> EvaluationResult: ...


@discarding_unused_runs()
def evaluate(
    source: Source | None = None,
    *,
    model: str | Path | None = None,
    corpora: str | Corpus | Iterable[str | Corpus] | None = None,
    root: str | Path | Sequence[str | Path] | None = None,
    stress: bool | Condition | Iterable[Condition] = False,
    importance: bool = False,
    folds: Iterable[int] | Literal["all"] | None = None,
    seeds: Iterable[int] | None = None,
    workers: int | None = None,
) -> EvaluationResult | CrossValidationResult:
    """Evaluate a run on its test set or on other corpora; write metrics, predictions and plots into its folder.

    Without `source`, evaluate a model of the zoo on corpora: `evaluate(model="micro_speech", corpora="emodb",
    root="emodb")`. Its results are below `runs/zoo/`.

    Args:
        source: a run folder or the name of a run, the result of another function, or an experiment (by its name, too)
            that was trained.
        model: an exported .tflite file to evaluate in place of the checkpoint; or the name of the model of the zoo from
            which the run was fine-tuned, for comparison.
        corpora: evaluate on all clips of these corpora, names or objects, instead of the test set; by default, with
            `root`, on the run's own.
        root: their data folder, or one for each; by default the run's.
        stress: also evaluate under the standard set of stress conditions, or under these conditions.
        importance: also compute feature importance, which takes about a minute.
        folds: cross-validation: "all" folds of the protocol, or some; trains the missing runs, and pools predictions.
        seeds: do so with each of these seeds; by default that of the experiment. Without `folds`, its fold only.
        workers: number of runs that train at once; by default one per CPU core, and 1 on an accelerator. A script that
            does not set it to 1 calls this function under `if __name__ == "__main__":`, since the processes import it.

    Raises:
        UserError: there is no checkpoint, the data has changed, the exported model does not fit the run, there is no
            such fold, a run cannot be trained, or an argument is empty or of another type.
    """
    if folds is not None or seeds is not None:
        if model or corpora is not None or root is not None or stress or importance:
            raise UserError("--folds and --seeds evaluate checkpoints on their own test sets; omit the other options.")
        if source is None:
            raise UserError("a cross-validation trains an experiment: name it.")
        return _cross_validate(source, folds, seeds, workers)
    if workers is not None:
        raise UserError("--workers is the number of runs that train at once: add --folds=all or --seeds=0,1,2.")
    set_environment()
    with stage("loading the evaluation"):
        from aersut.evaluation import evaluate as module
        from aersut.report.evaluation_plots import draw_plots

    if isinstance(stress, str):
        raise UserError(f"stress is '{stress}': expected True, False, or objects of aersut.stress.")
    if stress is True:
        from aersut.stress import STANDARD  # imports scipy

        stress = STANDARD
    expected = "objects of aersut.stress, such as Gain(-12)"
    conditions = listed_argument(stress, Condition, "stress", expected) if stress else ()
    expected = "names or objects of corpora, such as EmoDB()"
    named = None if corpora is None else listed_argument(corpora, str | Corpus, "corpora", expected)
    plugins = named and tuple(CORPORA[one]() if isinstance(one, str) else one for one in named)
    folders = None if root is None else listed_argument(root, str | Path, "root", "paths of folders")
    roots = folders and tuple(map(str, folders))
    if source is None:
        run, file = module.open_zoo_model(model)
        options = module.EvaluationOptions(file, importance, conditions)
        evaluation = module.evaluate_zoo_model(run, roots, plugins, options)
    else:
        run = _run(source)
        found = module.zoo_model(run, model) if isinstance(model, str) else None
        options = module.EvaluationOptions(found or (expanded(model) if model else None), importance, conditions)
        if plugins is None and roots is None:
            evaluation = module.evaluate(run, options)
        else:
            evaluation = module.evaluate_on_corpora(run, roots, plugins, options)
    draw_plots(evaluation)
    rows = evaluation.predictions.records()
    return EvaluationResult(run, evaluation.folder, evaluation.result, rows, evaluation.importance)


def _cross_validate(
    source: Source, folds: Iterable[int] | str | None, seeds: Iterable[int] | None, workers: int | None
) -> CrossValidationResult:
    set_environment()
    from aersut.evaluation.folds import cross_validate
    from aersut.report.evaluation_plots import draw_plots
    from aersut.report.run_report import write_folds_report

    if isinstance(source, str | Path) and not _is_run_folder(source):
        source = load_experiment(source)
    if isinstance(source, Experiment):  # its own run is not created, since its fold or seed may differ
        experiment = experiments.load_experiment(source)
        run = Run(default_folder(experiment), experiment)
    else:
        run = _run(source)
    if folds is None:
        folds = [run.experiment.data.fold]
    chosen = None if isinstance(folds, str) and folds == "all" else integers_argument("folds", folds)
    validated = cross_validate(
        run, chosen, () if seeds is None else integers_argument("seeds", seeds), workers, draw_plots
    )
    found = {}
    for seed, one in validated.seeds.items():
        draw_plots(one)
        if not missing_extras(["report"]):
            write_folds_report(one.folder, one.result)
        found[seed] = EvaluationResult(run, one.folder, one.result, one.predictions.records())
    return CrossValidationResult(found, validated.folder, validated.result)


@discarding_unused_runs()
def export(source: Source, **options: Any) -> ExportResult:
    """Export a trained run to TensorFlow Lite files, C and firmware, and verify each file.

    Args:
        source: as of `evaluate`.
        options: the fields of `aersut.export.context.ExportOptions`, such as `calibration=200`, `micro=False`.

    Raises:
        UserError: an unknown option, the model cannot be exported, or a file fails its verification; nothing is written
            then.
    """
    set_environment()
    with stage("loading the export"):
        from aersut.export.bundle import export as write_bundle
        from aersut.export.context import ExportOptions

    if isinstance(targets := options.get("targets"), str):
        options["targets"] = [name.strip() for name in targets.split(",")]
    checked = validated(ExportOptions, options, "--export")
    run = _run(source)
    return ExportResult(run, write_bundle(run, checked))


@discarding_unused_runs()
def report(source: Source, /, *others: Source, output: str | Path | None = None) -> Path:
    """Write the report of a run, or a page that compares several runs; return its path.

    Args:
        source: as of `evaluate`.
        others: further runs to compare with it.
        output: the page of a comparison, by default `comparison.html`; a run's own report is in its folder.

    Raises:
        UserError: there is no such run, `output` is given for one run, or a compared run is not evaluated.
    """
    set_environment()
    if others:
        from aersut.report.comparison_page import write_comparison

        runs = [_run_folder(one) for one in (source, *others)]
        return Path(write_comparison(runs, expanded(output or "comparison.html")))
    if output:
        raise UserError("output is for a comparison of several runs; the report of one is in its run folder.")
    run = _run_folder(source)
    if not run.config.exists():
        raise UserError(f"there is no run {run.folder}: train it with --mode=train, or name another by --workdir.")
    from aersut.report.run_report import write_report

    with stage("writing the report"):
        return Path(write_report(run))


def show(experiment: str | Path | Experiment, clip: str | Path) -> "InlineFigure":
    """Plot a clip's waveform, spectrogram and features, before and after each augmenter of an experiment.

    Args:
        experiment: an experiment, or its name or path.
        clip: the path of an audio file.

    Raises:
        UserError: the clip cannot be read, or matplotlib is not installed.
    """
    set_environment()
    require("plots need", "report", "matplotlib")
    from aersut.report.show import clip_figure

    return clip_figure(load_experiment(experiment), expanded(clip))


def sweep(
    experiment: str | Path | Experiment,
    space: "Mapping[str, Any] | Sweep | str | Path",
    *,
    workers: int | None = None,
    timeout: float | None = None,
    retry: bool = False,
    workdir: str | Path | None = None,
    **options: Any,
) -> SweepResult:
    """Search values of an experiment; the same call resumes. Each ended trial prints a line.

    Args:
        experiment: an experiment, or its name or path.
        space: dotted keys with their ranges ("1e-4:1e-2:log") or lists of values; a `Sweep`; or the name or path of a
            file with one.
        workers: number of processes on this machine; by default one. A script that sets it calls this function under
            `if __name__ == "__main__":`, since the processes import it.
        timeout: seconds after which no new trial starts.
        retry: run failed trials again.
        workdir: folder of the sweep; by default `sweeps/NAME-DIGEST`.
        options: fields of `aersut.sweep.plan.Sweep`, such as `trials=20`, `seeds=(0, 1)`, `sampler="random"`.

    Raises:
        UserError: Optuna or matplotlib is not installed, an option, a key or a value is not valid, or every trial
            fails.
    """
    set_environment()
    require("sweeps need", "sweep", "optuna", "matplotlib")
    from aersut.sweep import plan

    base = load_experiment(experiment)
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}: expected a number of at least 1, or None.")
    if isinstance(space, str | Path):
        space = plan.read_sweep(str(space))
    if not isinstance(space, plan.Sweep | Mapping):
        raise UserError(f"space is {space!r}: expected a dictionary, a Sweep, or the name or path of a sweep file.")
    try:
        given = space if isinstance(space, plan.Sweep) else plan.Sweep(space=space)
        searched = dataclasses.replace(given, **options)
    except (TypeError, ValueError) as error:
        raise UserError(f"the sweep is not valid: {error}.") from None
    planned = plan.make_plan(base, (), searched, folder=expanded(workdir) if workdir else None)
    return run_sweep(planned, workers, timeout, retry)


def run_sweep(
    plan: "Plan", workers: int | None = None, timeout: float | None = None, retry: bool = False
) -> SweepResult:
    """Run the trials of a sweep; see `sweep`."""
    from aersut.sweep import worker

    print(f"sweep {plan.name} in {plan.folder}: {plan.trials} trials, {plan.sampler}")
    for key, one in plan.space.items():
        print(f"  {key} = {one}")
    if not worker.run_sweep(plan, workers or worker.DEFAULT_WORKERS, timeout, retry):
        print("timeout reached; run the same command again to resume")
    return read_sweep(plan)


def read_sweep(plan: "Plan") -> SweepResult:
    """The results of a sweep so far; writes its trials.csv and plots if a trial is complete."""
    from aersut.sweep import plots, results
    from aersut.sweep.study import database_errors, open_study

    with open_study(plan, create=False) as study, database_errors(plan):
        found = results.read_results(plan, study)
    if not found.complete:
        return SweepResult(found)
    return SweepResult(found, (results.write_trials_csv(found), *plots.write_sweep_plots(found)))


def _run(source: Source, workdir: str | Path | None = None) -> Run:
    """The run that `source` names; the folder of a new one is created, at `workdir`."""
    if isinstance(source, str | Path) and not _is_run_folder(source):
        source = load_experiment(source)
    if isinstance(source, Experiment):
        return start(experiments.load_experiment(source), expanded(workdir) if workdir else None)
    if workdir:
        raise UserError(
            "workdir is the folder of a new run, and the given run has one; pass an experiment, or omit it."
        )
    folder = _run_folder(source)
    return folder if isinstance(folder, Run) else open_run(folder.folder)


def _run_folder(source: Source) -> RunFolder:
    """The run that `source` names; an existing folder is not read, and a new one is not created."""
    if isinstance(source, RunFolder):
        return source
    if isinstance(source, TrainingResult | EvaluationResult | ExportResult):
        return source.run
    if isinstance(source, str | Path) and _is_run_folder(source):
        return find_run(expanded(source))
    if isinstance(source, str | Path | Experiment):
        return planned(experiments.load_experiment(source if isinstance(source, Experiment) else str(source)))
    raise UserError(
        f"a {type(source).__name__} names no run: expected an experiment or its name, a run folder, or the result of "
        "train, evaluate or export."
    )


def _is_run_folder(source: str | Path) -> bool:
    """Whether a text is the path of a folder or the name of a run; the name of an experiment comes first."""
    try:
        return named_folder(expanded(source)).is_dir() and str(source) not in experiments.experiment_names()
    except OSError:  # a text that is too long for a path
        return False
