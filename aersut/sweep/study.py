"""The study: Optuna's record of a sweep in its database, which workers on any number of machines share."""

import contextlib
import json
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from aersut.config import differences
from aersut.errors import UserError
from aersut.sweep.plan import OBJECTIVES, Plan
from aersut.sweep.space import points

IDENTITY = "aersut"
"""The study's attribute that holds `Plan.identity`."""
SURPLUS = "surplus"
"""The trial's attribute that says that one more than asked for was begun, and dropped at once."""
SILENCE = 6
"""A worker that gave no sign of life for so many intervals is taken for dead."""
RETRIES = 3
"""How often a trial whose worker died is taken up again."""
ATTEMPTS = 5
"""Two machines that begin at once may both make the tables; the slower one tries again."""
AWAY = 300.0
"""Seconds for which a worker waits for a server that went away in the middle of the sweep."""
_BUSY = 60.0


class Storage(RDBStorage):
    """Optuna's database, whose heart does not stop when the database is away for a moment."""

    def record_heartbeat(self, trial_id: int) -> None:
        with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError, StorageInternalError):
            super().record_heartbeat(trial_id)


@contextlib.contextmanager
def open_study(plan: Plan, seed: int | None = None, new: bool = True) -> Iterator[optuna.Study]:
    """The study of a sweep, made where it is new; its connections are closed at the end.

    Args:
        seed: of the sampler; None where several workers must not draw the same.
        new: whether it may be made.

    Raises:
        UserError: the database cannot be reached, or the study of this name is of another sweep.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with database(plan):
        storage = _storage(plan, new)
    try:
        with database(plan):
            study = _study(plan, storage, new)
            study.sampler = _sampler(plan, None if seed is None else seed + len(study.get_trials(deepcopy=False)))
            study.pruner = _pruner(plan)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextlib.contextmanager
def database(plan: Plan) -> Iterator[None]:
    """What goes wrong with the database inside is the user's to mend. Optuna's notes on what is new are not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            yield
        except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError) as error:
            raise UserError(f"--storage: {_first_line(error)}; expected postgresql://USER@HOST/DATABASE.") from None
        except ImportError as error:
            raise UserError(f"--storage={_shown(plan)} needs a driver: {error}; pip install 'aersut[sweep]'.") from None
        except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, OSError) as error:
            raise UserError(
                f"the sweep's database {_shown(plan)} does not answer, or cannot be written: "
                f"{_first_line(error.__cause__ or error)}. What was finished is kept; once it is mended, the same "
                "command goes on."
            ) from error


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that count: not those that another has taken up, nor what was begun beyond the number asked for."""
    trials = study.get_trials(deepcopy=False)
    again = {number for trial in trials for number in RetryHeartbeatStaleTrialCallback.retry_history(trial)}
    return [trial for trial in trials if trial.number not in again and SURPLUS not in trial.user_attrs]


def again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Let a trial that failed, or was interrupted, be taken up by whoever asks next, from its own checkpoint."""
    attributes = {name: value for name, value in trial.user_attrs.items() if name != "error"}
    fresh = optuna.trial.create_trial(
        state=TrialState.FAIL,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=attributes,
        system_attrs=trial.system_attrs,
    )
    fresh.number = trial.number
    RetryHeartbeatStaleTrialCallback()(study, fresh)


def _storage(plan: Plan, new: bool) -> Storage:
    if not plan.storage:
        path = plan.folder / "study.db"
        if new:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise UserError(f"there is no sweep in {plan.folder} yet: leave out --status, or name one with --workdir.")
        url = f"sqlite:///{path.absolute()}"
        options: dict[str, Any] = {"connect_args": {"timeout": _BUSY}}
    else:
        url = plan.storage
        for word in ("postgres", "postgresql"):
            if url.startswith(f"{word}://"):
                url = f"postgresql+psycopg://{url.removeprefix(f'{word}://')}"
        options = {"pool_pre_ping": True}
        if url.startswith("postgresql"):
            options["connect_args"] = {"connect_timeout": 10}
    for attempt in range(ATTEMPTS):
        try:
            storage = Storage(
                url,
                engine_kwargs=options,
                heartbeat_interval=plan.heartbeat,
                grace_period=SILENCE * plan.heartbeat,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
            )
            break
        except (sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.IntegrityError):
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(1)
    if plan.storage:
        _be_patient(storage, _shown(plan))
    else:
        _take_turns(storage)
    return storage


def _be_patient(storage: Storage, name: str) -> None:
    """Wait for a server that answered once, and is restarted; each of Optuna's transactions begins with a connection.

    The thread of the heart does not: it would hold up who is interrupted meanwhile.
    """

    def connect(dialect: Any, _: Any, arguments: Any, options: Any) -> Any:
        deadline, said = time.monotonic() + AWAY, False
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() > deadline or threading.current_thread() is not threading.main_thread():
                    raise
            if not said:  # past what holds a trial's own output
                print(f"the sweep's database {name} does not answer: waiting for it", file=sys.__stderr__, flush=True)
            said = True
            time.sleep(1)

    sqlalchemy.event.listen(storage.engine, "do_connect", connect)


def _take_turns(storage: Storage) -> None:
    """Let SQLite lock for writing when a transaction begins: what Optuna locks row by row elsewhere, SQLite ignores.

    With a write-ahead log it need not wait for the disk at each commit; what was committed outlives a killed process.
    """

    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        with contextlib.suppress(sqlite3.OperationalError):  # another process is just doing it
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    storage.engine.dispose()
    sqlalchemy.event.listen(storage.engine, "connect", connect)
    sqlalchemy.event.listen(storage.engine, "begin", begin)


def _study(plan: Plan, storage: Storage, new: bool) -> optuna.Study:
    if new:
        directions = [OBJECTIVES[name] for name in plan.sweep.objectives]
        with contextlib.suppress(DuplicatedStudyError):
            optuna.create_study(storage=storage, study_name=plan.name, directions=directions)
    try:
        study = optuna.load_study(storage=storage, study_name=plan.name)
    except KeyError:
        raise UserError(f"there is no study '{plan.name}' in {_shown(plan)} yet: leave out --status.") from None
    known = study.user_attrs.get(IDENTITY)
    if known is None and new:
        study.set_user_attr(IDENTITY, plan.identity)
    elif changed := differences(known or {}, json.loads(json.dumps(plan.identity)), "sweep"):
        raise UserError(
            f"study '{plan.name}' in {_shown(plan)} is of another sweep; it / the one asked for differ in: "
            f"{'; '.join(changed[:3])}{' …' if len(changed) > 3 else ''}. Choose another --study or leave it out."
        )
    return study


def _sampler(plan: Plan, seed: int | None) -> optuna.samplers.BaseSampler:
    if plan.sampler == "grid":
        return optuna.samplers.GridSampler({key: points(one) or [] for key, one in plan.space.items()}, seed=0)
    if plan.sampler == "random":
        return optuna.samplers.RandomSampler(seed)
    # constant_liar: what other workers are trying now counts as bad, so that not all try the same
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _pruner(plan: Plan) -> optuna.pruners.BasePruner:
    epochs = plan.experiment.epochs * len(plan.runs)
    if plan.sweep.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, plan.experiment.epochs // 5))
    if plan.sweep.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource="auto" if "epochs" in plan.space else epochs)
    return optuna.pruners.NopPruner()


def _shown(plan: Plan) -> str:
    """The database, without its password."""
    if not plan.storage:
        return str(plan.folder / "study.db")
    try:
        return sqlalchemy.make_url(plan.storage).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return "--storage"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removesuffix(".") if lines else type(error).__name__
