"""--list: experiments and plugins."""

import ast


def print_list() -> None:
    """Print the experiments, the plugins of every kind with a line each, and the cost of each model."""
    from aersut import experiment
    from aersut.config import REGISTRIES
    from aersut.models.cost import cost_table
    from aersut.registry import CONDITIONS, TARGETS

    print("experiments")
    for name, path in experiment.experiment_names().items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        print(f"  {name:28}{text.partition(chr(10))[0]}")
    for registry in (*REGISTRIES, CONDITIONS, TARGETS):
        print({"corpus": "corpora"}.get(registry.kind, registry.kind + "s"))
        for name in registry.names():
            print(f"  {name:28}{registry.summary(name)}")
    print(cost_table())
