"""Export a run to TensorFlow Lite files and firmware.

{program} --mode=export --workdir=RUN
    Convert the selected checkpoint to TensorFlow Lite files; verify each.
{program} --mode=export --workdir=RUN --export.stress=true
    Evaluate the int8 classifier under stress conditions, for the model card.
{program} --mode=export --workdir=RUN --export.micro=false
    Skip TensorFlow Lite Micro: no tensor arena is measured, and the firmware is omitted.
{program} --mode=export --workdir=RUN --export.web=true
    Also write the folder web: a page that runs the model in a browser, for any static web host.
{program} --mode=export --workdir=RUN --export.targets=classifier
    Only convert the classifier, without firmware and C library.
"""

from typing import Any

from aersut.commands.command import Arguments, Command
from aersut.commands.common import listed, open_run


def _run(arguments: Arguments) -> None:
    from aersut import api

    options: dict[str, Any] = dict(arguments.dotted.get("export", []))
    if "targets" in options:
        options["targets"] = listed(options["targets"])
    print(api.export(open_run(arguments), **options))


COMMAND = Command(
    _run,
    __doc__,
    flags=("experiment", "init", "workdir"),
    settings={
        "export": "calibration: number of training clips that calibrate int8 and int16x8 (200); max_uar_loss: largest "
        "UAR loss of int8, 0 to 1 (0.01); micro: verify in TensorFlow Lite Micro (by default, where its package is "
        "installed); waveform, stream: true needs "
        "the files with audio input or the firmware, false omits them; by default a feature may prevent them; stress: "
        "evaluate the int8 classifier under stress conditions (by default, if the run's evaluation has them); web: "
        "export the page that runs the model in a browser (false); litertjs: folder with LiteRT.js for it, as npm pack "
        "stores it (downloaded by default); targets: names of the targets to export (--list), with those that they "
        "need (all by default).",
    },
    extras=("train", "export"),
)
