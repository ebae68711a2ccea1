"""Evaluate a run, or an exported model, on the test set or on other corpora.

{program} --mode=evaluate --workdir=RUN
    Evaluate the selected checkpoint of a run on its test set.
{program} --mode=evaluate --workdir=RUN --importance
    Also compute feature importance: permutation importance, occlusion, integrated gradients.
{program} --mode=evaluate --workdir=RUN --model=RUN/export/model_int8.tflite
    Evaluate an exported model.
{program} --mode=evaluate --workdir=RUN --model=micro_speech
    Of a run that was fine-tuned from a model of the zoo: evaluate that model on the same test set.
{program} --mode=evaluate --workdir=RUN --evaluate.root=FOLDER --evaluate.corpora=emodb,savee,tess
    Cross-corpus evaluation: evaluate on all clips of other corpora, with a table of them.
{program} --mode=evaluate --model=micro_speech --evaluate.root=FOLDER --evaluate.corpora=manifest
    Evaluate a model of the zoo on recordings of yours.
{program} --mode=evaluate --workdir=RUN --stress
    Also evaluate under the standard set of stress conditions: gain, noise, reverberation, codecs, …
{program} --mode=evaluate --workdir=RUN --stress --evaluate.noise=FOLDER --evaluate.impulse_responses=FOLDER
    The same, and with your recordings of noise and measured impulse responses.
{program} --mode=evaluate --experiment=quickstart --folds=all
    Cross-validation: train the missing folds of the protocol, one per CPU core at a time, and pool the predictions.
{program} --mode=evaluate --experiment=quickstart --folds=all --seeds=0,1,2
    The same with each seed, with mean and standard deviation over the seeds.
"""

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, cast

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, integers, listed, named_run, open_run
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.contracts import Condition
    from aersut.results import EvaluationResult
    from aersut.run_folder import Run

SETTINGS = {
    "corpora": "names of the corpora to evaluate on, with commas",
    "root": "their data folder, or one folder for each, with commas",
    "noise": "folder of noise recordings, a stress condition at SNRs of 20, 10, 5 and 0 dB",
    "impulse_responses": "folder of measured impulse responses, a stress condition",
    "conditions": "names of further stress conditions, with commas",
    "plugins": "modules or .py files that register them, with commas",
}
"""The keys of --evaluate.KEY=VALUE, and their help."""
RECORDED_SNR_DB = (20.0, 10.0, 5.0, 0.0)

flags.DEFINE_bool("importance", False, "Also compute feature importance, which takes about a minute.")
flags.DEFINE_bool("stress", None, "Also evaluate under stress conditions, which takes 0.1 to 0.3 s per clip.")


def _run(arguments: Arguments) -> None:
    from aersut import api

    other = dict(arguments.dotted.get("evaluate", []))
    if unknown := set(other) - set(SETTINGS):
        known = ", ".join(f"--evaluate.{name}" for name in SETTINGS)
        raise UserError(f"there is no --evaluate.{min(unknown)}; known: {known}.")
    corpora, roots = (tuple(listed(other[key])) if key in other else None for key in ("corpora", "root"))
    pooled = FLAGS.folds is not None or FLAGS.seeds is not None
    options: dict[str, Any] = {
        "model": FLAGS.model,
        "corpora": corpora,
        "root": roots,
        "stress": bool(FLAGS.stress or other) if pooled else _conditions(other),
        "importance": FLAGS.importance,
        "folds": "all" if FLAGS.folds == ["all"] else None if FLAGS.folds is None else integers("folds"),
        "seeds": None if FLAGS.seeds is None else integers("seeds"),
        "workers": FLAGS.workers,
    }
    evaluation = api.evaluate(_source(arguments, pooled), **options)
    print(evaluation) if pooled else print_evaluation(evaluation)


def _source(arguments: Arguments, pooled: bool) -> "Run | None":
    """The run that the arguments name; None if they name a model alone, which is one of the zoo."""
    if FLAGS.model and not (FLAGS.experiment or FLAGS.workdir or FLAGS.init or arguments.experiment or pooled):
        return None
    return named_run(arguments) if pooled else open_run(arguments)


def _conditions(settings: dict[str, str]) -> "tuple[Condition, ...]":
    """The stress conditions that the command line selects: the standard set, then further ones."""
    further = [key for key in ("noise", "impulse_responses", "conditions", "plugins") if key in settings]
    if not FLAGS.stress:
        if further:
            raise UserError(f"--evaluate.{further[0]} is a setting of the stress conditions: add --stress.")
        return ()
    from aersut.registry import import_plugins
    from aersut.stress import STANDARD, ImpulseResponses, RecordedNoise

    import_plugins(listed(settings.get("plugins")))
    chosen = [*STANDARD]
    if "noise" in settings:
        chosen += [RecordedNoise(settings["noise"], snr_db) for snr_db in RECORDED_SNR_DB]
    if "impulse_responses" in settings:
        chosen.append(ImpulseResponses(settings["impulse_responses"]))
    for condition in map(_with_defaults, listed(settings.get("conditions"))):
        if condition not in chosen:
            chosen.append(condition)
    return tuple(chosen)


def _with_defaults(name: str) -> "Condition":
    from aersut.registry import CONDITIONS

    cls: Any = CONDITIONS[name]
    for one in fields(cls):
        if one.default is MISSING and one.default_factory is MISSING:
            raise UserError(f"stress condition '{name}': field '{one.name}' has no default; give it one.")
    return cast("Condition", cls())


def print_evaluation(evaluation: "EvaluationResult") -> None:
    """Print the result of an evaluation as text."""
    from aersut.report.plots.style import matplotlib_installed

    print(evaluation)
    if not matplotlib_installed():
        print("no plots: they need matplotlib, pip install 'aersut[report]'")


COMMAND = Command(
    _run,
    __doc__,
    flags=("experiment", "init", "workdir", "model", "importance", "stress", "folds", "seeds", "workers"),
    settings={"evaluate": "; ".join(f"{name}: {text}" for name, text in SETTINGS.items()) + "."},
    notes={
        "workdir": "Run folder; with --folds or --seeds, a folder for all runs and pooled results.",
        "model": "Exported .tflite file to evaluate instead of the checkpoint; or a model of the zoo (see above).",
        "folds": "all, or 0,2: train the missing folds, evaluate each, pool the predictions.",
        "seeds": "Do so with each of these seeds; print mean and standard deviation over them.",
        "workers": "Number of these runs that train at once; default: one per CPU core, 1 on an accelerator.",
    },
    extras=("train",),
)
