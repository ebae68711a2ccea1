"""The study: Optuna's record of a sweep in a database that all workers share."""

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

from aersut.errors import UserError
from aersut.sweep.plan import OBJECTIVES, Plan
from aersut.sweep.space import grid_values
from aersut.tree import differences

IDENTITY = "aersut"
"""The study's user attribute that holds `Plan.identity`."""
EXCESS = "surplus"
"""The trial's user attribute of a trial that was started beyond the requested number, and stopped at once."""
GRACE_INTERVALS = 6
"""A worker without a heartbeat for this many intervals counts as dead."""
MAX_RETRIES = 3
"""How often a dead worker's trial is re-queued."""
CREATE_ATTEMPTS = 5
"""Two machines that start at once may both create the tables; the slower one retries."""
RECONNECT_TIMEOUT = 300.0
"""Seconds for which a worker waits for a database server that went away during the sweep."""
_SQLITE_TIMEOUT = 60.0


class Storage(RDBStorage):
    """Optuna's database storage; heartbeats continue while the database is briefly unavailable."""

    def record_heartbeat(self, trial_id: int) -> None:
        with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError, StorageInternalError):
            super().record_heartbeat(trial_id)


@contextlib.contextmanager
def open_study(plan: Plan, seed: int | None = None, create: bool = True) -> Iterator[optuna.Study]:
    """Open the study of a sweep; close its connections when the block ends.

    Args:
        seed: of the sampler; None for several workers, which must not sample the same values.
        create: whether to create a study that does not exist.

    Raises:
        UserError: the database cannot be reached, or the study of this name belongs to another sweep.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with database_errors(plan):
        storage = _open_storage(plan, create)
    try:
        with database_errors(plan):
            study = _load_study(plan, storage, create)
            study.sampler = _make_sampler(plan, None if seed is None else seed + len(study.get_trials(deepcopy=False)))
            study.pruner = _make_pruner(plan)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextlib.contextmanager
def database_errors(plan: Plan) -> Iterator[None]:
    """Convert database errors in the block to `UserError`; hide Optuna's warnings about experimental features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            yield
        except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError) as error:
            raise UserError(f"--storage: {_first_line(error)}; expected postgresql://USER@HOST/DATABASE.") from None
        except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, OSError) as error:
            raise UserError(
                f"the sweep's database {_public_url(plan)} does not respond, or cannot be written: "
                f"{_first_line(error.__cause__ or error)}. Finished trials are kept. Fix the database, then run the "
                "same command again to resume."
            ) from error


def sweep_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The trials of the sweep, without those that were re-queued under a new number and without excess trials."""
    trials = study.get_trials(deepcopy=False)
    requeued = {number for trial in trials for number in RetryHeartbeatStaleTrialCallback.retry_history(trial)}
    return [trial for trial in trials if trial.number not in requeued and EXCESS not in trial.user_attrs]


def requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Re-queue a failed or interrupted trial; the next free worker resumes it from its own checkpoint."""
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


def _open_storage(plan: Plan, create: bool) -> Storage:
    if not plan.storage:
        path = plan.folder / "study.db"
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise UserError(
                f"{plan.folder} contains no sweep yet; omit --status, or set --workdir to a sweep's folder."
            )
        url = f"sqlite:///{path.absolute()}"
        options: dict[str, Any] = {"connect_args": {"timeout": _SQLITE_TIMEOUT}}
    else:
        url = plan.storage
        if url.startswith(("postgres://", "postgresql://")):
            url = f"postgresql+psycopg://{url.partition('://')[2]}"
        options = {"pool_pre_ping": True}
        if url.startswith("postgresql"):
            options["connect_args"] = {"connect_timeout": 10}
    for attempt in range(CREATE_ATTEMPTS):
        try:
            storage = Storage(
                url,
                engine_kwargs=options,
                heartbeat_interval=plan.heartbeat,
                grace_period=GRACE_INTERVALS * plan.heartbeat,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MAX_RETRIES),
            )
            break
        except ImportError as error:
            url = _public_url(plan)
            raise UserError(f"--storage={url} needs a driver: {error}; pip install 'aersut[sweep]'.") from None
        except (sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.IntegrityError):
            if attempt == CREATE_ATTEMPTS - 1:
                raise
            time.sleep(1)
    if plan.storage:
        _wait_for_server(storage, _public_url(plan))
    else:
        _lock_before_reading(storage)
    return storage


def _wait_for_server(storage: Storage, name: str) -> None:
    """Wait for a database server that restarts: each of Optuna's transactions begins with a connection.

    The heartbeat's thread does not wait, since it would delay an interrupted worker.
    """

    def connect(dialect: Any, _: Any, arguments: Any, options: Any) -> Any:
        deadline, reported = time.monotonic() + RECONNECT_TIMEOUT, False
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() > deadline or threading.current_thread() is not threading.main_thread():
                    raise
            if not reported:  # to the real stderr: a trial's own output goes to its log
                print(f"waiting for the sweep's database {name}: it does not respond", file=sys.__stderr__, flush=True)
            reported = True
            time.sleep(1)

    sqlalchemy.event.listen(storage.engine, "do_connect", connect)


def _lock_before_reading(storage: Storage) -> None:
    """Make SQLite take its write lock when a transaction begins, since it ignores Optuna's row locks.

    A write-ahead log avoids waiting for the disk at each commit; commits survive a killed process.
    """

    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        with contextlib.suppress(sqlite3.OperationalError):  # another process is doing the same
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    storage.engine.dispose()
    sqlalchemy.event.listen(storage.engine, "connect", connect)
    sqlalchemy.event.listen(storage.engine, "begin", begin)


def _load_study(plan: Plan, storage: Storage, create: bool) -> optuna.Study:
    if create:
        directions = [OBJECTIVES[name] for name in plan.sweep.objectives]
        with contextlib.suppress(DuplicatedStudyError):
            optuna.create_study(storage=storage, study_name=plan.name, directions=directions)
    try:
        study = optuna.load_study(storage=storage, study_name=plan.name)
    except KeyError:
        raise UserError(f"{_public_url(plan)} contains no study '{plan.name}' yet; omit --status to run it.") from None
    stored = study.user_attrs.get(IDENTITY)
    if stored is None and create:
        study.set_user_attr(IDENTITY, plan.identity)
    elif changed := differences(stored or {}, json.loads(json.dumps(plan.identity)), "sweep"):
        raise UserError(
            f"study '{plan.name}' in {_public_url(plan)} belongs to another sweep; stored / requested: "
            f"{'; '.join(changed[:3])}{' …' if len(changed) > 3 else ''}. Choose another --study, or omit the flag."
        )
    return study


def _make_sampler(plan: Plan, seed: int | None) -> optuna.samplers.BaseSampler:
    if plan.sampler == "grid":
        return optuna.samplers.GridSampler({key: grid_values(one) or [] for key, one in plan.space.items()}, seed=0)
    if plan.sampler == "random":
        return optuna.samplers.RandomSampler(seed)
    # constant_liar: other workers' running trials count as poor, so that workers do not sample the same values
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _make_pruner(plan: Plan) -> optuna.pruners.BasePruner:
    epochs = plan.experiment.epochs * len(plan.run_overrides)
    if plan.sweep.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, plan.experiment.epochs // 5))
    if plan.sweep.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource="auto" if "epochs" in plan.space else epochs)
    return optuna.pruners.NopPruner()


def _public_url(plan: Plan) -> str:
    """The database's path or URL, without the password."""
    if not plan.storage:
        return str(plan.folder / "study.db")
    try:
        return sqlalchemy.make_url(plan.storage).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return "--storage"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removesuffix(".") if lines else type(error).__name__
