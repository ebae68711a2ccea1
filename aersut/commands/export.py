"""Export a run to TensorFlow Lite files and firmware.

{program} --mode=export --workdir=RUN
    Convert the selected checkpoint to TensorFlow Lite files; verify each.
{program} --mode=export --workdir=RUN --export.stress=true
    Evaluate the int8 classifier under stress conditions, for the model card.
{program} --mode=export --workdir=RUN --export.micro=false
    Skip TensorFlow Lite Micro: no tensor arena is measured, and the firmware is omitted.
{program} --mode=export --workdir=RUN --export.web=true
    Also write the folder web: a page that runs the model in a browser, for any static web host.
"""

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run


def _run(arguments: Arguments) -> None:
    from aersut import api

    print(api.export(open_run(arguments), **dict(arguments.dotted.get("export", []))))


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
        "stores it (downloaded by default).",
    },
    extras=("train", "export"),
)
