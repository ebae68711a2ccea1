"""Add a finished run to the zoo: `python -m aersut.zoo add RUN`."""

import io
import json
import re
import shlex
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from aersut.bundle_files import CARD, CLASSIFIER, FRONTEND, LABELS, RING, classifier_file
from aersut.bundle_record import is_built, refuse_changed_bundle
from aersut.config import Experiment
from aersut.data.download import SOURCES
from aersut.data.splits import read_split
from aersut.errors import UserError
from aersut.evaluation.result_files import read_export, read_metrics
from aersut.evaluation.result_table import format_interval
from aersut.export.model_card import robustness
from aersut.paths import replaced_folder, write_bytes, write_json
from aersut.registry import CORPORA
from aersut.run_folder import Run, clips_in, identifier, open_run
from aersut.tflite.file import TFLiteFile
from aersut.training import records
from aersut.training.initial_weights import weights_file
from aersut.training.trained import load_trained
from aersut.tree import to_tree
from aersut.zoo.catalog import C_LIBRARY, CONFIG, INDEX, LICENCE, METRICS, WEIGHTS, ZOO, ZooModel
from aersut.zoo.licences import LICENCES, licence_text

FILES = (CLASSIFIER, classifier_file("float32"), "features.tflite")
STREAMING = (FRONTEND, RING)
"""Files that an export has only if its features stream."""


def add(folder: Path, name: str | None = None, zoo: Path = ZOO) -> ZooModel:
    """Copy the exported models of a finished run into the zoo, with index, model card, licence and float weights.

    A model of the same name is replaced as a whole. Nothing is written if a check fails.

    Args:
        folder: of the run.
        name: of the model; by default that of the experiment.

    Raises:
        UserError: the run is not trained to its end, exported, or evaluated under stress conditions; its split leaks or
            is speaker-dependent; it is fine-tuned; files of its bundle were changed or added; the licence of a corpus
            is unknown here; no file can have the name.
    """
    run = open_run(folder)
    name = name or run.experiment.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"'{name}' cannot name a model: expected small letters, digits and _. Set --name=NAME.")
    _refuse_fine_tuned(run)
    corpora = _licensed(run.experiment)
    _check_training(run)
    speakers = _speakers(run)
    exported, files = _exported(run)
    refuse_changed_bundle(run.export, "add it to the zoo")
    result = _evaluation(run, files[CLASSIFIER])
    session, of_corpus = _session(run), result["groups"]["corpus"]
    model = ZooModel(
        name=name,
        run=exported["run"],
        aersut=exported["aersut"],
        revision=session["revision"] or "",
        command=_portable(session["command"]),
        protocol=run.experiment.data.protocol,
        fold=run.experiment.data.fold,
        seed=run.experiment.seed,
        epoch=exported["epoch"],
        clips=result["clips"],
        uar=result["uar"],
        uar_interval=result["intervals"]["uar"],
        uar_by_corpus={corpus: of_corpus[corpus]["uar"] for corpus in speakers["test"]},
        uar_interval_by_corpus={corpus: of_corpus[corpus]["uar_interval"] for corpus in speakers["test"]},
        stress_mean=result["stress"]["mean"],
        stress_set=result["stress"]["set"],
        bytes=len(files[CLASSIFIER]),
        arena=exported["files"][CLASSIFIER]["arena"],
        licences={corpus: licence for corpus, (licence, _) in corpora.items()},
        synthetic=exported["synthetic"],
        test_speakers=speakers["test"],
        seen_speakers=speakers["seen"],
        files={},
    )
    licences = {corpus: entry for corpus, entry in corpora.items() if entry[0]}
    trained = replace(run.experiment, data=replace(run.experiment.data, root="input"))  # no path of this machine
    files |= {
        CONFIG: (json.dumps(to_tree(trained), indent=2) + "\n").encode(),
        WEIGHTS: weights_file(load_trained(run)),
        METRICS: (json.dumps(_portable_metrics(result), indent=2) + "\n").encode(),
        **_c_library(run),
        LABELS: (run.export / LABELS).read_bytes(),
    }
    files |= {
        CARD: _card((run.export / CARD).read_text(encoding="utf-8"), model, list(files), result["stress"]).encode(),
        LICENCE: licence_text(name, licences).encode(),
    }
    model = replace(model, files={file: sha256(content).hexdigest() for file, content in files.items()})
    with replaced_folder(zoo / name) as staging:
        for file, content in files.items():
            write_bytes(staging / file, content)
        write_json(staging / INDEX, asdict(model))
    return model


def _licensed(experiment: Experiment) -> dict[str, tuple[str, str]]:
    """Licence and citation of each corpus; both are "" for synthetic speech."""
    found = {}
    for corpus in experiment.data.corpora:
        name = CORPORA.name_of(corpus)
        if corpus.synthetic:
            found[name] = "", ""
        elif corpus.licence in LICENCES and name in SOURCES:
            found[name] = corpus.licence, SOURCES[name].citation
        else:
            raise UserError(
                f"weights trained on {name} (licence: {corpus.licence or 'unknown'}) cannot be added: the zoo knows the"
                f" terms of {', '.join(LICENCES)}, and the citations of {', '.join(SOURCES)}. If the licence of {name} "
                "permits it, add both (aersut/zoo/licences.py, aersut/data/download.py)."
            )
    return found


def _refuse_fine_tuned(run: Run) -> None:
    if run.experiment.init.model:
        raise UserError(
            f"run {run.folder} is fine-tuned from {run.experiment.init.model} and cannot be added: licences and seen "
            "speakers of its initial weights would apply, too. Share its export; the model card states them."
        )


def _check_training(run: Run) -> None:
    history, experiment = records.read_records(run.records), run.experiment
    done = history[-1]["epoch"] if history else 0
    if done < experiment.epochs and not records.stops_early(history, experiment.patience):
        raise UserError(
            f"run {run.folder} is not trained to its end: {done} of {experiment.epochs} epochs. Finish it with "
            f"--mode=train --experiment={run.config} --workdir={run.folder}."
        )


def _speakers(run: Run) -> dict[str, dict[str, list[str]]]:
    """The "test" speakers and the "seen" ones by corpus; `UserError` if a speaker or a recording is in both."""
    split = read_split(run.split)
    if split is None:
        raise UserError(f"{run.split} is missing or damaged: use another run.")
    if split["leaks"] or not split["speaker_independent"]:
        fault = "leaks" if split["leaks"] else "is speaker-dependent"
        raise UserError(
            f"run {run.folder} cannot be added: its protocol '{split['protocol']}' {fault}, so its results do not hold "
            "for unseen speakers. Train with data.protocol=speaker, or with a published one."
        )
    found: dict[str, dict[str, set[str]]] = {"test": {}, "seen": {}}
    for kind, sets in (("test", ["test"]), ("seen", ["train", "validation"])):
        for clip in clips_in(split, *sets):
            found[kind].setdefault(clip["corpus"], set()).add(clip["speaker"])
    return {kind: {corpus: sorted(names, key=_number) for corpus, names in one.items()} for kind, one in found.items()}


def _number(speaker: str) -> tuple[int, str]:
    """The key that sorts speakers by their number."""
    return len(speaker), speaker


def _exported(run: Run) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The content of export.json and of the files; `UserError` if they are missing, or of another run."""
    exported, remedy = read_export(run), f"Export it again with --mode=export --workdir={run.folder}."
    if exported is None:
        raise UserError(f"run {run.folder} is not exported. {remedy}")
    expected = identifier(run)
    names = [*FILES, *(file for file in STREAMING if (run.export / file).exists())]
    files = {}
    for name in names:
        file = TFLiteFile.read(run.export / name)
        origin = [(file.metadata or {}).get(key) for key in ("run", "epoch", "aersut")]
        if origin != [expected, exported["epoch"], exported["aersut"]]:
            raise UserError(f"{file.name} is not of this run: expected the metadata of {expected}. {remedy}")
        files[name] = file.content
    if exported["files"][CLASSIFIER]["arena"] is None:
        raise UserError(f"the export of {run.folder} did not measure the tensor arena. {remedy}")
    return exported, files


def _c_library(run: Run) -> dict[str, bytes]:
    """The C library of the export as one file; none if its features do not stream. What was compiled is omitted."""
    files = (path for path in sorted((run.export / "c").rglob("*")) if path.is_file())
    sources = {
        path.relative_to(run.export / "c").as_posix(): path.read_bytes()
        for path in files
        if not is_built(path.relative_to(run.export).as_posix())
    }
    if not sources:
        return {}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sources.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)  # without the time of today
    return {C_LIBRARY: packed.getvalue()}


def _evaluation(run: Run, classifier: bytes) -> dict[str, Any]:
    """The results of the int8 classifier with its stress mean; `UserError` if they are missing, or of another file."""
    path = run.evaluation.parent / Path(CLASSIFIER).stem / run.evaluation.name
    result = read_metrics(path) or {}
    mean = (result.get("stress") or {}).get("mean")
    if result.get("model_sha256") != sha256(classifier).hexdigest() or mean is None:
        raise UserError(
            f"{path} has no results of the exported {CLASSIFIER} with a stress mean. Evaluate it: --mode=evaluate "
            f"--workdir={run.folder} --model={run.export / CLASSIFIER} --stress"
        )
    return result


def _session(run: Run) -> Mapping[str, Any]:
    if not (sessions := records.read_lines(run.sessions)):
        raise UserError(f"{run.sessions} is missing, which has the command that trained the run: use another run.")
    return sessions[0]


def _portable(command: list[str]) -> str:
    """A command without the paths of the machine on which it ran."""
    arguments = (re.sub(r"(^|=)/.*", r"\1FOLDER", one) for one in command[1:])
    program = Path(command[0])
    script = f"benchmarks/{program.name}" if program.parent.name == "benchmarks" else "launch.py"
    return f"python {script} {shlex.join(arguments)}"


def _portable_metrics(result: dict[str, Any]) -> dict[str, Any]:
    """The results without the paths of the machine on which they were computed."""
    return {key: value for key, value in result.items() if key != "misclassifications"} | {"model": CLASSIFIER}


def _card(card: str, model: ZooModel, files: Sequence[str], stress: Mapping[str, Any]) -> str:
    """The model card of the export, with a section on the zoo before its first one, and with the stress results."""
    if "\n## Robustness" not in card:  # exported before the evaluation
        section = "\n".join(robustness({CLASSIFIER: stress}))
        card = card.replace("\n## Calibration", f"{section}\n\n## Calibration", 1)
    title, heading, rest = card.partition("\n## ")
    uar = ", ".join(
        f"{value:.3f} ({format_interval(model.uar_interval_by_corpus[corpus], value)}) on {corpus}"
        for corpus, value in model.uar_by_corpus.items()
    )
    revision = model.revision[:12] + "+" * model.revision.endswith("+") or "unknown"  # +: a changed working tree
    lines = [
        "",
        "## In the model zoo",
        "",
        f"- Licence: {model.notice} ({LICENCE}).",
        f"- Files: {', '.join(files)}. The other files below are in the export of the run only.",
        f"- {CLASSIFIER} on the test set: UAR {model.uar:.3f} ({format_interval(model.uar_interval, model.uar)}),"
        f" {uar}, with 95 % intervals by speaker; stress mean {model.stress_mean:.3f} (`{model.stress_set}`).",
        f"- Run `{model.run}`: protocol `{model.protocol}`, fold {model.fold}, seed {model.seed}; exported by AERSUT"
        f" {model.aersut}; trained at Git revision {revision} by",
        f"  `{model.command}`.",
        *(f"- Test speakers of {corpus}: {', '.join(names)}." for corpus, names in model.test_speakers.items()),
        "- All other speakers on disk were used for training or validation: a result on them would be too high.",
        f"- For fine-tuning (`--init={model.name}`): {WEIGHTS}, the weights in float32, and {CONFIG}.",
    ]
    return title + "\n".join(lines) + "\n" + heading + rest
