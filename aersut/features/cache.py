"""The features cache: base features of every clip and augmented copy in one file per configuration."""

import hashlib
import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FunctionType

import filelock
import jax
import numpy as np
from jaxtyping import Array, Bool, Int

from aersut import matrices
from aersut.contracts import Plugin
from aersut.data import codecs
from aersut.data.collection import Collection
from aersut.data.feature_table import FeatureTable
from aersut.features.frontend import BATCH, Frontend, batches, to_float
from aersut.paths import cache_dir, new_folder
from aersut.plugin_code import with_nested
from aersut.progress import stage
from aersut.tree import digest, to_tree
from aersut.workers import core_count

PACKAGES = (Path(__file__).parent, Path(__file__).parents[1] / "augment")  # their source is part of each digest
SOURCES = (Path(matrices.__file__), Path(codecs.__file__))


def cached_features(
    frontend: Frontend, collection: Collection, used: Bool[np.ndarray, "clips versions"], seed: int
) -> FeatureTable:
    """Return the base features of all used (clip, version) pairs; compute them if the cache lacks them.

    Version 0 is the clip itself. The other versions are augmented copies, whose randomness depends only on the seed,
    the clip and the version. Rows of unused pairs are zeros.

    The file is `features/DIGEST/features.npy` under `cache_dir()`. The digest covers the clips, the configuration, the
    plugins' fingerprints and their code.
    """
    places = [index for index, augmenter in enumerate(frontend.augment) if augmenter.domain == "waveform"]
    places = places if used.shape[1] > 1 else []
    augment = [frontend.augment[index] for index in places]
    # each augmenter draws with the key of its place among all; the usual places are omitted, as in earlier caches
    trees = to_tree(augment) if places == list(range(len(places))) else [to_tree(augment), places]
    plugins = [*frontend.bases, *augment]
    files = [*SOURCES, *(file for package in PACKAGES for file in package.glob("*.py"))]
    key = digest(
        [
            *(collection.key, to_tree(frontend.framing), to_tree(frontend.bases), trees),
            *(seed if used.shape[1] > 1 else None, [plugin.fingerprint() for plugin in plugins]),
            *(used.shape, _sha256(used.tobytes()), code_digests(plugins, files)),
        ]
    )
    folder = cache_dir() / "features" / key
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):  # trials that start together wait for the first one
            if not folder.is_dir():
                with new_folder(folder) as aside:
                    _compute(aside / "features.npy", frontend, collection, used, seed)
    return FeatureTable(folder / "features.npy")


def _compute(
    path: Path, frontend: Frontend, collection: Collection, used: Bool[np.ndarray, "clips versions"], seed: int
) -> None:
    table = np.lib.format.open_memmap(path, "w+", np.float32, (*used.shape, *frontend.base_shape))
    if hasattr(os, "posix_fallocate"):  # a write into a mapped file that finds the disk full would kill the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    plain = jax.jit(frontend.transformed)
    augmented = jax.jit(lambda audio, rows: frontend.transformed(audio, _keys(seed, rows)))

    def fill(rows: Int[np.ndarray, "some 2"]) -> int:
        full = np.resize(rows, (BATCH, 2))  # a single compiled shape; the repeated rows are dropped below
        windows = [  # only copies are cropped at random, each by its own generator; evaluation reads version 0
            collection.window(clip, np.random.default_rng([seed, clip, version]) if version else None)
            for clip, version in full
        ]
        audio = to_float(np.stack(windows))
        changed, columns = augmented(audio, full) if rows[0, 1] else plain(audio)
        kept = np.asarray(changed)[: len(rows)], np.asarray(columns)[: len(rows)]
        table[rows[:, 0], rows[:, 1]] = frontend.completed(*kept)
        return len(rows)

    versions = np.arange(used.shape[1])
    of_clips, of_copies = (list(batches(np.argwhere(used & kind))) for kind in (versions == 0, versions > 0))
    # the augmenters take seconds to compile; meanwhile the other threads process the unchanged clips
    order = [*of_copies[:1], *of_clips, *of_copies[1:]]
    # on a CPU, XLA leaves cores idle between its operations
    count = int(used.sum())
    with (
        stage(f"computing the features of {count:,} clips{' and augmented copies' * bool(of_copies)}", count) as shown,
        ThreadPoolExecutor(min(4, core_count())) as pool,
    ):
        for done in pool.map(fill, order):
            shown.update(done)
    table.flush()


def _keys(seed: int, rows: Int[Array, "some 2"]) -> jax.Array:
    """Return one random key per (clip, version) pair, which depends on nothing else."""
    key = jax.random.key(seed)
    return jax.vmap(lambda clip, version: jax.random.fold_in(jax.random.fold_in(key, clip), version))(*rows.T)


def code_digests(plugins: Sequence[Plugin], sources: Iterable[Path]) -> list[str]:
    """Return a digest per source file, and per class that has no source file.

    Args:
        plugins: whose classes count, with their base classes and the plugins in their fields.
        sources: further source files.
    """
    classes = {cls for plugin in plugins for nested in with_nested(plugin) for cls in type(nested).__mro__} - {object}
    files = set(map(str, sources))
    digests = set()
    for cls in classes:
        try:
            file = inspect.getsourcefile(cls)
        except (TypeError, OSError):  # defined in a notebook, by exec or on stdin
            file = None
        if file and Path(file).is_file():
            files.add(file)
        else:
            digests.add(_sha256("\n".join(_definition(cls, cls.__module__, set())).encode()))
    return sorted(digests | {_sha256(Path(file).read_bytes()) for file in files})


def _definition(value: object, module: str, seen: set[int]) -> Iterator[str]:
    """Yield bytecode and constants of a class or function, and of everything in its module that its code refers to."""
    if not isinstance(value, type | FunctionType):
        for wrapped in ("fget", "__func__", "func", "__wrapped__"):  # property, classmethod, partial, jax.jit
            value = getattr(value, wrapped, value)
    if isinstance(value, type | FunctionType):
        if id(value) in seen or value.__module__ != module:
            return
        seen.add(id(value))
    if isinstance(value, type):
        for name, member in sorted(vars(value).items()):
            if name != "__dataclass_fields__":  # their values are in the configuration
                yield name
                yield from _definition(member, module, seen)
    elif isinstance(value, FunctionType):
        inner = [value.__defaults__, value.__kwdefaults__, *(cell.cell_contents for cell in value.__closure__ or ())]
        codes = [value.__code__]
        for code in codes:  # grows by the functions within the function
            codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
            inner += [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
            inner += [value.__globals__[name] for name in code.co_names if name in value.__globals__]
            yield f"{code.co_code.hex()} {code.co_names}"
        for item in inner:
            yield from _definition(item, module, seen)
    elif isinstance(value, bool | int | float | complex | str | bytes | tuple | frozenset | list | dict | None):
        yield repr(value)
    elif isinstance(value, np.generic | np.ndarray | jax.Array):
        yield _sha256(np.asarray(value).tobytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
