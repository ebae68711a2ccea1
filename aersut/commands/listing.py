"""--list: the experiments and the plugins."""

import ast


def print_list() -> None:
    """Print the experiments, and the plugins of every kind, with a line each, and what models cost."""
    from aersut import experiment
    from aersut.config import REGISTRIES
    from aersut.models.cost import costs

    print("experiments")
    for name, path in experiment.names().items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        print(f"  {name:28}{text.partition(chr(10))[0]}")
    for registry in REGISTRIES:
        print({"corpus": "corpora"}.get(registry.kind, registry.kind + "s"))
        for name in registry.names():
            print(f"  {name:28}{registry.summary(name)}")
    print(costs())
