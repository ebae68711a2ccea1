"""Embeddings of the clips of a collection by an encoder, computed once and cached."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import numpy as np
from jaxtyping import Float

from aersut import matrices
from aersut.contracts import Encoder
from aersut.data import audio
from aersut.data.audio import Recording, resample, to_float
from aersut.data.collection import Collection
from aersut.errors import UserError
from aersut.features.cache import code_digests
from aersut.paths import cache_dir, new_folder
from aersut.progress import stage
from aersut.registry import ENCODERS, describe_error
from aersut.texts import printable
from aersut.tree import digest, to_tree
from aersut.workers import core_count

SOURCES = (Path(matrices.__file__), Path(audio.__file__))
REMEDY = "aersut.testing.check_encoder finds such faults; set other fields of the encoder, or omit it."
LEVEL = 0.05
"""Root mean square of the samples that an encoder gets (-26 dB of full scale), whatever the gain of the microphone."""


def embeddings(encoder: Encoder, collection: Collection) -> Float[np.ndarray, "clips width"]:
    """The embedding of each clip: mean and standard deviation over its frames of each channel of the encoder.

    The encoder gets the whole clip, trimmed as for the features, without noise or augmentation. The result is cached.

    Raises:
        UserError: the encoder cannot be used, or fails on a clip.
    """
    encoder.check()
    stores = [store.key for store, _ in collection.stores]
    key = digest(
        [
            *(stores, collection.contents, collection.framing.sample_rate, to_tree(encoder), encoder.fingerprint()),
            code_digests([encoder], [*Path(__file__).parent.glob("*.py"), *SOURCES]),
        ]
    )
    folder = cache_dir() / "embeddings" / key
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):  # folds and trials that start together wait for the first one
            if not folder.is_dir():
                with new_folder(folder) as aside:
                    np.save(aside / "embeddings.npy", _computed(encoder, collection))
    found: Float[np.ndarray, "clips width"] = np.load(folder / "embeddings.npy")
    return found


def _computed(encoder: Encoder, collection: Collection) -> Float[np.ndarray, "clips width"]:
    name = ENCODERS.name_of(encoder)

    def one(index: int) -> Float[np.ndarray, " width"]:
        samples = to_float(collection.recording(index))
        samples = resample(Recording(samples, collection.framing.sample_rate), encoder.sample_rate)
        level = np.sqrt(np.mean(np.square(samples)))
        path = printable(collection.clips[index].location)
        try:
            frames = np.asarray(encoder(np.clip(samples * (LEVEL / max(level, 1e-6)), -1, 1)))
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"encoder '{name}' failed on {path}: {describe_error(error)}. {REMEDY}") from error
        if frames.ndim != 2 or not len(frames):
            raise UserError(
                f"encoder '{name}' returned shape {frames.shape} for {path}; expected f32[frames, width]. {REMEDY}"
            )
        if not np.isfinite(frames).all():
            raise UserError(f"encoder '{name}' returned NaN or infinity for {path}. {REMEDY}")
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)

    with stage(f"computing the embeddings of {len(collection):,} clips by {name}", len(collection)) as shown:
        rows = [one(0)]  # by itself, since it loads the encoder
        shown.update()
        with ThreadPoolExecutor(core_count()) as pool:
            for row in pool.map(one, range(1, len(collection))):
                rows.append(row)
                shown.update()
    return np.stack(rows)
