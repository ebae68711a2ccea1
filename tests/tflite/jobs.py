"""A job of `aersut.tflite.child`."""

import os
import signal
import time

PRELOADED = ("numpy", "no_such_module")
print("a line at its import")


def child(progress, what, *arguments):
    """Print and do what its name says."""
    print(f"{what} in {os.getpid()}", flush=True)
    if what == "waits":
        pauses, seconds = int(arguments[0]), float(arguments[1])
        for _ in range(pauses):
            time.sleep(seconds)
            progress()
    elif what == "hangs":
        time.sleep(600)
    elif what == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "raises":
        raise ValueError("no reason")
