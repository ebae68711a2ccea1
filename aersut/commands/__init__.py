"""The modes of the command line, one module each. Heavy libraries are imported when a mode runs."""

from aersut.commands import (
    compare,
    data,
    emulate,
    evaluate,
    export,
    lr_range,
    monitor,
    predict,
    report,
    runs,
    show,
    sweep,
    train,
)
from aersut.commands import end_to_end as all_steps

COMMANDS = {
    "all": all_steps.COMMAND,
    "data": data.COMMAND,
    "train": train.COMMAND,
    "evaluate": evaluate.COMMAND,
    "export": export.COMMAND,
    "emulate": emulate.COMMAND,
    "predict": predict.COMMAND,
    "monitor": monitor.COMMAND,
    "report": report.COMMAND,
    "compare": compare.COMMAND,
    "runs": runs.COMMAND,
    "show": show.COMMAND,
    "sweep": sweep.COMMAND,
    "lr_range": lr_range.COMMAND,
}
