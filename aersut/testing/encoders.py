"""The contract of encoders."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from jaxtyping import Float

from aersut.contracts import Encoder
from aersut.registry import ENCODERS
from aersut.testing.contract import Contract, expect, expect_close, noise

SECONDS = (0.1, 1.0, 4.0)


def check_encoder(encoder: Encoder) -> None:
    """Run all checks of `encoder_checks`."""
    encoder_checks(encoder).run()


def encoder_checks(encoder: Encoder) -> Contract:
    """Return the checks of an encoder on recordings of 0.1 s, 1 s and 4 s."""
    contract = Contract(ENCODERS, encoder)

    @cache
    def recordings() -> list[Float[np.ndarray, " samples"]]:
        return [np.asarray(noise(round(seconds * encoder.sample_rate))) for seconds in SECONDS]

    @cache
    def found() -> list[Float[np.ndarray, "frames width"]]:
        return [encoder(samples.copy()) for samples in recordings()]

    contract.promise("provenance names its origin", "set it; the model card states it")(
        lambda: bool(encoder.provenance.strip())
    )
    contract.promise("its packages and files are there")(lambda: encoder.check())

    @contract.promise("it returns frames of one width, f32[frames, width]")
    def _() -> None:
        types = {getattr(frames, "dtype", type(frames).__name__) for frames in found()}
        expect(types == {np.dtype(np.float32)}, f"it returned {', '.join(map(str, types))}")
        shapes = [frames.shape for frames in found()]
        expect(all(len(shape) == 2 and shape[0] for shape in shapes), f"the shapes are {shapes}")
        expect(len({shape[1] for shape in shapes}) == 1, f"the shapes are {shapes}")

    contract.promise("it is finite")(lambda: all(np.isfinite(frames).all() for frames in found()))

    @contract.promise("it is finite on silence", "guard divisions and logarithms")
    def _() -> bool:
        return bool(np.isfinite(encoder(np.zeros(encoder.sample_rate, np.float32))).all())

    @contract.promise("it does not change its input", "copy the samples")
    def _() -> None:
        given = recordings()[1].copy()
        encoder(given)
        expect(np.array_equal(given, recordings()[1]))

    @contract.promise("several threads may call it", "share no buffers between calls")
    def _() -> None:
        with ThreadPoolExecutor(2) as pool:
            for one, other in zip(pool.map(encoder, recordings() * 2), found() * 2, strict=True):
                expect_close(one, other)

    return contract
