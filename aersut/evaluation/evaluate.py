"""Evaluation of a run, or of a model exported from it, on its test set or on other corpora; of the zoo on corpora."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from aersut.bundle_files import CARD, CLASSIFIER
from aersut.config import from_tree
from aersut.contracts import Condition, Corpus
from aersut.errors import UserError
from aersut.evaluation.cross_corpus import corpus_results
from aersut.evaluation.evaluation_set import EvaluationSet, own_test_set
from aersut.evaluation.importance import feature_importance
from aersut.evaluation.integrated_gradients import Attribution
from aersut.evaluation.metric_report import metric_report
from aersut.evaluation.other_corpora import Seen, other_corpora_set
from aersut.evaluation.predictions import ClipPredictions
from aersut.evaluation.predictor import Classifier, Exported, open_exported, predictor
from aersut.evaluation.result_files import read_metrics
from aersut.paths import read_json, write_json, write_text
from aersut.progress import stage
from aersut.registry import import_plugins
from aersut.run import make_frontend
from aersut.run_folder import RUNS, Run, identifier, with_recorded_classes
from aersut.tflite.file import TFLiteFile
from aersut.training.initial_weights import read_weights
from aersut.training.records import read_records, unfinished
from aersut.training.trained import Trained, load_trained
from aersut.zoo import catalog


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation.

    Attributes:
        model: a .tflite file to evaluate in place of the checkpoint; the results are in a folder of the file's name, or
            of the name of a model in the zoo.
        importance: compute feature importance, too, which takes longer than the rest of the evaluation.
        conditions: evaluate under these stress conditions, too; none by default.
    """

    model: Path | None = None
    importance: bool = False
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if self.model and self.importance:
            raise UserError("--importance analyses the checkpoint, not an exported model: omit --model.")

    @property
    def model_name(self) -> str:
        """Name of the model in results; "" for the checkpoint."""
        if self.model is None:
            return ""
        if not (self.model.parent / catalog.INDEX).exists():
            return self.model.stem
        return self.model.parent.name + ("" if self.model.name == CLASSIFIER else f"-{self.model.stem}")


@dataclass(frozen=True)
class Evaluation:
    """The results of an evaluation, and the data that its plots need.

    Attributes:
        result: the content of metrics.json.
        folder: holds metrics.json and predictions.csv, and importance.json if it was asked for.
        trained: the evaluated checkpoint; None for an exported model and for pooled folds.
        examples: the clips that `trained` was evaluated on; None without `trained`.
        importance: the content of importance.json; None without `EvaluationOptions.importance`.
        attributions: integrated gradients of a clip of each emotion, part of the importance.
    """

    result: dict[str, Any]
    folder: Path
    predictions: ClipPredictions
    trained: Trained | None = None
    examples: EvaluationSet | None = None
    importance: dict[str, Any] | None = None
    attributions: dict[str, Attribution] = field(default_factory=dict)


def evaluate(run: Run, options: EvaluationOptions = EvaluationOptions()) -> Evaluation:
    """Evaluate the selected checkpoint, or an exported model, on the run's test set.

    Writes `evaluation/metrics.json` and `evaluation/predictions.csv`, which lists each clip with its probabilities.

    Raises:
        UserError: there is no checkpoint, the data has changed, the exported model does not fit the run or is of
            another one, or stress conditions are wanted and the test set has augmented copies.
    """
    if options.conditions:
        run.refuse_copies("--stress")
    return _evaluate(run, options, lambda trained: own_test_set(run))


def zoo_model(run: Run, name: str) -> Path | None:
    """The file of a model of the zoo, for an evaluation of a run that was fine-tuned from it; None for a path.

    Args:
        name: of the model, or NAME/FILE.

    Raises:
        UserError: the run has other initial weights, hence perhaps another frontend or test speakers that the model of
            the zoo has seen; or other emotions.
    """
    file = catalog.find(name)
    folder = file.parent
    if folder.parent != catalog.ZOO:
        return None
    if run.experiment.init.model != folder.name:
        raise UserError(
            f"--model={name} is a model of the zoo, with which only a run that was fine-tuned from it "
            f"(--init={folder.name}) can be compared: other test sets may have speakers that it has seen. Its own "
            f"results are in {folder / CARD}. To evaluate it on your recordings, omit --workdir and --experiment, and "
            "set --evaluate.root and --evaluate.corpora."
        )
    emotions = from_tree(read_json(folder / catalog.CONFIG) or {}).data.emotions
    if emotions != run.experiment.data.emotions:
        raise UserError(
            f"--model={name} has other emotions than run {run.folder}: evaluate the run alone. If its labels are "
            f"among the model's, fine-tune with --experiment.data.emotions={','.join(emotions)}."
        )
    return file


def evaluate_on_corpora(
    run: Run,
    roots: tuple[str, ...] | None,
    corpora: tuple[Corpus, ...] | None,
    options: EvaluationOptions = EvaluationOptions(),
) -> Evaluation:
    """Evaluate on all clips of other corpora, or of other data roots (one for all, or one each); see `evaluate`.

    The results are in `evaluation/<corpora>-<digest of roots and corpora>/`; metrics.json has a row for each corpus
    under "cross_corpus". A corpus that cannot be used is skipped, with its reason.

    Raises:
        UserError: as `evaluate`; no corpus can be used; the number of roots is neither 1 nor that of the corpora.
    """
    experiment, seen = with_recorded_classes(run).experiment, Seen.by_run(run)
    return _evaluate(
        run, options, lambda trained: other_corpora_set(experiment, seen, trained.frontend, roots, corpora)
    )


def open_zoo_model(model: str | Path | None) -> tuple[Run, Path]:
    """Find a model of the zoo, or a file of it, for `evaluate_zoo_model`.

    Returns:
        Its experiment, with the folder of its results, which need not exist: runs/zoo/NAME; and its file.

    Raises:
        UserError: there is no such model.
    """
    file = catalog.find(model) if model is not None else None
    if file is None or not (file.parent / catalog.INDEX).exists():
        raise UserError(
            f"expected a run or an experiment to evaluate, or a model of the zoo ({', '.join(catalog.names())})"
            + (f"; '{model}' is not one: set --workdir to the run that it was exported from." if model else ".")
        )
    tree: dict[str, Any] = read_json(file.parent / catalog.CONFIG) or {}
    import_plugins(tree.get("plugins") or ())
    return Run(RUNS / "zoo" / file.parent.name, from_tree(tree)), file


def evaluate_zoo_model(
    run: Run, roots: tuple[str, ...] | None, corpora: tuple[Corpus, ...] | None, options: EvaluationOptions
) -> Evaluation:
    """Evaluate a model of the zoo (`open_zoo_model`) on all clips of other corpora; see `evaluate_on_corpora`.

    Raises:
        UserError: neither roots nor corpora are given; as `evaluate_on_corpora`.
    """
    assert options.model is not None
    folder, experiment = options.model.parent, run.experiment
    if roots is None and corpora is None:
        raise UserError(
            f"{folder.name} is evaluated on recordings of yours: set --evaluate.root=FOLDER, and --evaluate.corpora to "
            f"their corpora. Its results on its own test speakers are in {folder / CARD}."
        )
    _, scaling = read_weights(folder / catalog.WEIGHTS)
    frontend = replace(make_frontend(experiment), scaling=scaling)
    classifier = Exported(open_exported(options.model, frontend), experiment, frontend)
    entry = catalog.read(folder.name, folder.parent)
    seen = Seen.by_zoo_model(entry, experiment.data.emotions)
    return _results(
        run, classifier, entry.epoch, other_corpora_set(experiment, seen, frontend, roots, corpora), options
    )


def write_predictions(folder: Path, about: dict[str, Any], predictions: ClipPredictions) -> dict[str, Any]:
    """Write `metrics.json` and `predictions.csv` into `folder`; return the content of the former.

    The stress results of an earlier evaluation of the same model on the same clips are kept.
    """
    result = {**about, **metric_report(predictions)}
    if stress := _earlier_stress(folder, result):
        result["stress"] = stress
    text, rows = io.StringIO(), predictions.records()
    table = csv.DictWriter(text, rows[0])
    table.writeheader()
    for row in rows:
        table.writerow({**row, **{emotion: f"{row[emotion]:.6f}" for emotion in predictions.emotions}})
    write_text(folder / "predictions.csv", text.getvalue())
    write_json(folder / "metrics.json", result)
    return result


def _evaluate(run: Run, options: EvaluationOptions, find: Callable[[Trained], EvaluationSet]) -> Evaluation:
    run = with_recorded_classes(run)
    if options.model and options.model.is_dir():
        raise UserError(
            f"--model={options.model} is a folder: expected a .tflite file of the run, such as "
            "export/model_int8.tflite. Its checkpoint is evaluated without --model."
        )
    # an unusable file is reported before anything is loaded
    model = open_exported(options.model, make_frontend(run.experiment)) if options.model else None
    if options.model:
        _refuse_other_run(run, options.model)
    trained = load_trained(run)
    classifier = Exported(model, trained.experiment, trained.frontend) if model else trained
    examples, experiment = find(trained), run.experiment
    if incomplete := unfinished(read_records(run.records), experiment.epochs, experiment.patience):
        warning = " ".join(filter(None, (examples.about["warning"], incomplete)))
        examples = replace(examples, about={**examples.about, "warning": warning})
    return _results(run, classifier, trained.epoch, examples, options)


def _results(
    run: Run, classifier: Classifier, epoch: int, examples: EvaluationSet, options: EvaluationOptions
) -> Evaluation:
    evaluated = options.model.name if options.model else f"the checkpoint of epoch {epoch}"
    with stage(f"evaluating {evaluated} on {len(examples.clips):,} clips"):
        probabilities = predictor(classifier).examples(examples)
    predictions = ClipPredictions(examples.clips, examples.labels, probabilities, run.experiment.data.emotions)
    name = "-".join(part for part in (examples.name, options.model_name) if part)
    folder = run.evaluation.parent / name
    about = {
        "experiment": run.experiment.name,
        "model": str(options.model or "checkpoint"),
        "model_sha256": sha256(options.model.read_bytes()).hexdigest() if options.model else None,
        "epoch": epoch,
        "exportable": run.experiment.model.exportable,  # the report reads it without importing JAX
        **examples.about,
        **({"cross_corpus": corpus_results(predictions, examples.parts)} if examples.parts else {}),
    }
    result = write_predictions(folder, about, predictions)
    if options.conditions:
        from aersut.evaluation.stress import stress_report  # deferred: stress conditions import scipy

        stress = stress_report(classifier, examples.clips, examples.labels, options.conditions)
        result = {**result, "stress": stress}
        write_json(folder / "metrics.json", result)
    if isinstance(classifier, Exported):
        return Evaluation(result, folder, predictions)
    if not options.importance:
        return Evaluation(result, folder, predictions, classifier, examples)
    importance, attributions = feature_importance(classifier, examples, predictions)
    write_json(folder / "importance.json", importance)
    return Evaluation(result, folder, predictions, classifier, examples, importance, attributions)


def _refuse_other_run(run: Run, file: Path) -> None:
    """Raise `UserError` for a model of another run: it may have other classes, or have seen the test speakers."""
    metadata = TFLiteFile.read(file).metadata or {}  # a file of another program states nothing
    emotions = run.experiment.data.emotions
    if (labels := metadata.get("labels", list(emotions))) != list(emotions):
        raise UserError(
            f"{file} has the classes {', '.join(labels)}; the run has {', '.join(emotions)}. Choose a model exported "
            "from this run."
        )
    # the same run before its clips or plugins were moved
    recorded: dict[str, Any] = read_json(run.config) or {}
    data = replace(run.experiment.data, root=recorded.get("data", {}).get("root", run.experiment.data.root))
    before = replace(run.experiment, data=data, plugins=tuple(recorded.get("plugins", ())))
    own = {identifier(run), identifier(replace(run, experiment=before))}
    if metadata.get("run", identifier(run)) not in own and file.parent != catalog.ZOO / run.experiment.init.model:
        raise UserError(
            f"{file} was exported from another run, {metadata['run']}, which may have seen the test speakers of "
            f"{run.folder}. Choose a model exported from this run; --mode=export writes it again."
        )


def _earlier_stress(folder: Path, result: dict[str, Any]) -> dict[str, Any] | None:
    earlier = read_metrics(folder / "metrics.json") or {}
    same = all(earlier.get(key) == result.get(key) for key in ("epoch", "model_sha256", "confusion"))
    return earlier.get("stress") if same else None
