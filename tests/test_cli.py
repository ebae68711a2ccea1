"""The command line: help, plugins, and every mistake gets one clear message."""

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from absl.testing import flagsaver

import aersut
from aersut import cli
from aersut.commands import COMMANDS
from aersut.corpora import Synthetic
from aersut.errors import EXTRAS, UserError
from aersut.paths import expanded
from aersut.program import unusable_file
from aersut.registry import FEATURES
from aersut.run_folder import Run
from tests.file_times import file_times

ROOT = Path(__file__).parents[1]


class TestHelp:
    @pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--mode=sweep", "--help"], ["--help", "--mode=data"]])
    def test_imports_nothing_heavy_and_ends_with_0(self, arguments):
        code = f"import sys; sys.argv = ['launch.py', *{arguments}]\nfrom aersut.cli import main\ntry: main()\n"
        code += "finally: print(sorted({'jax', 'numpy', 'tensorflow', 'pydantic'} & set(sys.modules)), file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0
        assert "--experiment" in done.stdout
        assert done.stderr.strip() == "[]"

    def test_of_the_program_fits_a_terminal_and_names_every_mode(self, launch):
        lines = launch("--help").out.splitlines()
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 100
        named = [line.split()[0] for line in lines if line.startswith("  ")]
        assert named == list(COMMANDS)
        assert all(len(line.split()) > 3 for line in lines if line.startswith("  "))

    def test_is_what_a_command_without_arguments_prints(self, launch):
        assert launch() == launch("--help")

    @pytest.mark.parametrize("mode", COMMANDS)
    def test_of_a_mode_has_its_flags_in_order_and_no_others(self, launch, mode):
        outcome = launch(f"--mode={mode}", "--help")
        assert outcome.status == 0
        flags = [line.split()[0] for line in outcome.out.splitlines() if line.startswith("  --")]
        assert [re.match(r"--([\w-]+)", flag)[1] for flag in flags if "." not in flag] == list(COMMANDS[mode].flags)
        dotted = {flag.partition(".")[0] for flag in flags if "." in flag}
        assert dotted == {f"--{word}" for word in COMMANDS[mode].dotted}

    @pytest.mark.parametrize("mode", COMMANDS)
    def test_of_a_mode_shows_commands_that_its_own_parser_accepts(self, mode):
        usages = re.findall(r"^(.*{program}.*)$", COMMANDS[mode].doc or "", re.MULTILINE)
        assert usages
        for usage in usages:
            command = usage.format(program="python launch.py").rpartition(" | ")[2]
            program, script, *arguments = shlex.split(command)
            assert (program, script) == ("python", "launch.py")
            with flagsaver.flagsaver():
                cli._parse(["launch.py", *arguments])
                assert cli.FLAGS.mode == mode

    def test_names_the_program_as_it_was_started(self, launch, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["/somewhere/bin/aersut", "--help"])
        assert "usage: aersut --experiment=NAME" in launch("--help").out
        assert "  aersut --mode=export --workdir=RUN" in launch("--mode=export", "--help").out
        assert "or:    aersut --mode=predict --model=micro_speech CLIP" in launch("--help").out
        monkeypatch.setattr(sys, "argv", ["launch.py", "--help"])
        assert "usage: python launch.py --experiment=NAME" in launch("--help").out

    def test_of_an_unknown_mode_is_a_mistake(self, launch):
        outcome = launch("--mode=trian", "--help")
        assert outcome.status == 2
        assert "trian" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["--mode=predict", "--workdir=x"], "--workdir"),
        (["--mode=predict", "--experiment.epochs=3"], "--experiment.epochs"),
        (["--mode=train", "--sweep.epochs=1,2", "--experiment=x"], "--sweep.epochs"),
        (["--mode=train", "--rate=8000", "--experiment=x"], "--rate"),
    ],
)
def test_a_flag_of_another_mode_is_refused_with_the_modes_that_take_it(launch, arguments, flag):
    outcome = launch(*arguments)
    assert outcome.status == 2
    assert outcome.err.startswith(f"error: {flag} goes with --mode=")


def test_list_names_experiments_and_plugins_of_every_kind(launch):
    outcome = launch("--list")
    assert outcome.status == 0
    lines = {line.split()[0]: line for line in outcome.out.splitlines()}
    for name in ("quickstart", "cnn_combined", "cnn_lstm_combined", "cnn_lstm_combined_features", "cnn2d_mel"):
        assert len(lines[name].split()) > 3  # a name with its line
    plugins = "ravdess cremad synthetic mfcc log_mel zcr rms noise time_shift cnn cnn_lstm cnn2d adam"
    for name in plugins.split():
        assert len(lines[name].split()) > 3


PLUGIN = '''
from dataclasses import dataclass
import jax.numpy as jnp
from aersut.contracts import Feature
from aersut.registry import FEATURES

@FEATURES.register("{name}")
@dataclass(frozen=True)
class Peak(Feature):
    """Peak of each frame."""
    scale: float = 1.0
    channels = 1

    def __call__(self, signal):
        return self.scale * jnp.max(jnp.abs(signal.frames()), axis=1, keepdims=True)
'''


def test_trains_on_a_feature_plugin_outside_the_package(launch, tiny, tmp_path):
    (tmp_path / "my_features.py").write_text(PLUGIN.format(name="peak"))
    outcome = launch(
        f"--experiment={tiny}",
        f"--workdir={tmp_path / 'run'}",
        f"--experiment.plugins={tmp_path / 'my_features.py'}",
        "--experiment.features=mfcc,peak",
        "--experiment.features.1.scale=2",
        "--experiment.epochs=1",
        "--mode=train",
    )
    assert outcome.status == 0, outcome.err
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["features"][1] == {"name": "peak", "scale": 2.0}
    assert "47 frames × 14 channels" in outcome.out


def test_a_plugin_that_was_moved_is_named_by_its_new_path(launch, tiny, tmp_path):
    (tmp_path / "here.py").write_text(PLUGIN.format(name="moving"))
    run = f"--workdir={tmp_path / 'run'}"
    features = ("--experiment.features=moving", "--experiment.epochs=1")
    plugin = f"--experiment.plugins={tmp_path / 'here.py'}"
    assert launch("--mode=train", f"--experiment={tiny}", run, plugin, *features).status == 0
    (tmp_path / "here.py").rename(tmp_path / "there.py")
    del FEATURES._plugins["moving"]  # another process knows no plugin of the first
    assert "here.py does not exist" in launch("--mode=evaluate", run).err
    outcome = launch("--mode=evaluate", run, f"--experiment.plugins={tmp_path / 'there.py'}")
    assert outcome.status == 0, outcome.err


def test_a_report_of_a_run_that_was_never_trained_is_refused(launch, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = launch("--mode=report", f"--experiment={tiny}", "--experiment.epochs=7")
    assert outcome.status == 2
    assert "there is no run runs/tiny/" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_replaces_no_file_of_the_user(launch, finished, tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    both = f"--workdir={finished.folder},{finished.folder}"
    outcome = launch("--mode=report", both, f"--output={tmp_path / 'notes.md'}")
    assert (outcome.status, (tmp_path / "notes.md").read_text()) == (2, "mine")
    assert "is not a page of --mode=report; choose another --output" in outcome.err
    for _ in range(2):  # its own page is replaced
        assert launch("--mode=report", both, f"--output={tmp_path / 'page.html'}").status == 0


def test_the_list_names_an_experiment_that_cannot_be_read(launch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "old.py").write_text("print 'x'")
    outcome = launch("--list")
    assert outcome.status == 0, outcome.err
    assert re.search(r"old +cannot be read: ", outcome.out)


def test_a_path_that_is_too_long_is_named(launch):
    outcome = launch("--mode=predict", "--model=micro_speech", "a.wav " * 60)
    assert outcome.status == 2
    assert "a.wav a.wav" in outcome.err


def test_a_label_may_resemble_an_emotion(launch, tmp_path):
    Synthetic(speakers=6, repetitions=1).write(tmp_path, "ravdess")
    rows = [
        f"{path.relative_to(tmp_path)},{'angry1' if index % 2 else 'sad'},{index % 5}"
        for index, path in enumerate(sorted(tmp_path.rglob("*.wav")))
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,emotion,speaker", *rows]))
    corpus = '[{"name": "manifest", "labels": {"angry1": "angry1"}}]'
    outcome = launch(
        "--mode=data",
        "--experiment=quickstart",
        f"--experiment.data.corpora={corpus}",
        f"--experiment.data.root={tmp_path}",
    )
    assert outcome.status == 0, outcome.err
    assert "angry1" in outcome.out


def test_finds_a_plugin_module_by_its_dotted_path_in_the_working_directory(launch, tiny, tmp_path, monkeypatch):
    (tmp_path / "peak_plugin.py").write_text(PLUGIN.format(name="peak_by_module"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])  # as an installed console script has it
    overrides = ("--experiment.plugins=peak_plugin", "--experiment.features=peak_by_module", "--experiment.epochs=1")
    assert launch(f"--experiment={tiny}", "--mode=train", *overrides).status == 0


class TestData:
    def test_is_a_table_or_json_of_what_is_there_and_what_is_wrong(self, launch, tmp_path):
        Synthetic(speakers=2, repetitions=1).write(tmp_path, "ravdess")
        arguments = ("--mode=data", "--experiment=cnn_combined", f"--experiment.data.root={tmp_path}")
        outcome = launch(*arguments, "--experiment.data.corpora=ravdess")
        assert (outcome.status, "a run with this experiment would stop: protocol 'speaker'" in outcome.err) == (2, True)
        assert "22 of 24 speakers are missing: 3, 4, 5" in outcome.out
        outcome = launch(*arguments, "--json")
        assert outcome.status == 2  # CREMA-D is not there
        found = json.loads(outcome.out)
        assert (found["ravdess"]["clips"], found["ravdess"]["speakers"], found["ravdess"]["skipped"]) == (16, 2, {})
        assert found["ravdess"]["emotions"]["calm"] == 2
        assert "cremad/AudioWAV" in found["cremad"]["blocking"][0]

    def test_downloads_nothing_over_a_corpus_that_is_there(self, launch, tmp_path):
        Synthetic(speakers=2, repetitions=1).write(tmp_path, "ravdess")
        before = file_times(tmp_path)
        outcome = launch("--mode=data", "--download=ravdess", f"--experiment.data.root={tmp_path}")
        assert outcome.status == 0
        assert "16" in outcome.out
        assert file_times(tmp_path) == before


MISTAKES = {
    "unknown experiment": (["--experiment=quickstrat"], ["quickstrat", "Did you mean 'quickstart'"]),
    "no experiment": (["--mode=train"], ["--experiment=NAME"]),
    "no such file": (["--experiment=nowhere.py"], ["nowhere.py", "does not exist"]),
    "misspelt flag": (["--experiment=quickstart", "--workdri=x"], ["workdri", "workdir"]),
    "misspelt key": (["--experiment=quickstart", "--experiment.epoch=3"], ["experiment.epoch", "'epochs'"]),
    "misspelt key below": (
        ["--experiment=quickstart", "--experiment.optimizer.learning_rat=3"],
        ["experiment.optimizer.learning_rat", "'learning_rate'"],
    ),
    "wrong type": (["--experiment=quickstart", "--experiment.epochs=many"], ["experiment.epochs", "integer", "many"]),
    "fraction": (["--experiment=quickstart", "--experiment.epochs=1.5"], ["experiment.epochs", "1.5"]),
    "not a number": (["--experiment=quickstart", "--experiment.optimizer.learning_rate=nan"], ["learning_rate", "nan"]),
    "out of range": (
        ["--experiment=quickstart", "--experiment.optimizer.learning_rate=0"],
        ["learning_rate must be above 0"],
    ),
    "unknown plugin": (["--experiment=quickstart", "--experiment.model=cnm"], ["unknown model 'cnm'", "'cnn'"]),
    "unknown feature": (["--experiment=quickstart", "--experiment.features=mfc,zcr"], ["features.0", "'mfcc'"]),
    "unknown module": (["--experiment=quickstart", "--experiment.plugins=no_such_module"], ["no_such_module"]),
    "index too far": (["--experiment=quickstart", "--experiment.features.3.n_mfcc=3"], ["features", "'3'", "0 to 0"]),
    "unknown mode": (["--experiment=quickstart", "--mode=tain"], ["--mode=tain", "Did you mean 'train'?"]),
    "no value": (["--experiment=quickstart", "--experiment.epochs"], ["--experiment.epochs=VALUE"]),
    "stray word": (["train"], ["'train'", "--mode=train."]),
    "a mode without --mode": (["predict", "clip.wav"], ["--mode=predict --model=NAME clip.wav"]),
    "a mode with a folder": (["evaluate", "."], ["--mode=evaluate --workdir=."]),
    "a mode with folders": (["compare", ".", ".."], ["--mode=compare --workdir=.,.."]),
    "a mode with an experiment": (["train", "quickstart"], ["--mode=train --experiment=quickstart"]),
    "a misspelt mode without --mode": (["tain"], ["Did you mean 'train'"]),
    "an experiment alone": (["quickstart"], ["--experiment=quickstart"]),
    "a program's usual word": (["help"], ["--help"]),
    "a key without --experiment": (["--epochs=5"], ["--experiment.epochs?"]),
    "a key below without --experiment": (["--learning_rate=1e-3"], ["--experiment.optimizer.learning_rate?"]),
    "a dotted key without --experiment": (["--data.root=x"], ["--experiment.data.root?"]),
    "a key with a dash": (["--batch-size", "8"], ["--experiment.batch_size?"]),
    "a flag with a dash": (["--mode=predict", "--min-confidence=0.5"], ["--min_confidence?"]),
    "a flag in another case": (["--Mode=train"], ["--mode?"]),
    "a value in another case": (["--mode=TRAIN"], ["Did you mean 'train'?"]),
    "an earlier name of a flag": (["--mode=predict", "--gate=-70"], ["--vad_threshold?"]),
    "a path of an unset variable": (["--mode=predict", "--model=micro_speech", ""], ["a path is empty"]),
    "a switch with a value": (["--nolist=1"], ["--nolist=1 does not take an argument"]),
    "misspelt value of a choice": (["--mode=sweep", "--pruner=mediam"], ["--pruner=mediam", "'median'"]),
    "download of an unknown corpus": (["--mode=data", "--download=ravdes"], ["ravdes", "'ravdess'"]),
    "download in another mode": (["--experiment=quickstart", "--download=ravdess"], ["--mode=data"]),
    "a name that is a path": (["--experiment=quickstart", "--experiment.name=../x"], ["experiment", "name", "../x"]),
    "no run": (["--mode=evaluate", "--workdir=nowhere"], ["nowhere", "config.json"]),
    "evaluate elsewhere, misspelt": (["--mode=evaluate", "--workdir=x", "--evaluate.rot=y"], ["evaluate.rot"]),
    "no data": (["--experiment=cnn_combined", "--experiment.data.root=nowhere"], ["data.root", "nowhere"]),
    "batch too large": (["--experiment=TINY", "--experiment.batch_size=5000"], ["batch_size", "5000", "96"]),
    "too many poolings": (["--experiment=TINY", "--experiment.framing.hop_length=12000"], ["model 'cnn'", "frames"]),
    "fmax over Nyquist": (["--experiment=TINY", "--experiment.features.0.fmax=9000"], ["Nyquist", "8000"]),
    "paper without copies": (
        ["--experiment=TINY", "--experiment.data.protocol=paper", "--experiment.augmented_copies=0"],
        ["augmented_copies"],
    ),
    "given without speakers": (["--experiment=TINY", "--experiment.data.protocol=given"], ["train_speakers"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_message_that_names_it_and_status_2(mistake, launch, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = MISTAKES[mistake]
    outcome = launch(*(argument.replace("TINY", tiny) for argument in arguments))
    assert outcome.status == 2, outcome
    assert "\nerror: " in f"\n{outcome.err}"  # a stage that lasts is named before
    assert not (tmp_path / "runs").exists(), "a failed command leaves no run folder"
    for word in words:
        assert word in outcome.err


def test_a_tilde_after_an_equals_sign_is_the_home_folder(launch, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    outcome = launch("--mode=evaluate", "--workdir=~/run", "--experiment.data.root=~/speech")
    assert f"{tmp_path / 'run'} is not a run folder" in outcome.err


def test_a_platform_that_jax_cannot_use_is_named(tmp_path):
    command = ("--mode=train", "--experiment=quickstart", f"--workdir={tmp_path / 'run'}")
    done = run_command(*command, JAX_PLATFORMS="cuda", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert b"error: JAX cannot use JAX_PLATFORMS=cuda" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_failing_experiment_file_is_named_with_its_line(launch, tmp_path):
    (tmp_path / "broken.py").write_text("from aersut.models import CNN\n\ndef get_config():\n    return CNN(dense=0)\n")
    outcome = launch(f"--experiment={tmp_path / 'broken.py'}")
    assert outcome.status == 2
    assert "broken.py" in outcome.err
    assert "dense must be at least 1" in outcome.err


class TestRunFolderOfSomethingElse:
    def test_of_another_experiment_is_refused_and_kept(self, launch, tiny, finished: Run):
        before = file_times(finished.folder)
        outcome = launch(f"--experiment={tiny}", "--experiment.epochs=4", f"--workdir={finished.folder}")
        assert outcome.status == 2
        assert "experiment.epochs: 3 / 4" in outcome.err
        assert file_times(finished.folder) == before

    def test_that_is_no_run_is_refused_and_kept(self, launch, tiny, tmp_path):
        (tmp_path / "thesis.txt").write_text("all of it")
        outcome = launch(f"--experiment={tiny}", f"--workdir={tmp_path}")
        assert outcome.status == 2
        assert "not empty" in outcome.err
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    def test_whose_data_has_changed_is_refused(self, launch, tiny, tmp_path):
        corpus = Synthetic(speakers=6, repetitions=1).write(tmp_path, "ravdess")
        arguments = (
            f"--experiment={tiny}",
            f"--workdir={tmp_path / 'run'}",
            "--mode=train",
            f"--experiment.data.root={tmp_path}",
            "--experiment.data.corpora=ravdess",
        )
        assert launch(*arguments, "--experiment.epochs=1").status == 0
        next(corpus.rglob("*.wav")).unlink()
        (tmp_path / "run" / "checkpoints").rename(tmp_path / "run" / "elsewhere")
        outcome = launch(*arguments, "--experiment.epochs=1")
        assert outcome.status == 2
        assert "the data has changed since run" in outcome.err


def test_a_cache_that_is_not_the_users_is_named_with_what_to_set(tmp_path):
    lesser = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    if lesser and not shutil.which("setpriv"):
        pytest.skip("root may write anywhere")
    actor = tmp_path / "ravdess-emotional-speech-audio" / "audio_speech_actors_01-24" / "Actor_01"
    actor.mkdir(parents=True)
    soundfile.write(actor / "03-01-05-01-01-01-01.wav", np.random.default_rng(0).uniform(-1, 1, 16_000), 16_000)
    (tmp_path / "theirs").mkdir(mode=0o555)
    cache = tmp_path / "theirs" / "cache"
    options = ["--mode=data", f"--experiment.data.root={tmp_path}", "--experiment.data.corpora=ravdess"]
    command = [*lesser, sys.executable, "launch.py", "--experiment=cnn_combined", *options]
    environment = os.environ | {"AERSUT_CACHE": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 2
    remedy = "Set AERSUT_CACHE to a writable folder."
    assert done.stderr.endswith(f"error: {cache} cannot be used: Permission denied. {remedy}\n")


@pytest.mark.parametrize("mode", [name for name, command in COMMANDS.items() if command.extras])
def test_a_mode_names_the_extras_that_are_missing_before_it_does_anything(mode, launch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extras = COMMANDS[mode].extras
    for extra in extras:
        for module in EXTRAS[extra]:
            monkeypatch.setitem(sys.modules, module, None)
    outcome = launch(
        f"--mode={mode}", *(f"--{name}=x" for name in ("experiment", "workdir") if name in COMMANDS[mode].flags)
    )
    first = EXTRAS[extras[0]][0]
    message = f"--mode={mode} needs {first}, which is not installed: pip install 'aersut[{','.join(extras)}]'."
    assert (outcome.status, outcome.err) == (2, f"error: {message}\n")
    assert not list(tmp_path.iterdir())


def test_the_base_install_lists_the_zoo_and_the_version(launch, monkeypatch):
    for module in EXTRAS["train"]:
        monkeypatch.setitem(sys.modules, module, None)
    outcome = launch("--list")
    assert outcome.status == 0
    assert "micro_speech" in outcome.out
    assert "pip install 'aersut[train]'" in outcome.out
    assert launch("--version").out == f"aersut {aersut.__version__}\n"
    assert "--experiment.KEY=VALUE sets" in launch("--epochs=5").err


def run_command(*arguments, shell="", **environment):
    """The output and the exit status of a command in a shell; `shell` follows its arguments, as redirections do."""
    command = f"{shlex.join([sys.executable, 'launch.py', *map(str, arguments)])} {shell}"
    given = {key: value for key, value in {**os.environ, **environment}.items() if value is not None}
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, cwd=ROOT, env=given)


class TestOutput:
    @pytest.fixture
    def clips(self, tmp_path):
        """A folder with a clip whose name no code page has."""
        samples = np.random.default_rng(0).normal(0, 0.05, 16_000)
        for name in ("a.wav", "é☺ – b.wav"):
            soundfile.write(tmp_path / name, samples, 16_000)
        return tmp_path

    @pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
    def test_in_an_encoding_that_lacks_characters_is_escaped(self, clips, encoding):
        done = run_command("--mode=predict", "--model=micro_speech", clips, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr
        _, first, second = done.stdout.decode(encoding).splitlines()
        name = {"ascii": r"\xe9\u263a - b.wav", "cp932": r"\xe9\u263a - b.wav", "utf-8": "é☺ – b.wav"}[encoding]
        assert second.startswith(name)
        assert ("0:00.0 – " if encoding == "utf-8" else "0:00.0 - ") in first

    @pytest.mark.parametrize("shell", ["2>&-", "<&- 2>&-"])
    def test_without_standard_error_the_prediction_is_the_same(self, clips, shell):
        command = ("--mode=predict", "--model=micro_speech", clips)
        assert run_command(*command, shell=shell).stdout == run_command(*command).stdout != b""

    def test_that_is_closed_is_no_error(self, clips):
        done = run_command("--mode=predict", "--model=micro_speech", clips, shell=">&-")
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--mode=sweep", "--help"]])
    def test_whose_reader_ends_is_no_traceback(self, arguments):
        done = run_command(*arguments, shell="| true")
        assert done.stderr == b""
        assert done.returncode in (0, 141)

    def test_on_a_full_disk_is_one_message(self):
        done = run_command("--help", shell=">/dev/full")
        assert done.returncode == 2
        assert done.stderr.startswith(b"error: no space is left on the disk")
        assert done.stderr.count(b"\n") == 1


class TestWithoutAHome:
    """A container that runs under a number without a name and without $HOME."""

    @pytest.fixture
    def nameless(self, tmp_path):
        missing = "import pwd\ndef missing(uid):\n    raise KeyError(uid)\npwd.getpwuid = missing\n"
        (tmp_path / "sitecustomize.py").write_text(missing)
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        return {"PYTHONPATH": path} | dict.fromkeys(("HOME", "AERSUT_CACHE", "XDG_CACHE_HOME", "USER", "LOGNAME"))

    def test_prediction_works(self, nameless, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.05, 16_000), 16_000)
        done = run_command("--mode=predict", "--model=micro_speech", tmp_path / "a.wav", **nameless)
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr

    def test_whatever_needs_the_cache_names_what_to_set(self, nameless, tmp_path):
        command = ("--mode=train", "--experiment=quickstart", f"--workdir={tmp_path / 'run'}")
        done = run_command(*command, **nameless)
        assert done.returncode == 2
        assert done.stderr.decode().endswith(
            "error: there is no folder for the cache: this user has no home folder. Set AERSUT_CACHE to a writable "
            "folder.\n"
        )

    def test_a_path_with_a_tilde_is_refused(self, monkeypatch):
        monkeypatch.setattr(Path, "expanduser", lambda path: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(UserError, match="~/speech: the home folder is unknown. Set HOME"):
            expanded("~/speech")


def test_any_other_place_that_is_not_the_users_is_named_too_and_other_failures_are_not_hidden():
    told = unusable_file(PermissionError(errno.EACCES, "Permission denied", "/theirs/run"))
    assert told == "/theirs/run cannot be used: Permission denied. Change its permissions, or choose another."
    assert unusable_file(OSError(errno.EIO, "Input/output error", "/theirs/run")) is None
