"""A snapshot of a folder, which shows whether a command wrote to it."""


def file_times(folder):
    """All files under a folder with their modification times."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}
