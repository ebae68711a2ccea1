"""What all tests share: a cache of their own, and real speech where there is some."""

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grain  # noqa: F401  (it defines flags, which flagsaver would delete if a test imported it first)
import jax
import opensmile  # noqa: F401  (before TensorFlow, as `EGeMAPS.check` does for users)
import pytest
from absl.testing import flagsaver

from aersut import cli
from aersut.registry import CONDITIONS
from aersut.report import evaluation_plots
from aersut.run_folder import Run, open_run
from aersut.tree import REGISTRIES


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache; a worker's tests share one, and all workers what XLA has compiled."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background job, and in all that it starts
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(cli.GARBAGE)  # as `cli.main`, below which the tests start the program
    base = tmp_path_factory.getbasetemp()
    compiled = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    jax.config.update("jax_compilation_cache_dir", str(compiled))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    # the tests compile more than they compute; the commands that they start have all optimizations
    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AERSUT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(compiled))  # of the commands that the tests start
        yield


@pytest.fixture(autouse=True)
def _own_plugins() -> Iterator[None]:
    """What a test registers, no other test sees."""
    registries = (*REGISTRIES, CONDITIONS)
    for registry in registries:
        registry.names()  # the built-in ones are imported once and for all
    before = [dict(registry._plugins) for registry in registries]
    yield
    for registry, plugins in zip(registries, before, strict=True):
        registry._plugins = plugins


@pytest.fixture(autouse=True)
def _without_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation in this process draws no plots, which take seconds, unless the test is marked `plots`."""
    if not request.node.get_closest_marker("plots"):
        monkeypatch.setattr(evaluation_plots, "matplotlib_installed", lambda: False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A root that holds real RAVDESS speech."""
    folder = os.environ.get("AERSUT_TEST_DATA")
    if not folder:
        pytest.skip("AERSUT_TEST_DATA is not set: no real speech")
    return Path(folder)


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def launch(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command line inside this process, which saves the seconds that importing JAX takes."""

    def run(*arguments: str) -> Outcome:
        with flagsaver.flagsaver():
            try:
                status = cli._run(cli._parse(["launch.py", *arguments]))
            except SystemExit as stop:
                status = int(stop.code or 0)
        printed = capsys.readouterr()
        return Outcome(status, printed.out, printed.err)

    return run


@pytest.fixture
def tiny() -> str:
    """The path of an experiment that takes seconds."""
    return str(Path(__file__).parent / "tiny.py")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the tiny experiment, trained, evaluated, exported and reported; for reading only."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with flagsaver.flagsaver():
        tiny = str(Path(__file__).parent / "tiny.py")
        assert cli._run(cli._parse(["launch.py", f"--experiment={tiny}", f"--workdir={folder}"])) == 0
    return open_run(folder)


@pytest.fixture
def own_run(finished: Run, tmp_path: Path) -> Run:
    """A copy of the finished run, which a test may change."""
    shutil.copytree(finished.folder, tmp_path / "own")
    return open_run(tmp_path / "own")


@pytest.fixture(scope="session")
def litertjs() -> Path:
    """A folder with the npm packages of LiteRT.js."""
    folder = os.environ.get("AERSUT_TEST_LITERTJS")
    if not folder:
        pytest.skip("AERSUT_TEST_LITERTJS is not set: no LiteRT.js")
    return Path(folder)
