"""Speech encoders of Hugging Face's Transformers."""

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from aersut.contracts import Encoder
from aersut.errors import UserError
from aersut.paths import expanded
from aersut.registry import ENCODERS


@ENCODERS.register("hugging_face")
@dataclass(frozen=True)
class HuggingFace(Encoder):
    """An encoder of Hugging Face's Transformers: WavLM, HuBERT, wav2vec 2.0, data2vec, or that of Whisper.

    Requires the packages `transformers` and `torch`, and the checkpoint on this machine.

    Attributes:
        checkpoint: folder of a downloaded checkpoint, with its config.json.
        layer: index of the hidden state; 0 is the input of the first layer, -1 the output of the last one.
    """

    checkpoint: str = ""
    layer: int = -1

    @property
    def provenance(self) -> str:
        return f"layer {self.layer} of the checkpoint {Path(self.checkpoint).name} (Hugging Face), see its model card"

    def fingerprint(self) -> str:
        """The sizes and times of the checkpoint's files; hashing gigabytes at each start would take minutes."""
        files = sorted(expanded(self.checkpoint).glob("*")) if self.checkpoint else []
        return " ".join(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)

    def check(self) -> None:
        for package in ("transformers", "torch"):
            if importlib.util.find_spec(package) is None:
                raise UserError(f"encoder 'hugging_face' needs the package {package}: pip install {package}.")
        if not (expanded(self.checkpoint) / "config.json").is_file():
            raise UserError(
                f"encoder 'hugging_face': checkpoint: '{self.checkpoint}' is not a folder with a config.json. Download "
                "the checkpoint (hf download NAME --local-dir FOLDER) and set checkpoint to its folder."
            )

    def __call__(self, samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "frames width"]:
        import torch

        extractor, model = _loaded(str(expanded(self.checkpoint)))
        inputs = extractor(samples, sampling_rate=self.sample_rate, return_tensors="pt")
        with torch.inference_mode():
            states = model(**inputs, output_hidden_states=True).hidden_states
        found: Float[np.ndarray, "frames width"] = states[self.layer][0].numpy()
        if seconds := getattr(extractor, "chunk_length", None):  # Whisper's pads each recording to 30 s
            found = found[: max(1, round(len(found) * len(samples) / (seconds * self.sample_rate)))]
        return found


@functools.cache
def _loaded(folder: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    torch.set_num_threads(1)  # clips are processed in parallel
    model = AutoModel.from_pretrained(folder, local_files_only=True).float().eval()
    return extractor, model.get_encoder() if model.config.is_encoder_decoder else model
