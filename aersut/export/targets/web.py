"""The model as a web page without a server: a static folder whose page runs the model in the browser."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from aersut import matrices
from aersut.contracts import Framing, Target
from aersut.data.audio import CANCELLED, CLIPPED, FULL_SCALE, OPPOSITE
from aersut.errors import UserError
from aersut.export.context import Context
from aersut.export.litertjs import VERSION, litertjs_files
from aersut.export.runtimes import unsupported_in_browser
from aersut.registry import TARGETS
from aersut.serving.browser_page import IMPORT_MAP
from aersut.serving.display import BANDS, COEFFICIENTS, DisplayAnalyzer
from aersut.serving.runners import ORIGIN
from aersut.serving.session import MAX_FRAMES
from aersut.serving.stream import CLIPPING, CLIPPING_MEMORY, HOP, NARROW, QUIET_WINDOWS
from aersut.serving.vad import MIN_LEVEL_RANGE, QUIET, STEADY, VAD_THRESHOLD
from aersut.tflite.file import TFLiteFile

MODEL = "waveform_float32.tflite"
"""The runtime has 9 MB, so int8 would save little space, and little time (docs/web.md)."""
SERVER_ONLY = ("sources.js", "token.html")
"""Files of the monitor's page that only the monitor uses."""
IMPORTS = f'<script type="importmap">{IMPORT_MAP}</script>'


@TARGETS.register("web")
@dataclass(frozen=True)
class Web(Target):
    """The folder web: the monitor's page with the model and LiteRT.js, for any static web host."""

    after = ("waveform",)

    def files(self, context: Context) -> Mapping[str, bytes]:
        """The page, the model and LiteRT.js; a summary goes to the key "web" of export.json.

        Raises:
            UserError: LiteRT.js cannot run the model, or cannot be downloaded.
        """
        if not context.options.web:
            return {}
        if not isinstance(file := context.files.get(MODEL), TFLiteFile):
            raise UserError(
                f"--export.web=true needs {MODEL}, which this export omits. Nothing was exported; omit "
                "--export.waveform=false, or set --export.waveform=true, which reports the reason."
            )
        own = Path(context.options.litertjs) if context.options.litertjs else None
        page = web_page(file, own)
        context.results["web"] = {"litertjs": VERSION, "model": MODEL, "bytes": sum(map(len, page.values()))}
        return {f"web/{name}": content for name, content in page.items()}


def web_page(file: TFLiteFile, litertjs: Path | None = None) -> dict[str, bytes]:
    """The files of the page for a waveform file of the export, by name.

    Args:
        litertjs: see `litertjs_files`.

    Raises:
        UserError: LiteRT.js cannot run the file, or cannot be downloaded.
    """
    if reason := unsupported_in_browser(file):
        raise UserError(
            f"{file.name} cannot run in a browser: {reason}. Nothing was exported; omit --export.web=true, or train "
            "another model."
        )
    shared = resources.files("aersut.serving") / "page"
    page = {one.name: one.read_bytes() for one in shared.iterdir() if one.name not in SERVER_ONLY}
    page |= {one.name: one.read_bytes() for one in (resources.files("aersut.export") / "web").iterdir()}
    page["index.html"] = page["index.html"].replace(b"<!-- head -->", IMPORTS.encode())
    page["litert/LICENSE.txt"] = page.pop("LICENSE-LiteRT.txt")
    page |= {f"litert/{name}": content for name, content in litertjs_files(litertjs).items()}
    page[MODEL] = file.content
    page["model.json"] = (json.dumps(settings(file.metadata), indent=1) + "\n").encode()
    return page


def settings(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The content of model.json: what a stream needs of the model's metadata, with the constants of `serving`."""
    framing = Framing(**metadata["framing"])
    analyzer = DisplayAnalyzer(framing.sample_rate)
    filters = matrices.mel_filters(framing.sample_rate, analyzer.frame_length, BANDS, 0.0, None)
    return {
        "name": MODEL,
        **{key: metadata[key] for key in ("aersut", "labels", "trim_db", "fit", *ORIGIN)},
        "sample_rate": framing.sample_rate,
        "seconds": framing.seconds,
        "samples": framing.samples,
        "frame_length": framing.frame_length,
        "hop": HOP,
        "smoothing": 0.0,
        "vad_threshold": VAD_THRESHOLD,
        "min_level_range": MIN_LEVEL_RANGE,
        "min_confidence": 0.0,
        "warnings": {
            "narrow": NARROW,
            "clipping": CLIPPING,
            "opposite": OPPOSITE,
            "steady": STEADY,
            "quiet": QUIET,
            "full_scale": FULL_SCALE,
            "clipped": CLIPPED,
            "clipping_memory": CLIPPING_MEMORY,
            "quiet_windows": QUIET_WINDOWS,
            "cancelled": CANCELLED,
        },
        "display": {
            "max_frames": MAX_FRAMES,
            "frame_length": analyzer.frame_length,
            "window": _short(matrices.hann(analyzer.frame_length)),
            "mel": [_band(row) for row in filters],
            "dct": [_short(row) for row in matrices.dct(BANDS, COEFFICIENTS).T],
        },
    }


def _band(weights: np.ndarray) -> tuple[int, list[float]]:
    """The first bin of a mel band, and its weights from there on."""
    used = np.flatnonzero(weights)
    first, last = (used[0], used[-1]) if len(used) else (0, -1)
    return int(first), _short(weights[first : last + 1])


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") for value in values]
