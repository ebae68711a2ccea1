"""Which extras can be installed where: the table of docs/platforms.md, from the wheels of the package index.

    pip install uv && python .ci/check_platforms.py

It takes ten minutes, and installs nothing. uv resolves for another platform with that platform's markers; pip's
--platform selects wheels, but evaluates markers for the running interpreter.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux ARM64": "aarch64-manylinux_2_28",
    "macOS ARM64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
EXTRAS = {
    **dict.fromkeys(("", "train", "report", "monitor", "sweep"), ()),
    "export": ("tflite-micro",),
    "ethos": ("ethos-u-vela",),
    "all": ("tflite-micro", "ethos-u-vela"),
}
"""The extras, and their packages that a marker may leave out."""
ROOT = Path(__file__).parents[1]


def installable(extra: str, python: str, platform: str) -> str:
    """Yes, no, or yes without the packages that have no wheel there."""
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    command += ["--python-version", python, "--python-platform", platform, str(ROOT / "pyproject.toml")]
    done = subprocess.run([*command, *(["--extra", extra] if extra else [])], capture_output=True, text=True)
    if done.returncode:
        return "no"
    found = {line.partition("==")[0] for line in done.stdout.splitlines()}
    missing = [name for name in EXTRAS[extra] if name not in found]
    return f"without {', '.join(missing)}" if missing else "yes"


def main() -> None:
    """Print a row per platform and extra, with a column per version of Python."""
    print(f"| system | extra | {' | '.join(f'Python {python}' for python in PYTHONS)} |")
    print(f"|---|---|{'---|' * len(PYTHONS)}")
    with ThreadPoolExecutor(2) as pool:
        for system, platform in PLATFORMS.items():
            for extra in EXTRAS:
                cells = pool.map(installable, [extra] * len(PYTHONS), PYTHONS, [platform] * len(PYTHONS))
                print(f"| {system} | {extra or '(none)'} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
