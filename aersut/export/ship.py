"""A file as it goes into the bundle: with its metadata in it, and its report beside it."""

from collections import Counter
from typing import Any, Literal

from aersut.export.context import Context, described, origin, report
from aersut.export.flatbuffer import describe, with_metadata

Kind = Literal["classifier", "features", "waveform", "frontend"]
MEANING: dict[Kind, tuple[str, str]] = {
    "classifier": ("features, scaled", "probabilities"),
    "features": ("samples", "features, scaled"),
    "waveform": ("samples", "probabilities"),
    "frontend": ("samples of a frame and the one before", "features of the frame, scaled"),
}
"""What each kind of file takes and gives."""


def shipped(context: Context, name: str, kind: Kind, file: bytes, **known: Any) -> bytes:
    """The file with its metadata; `known` is what was measured of it, for the context's reports."""
    [source], [result] = describe(file).inputs, describe(file).outputs
    measured = {key: known[key] for key in ("wa", "uar", "clips")} if "wa" in known else None
    metadata = {
        **origin(context),
        "kind": kind,
        "input": described(source),
        "output": described(result),
        "measured": measured,
    }
    finished = with_metadata(file, metadata)
    context.reports[name] = report(
        **known,
        bytes=len(finished),
        operators=dict(Counter(describe(file).operators)),
        input=[MEANING[kind][0], list(source.shape), source.type],
        output=[MEANING[kind][1], list(result.shape), result.type],
    )
    return finished
