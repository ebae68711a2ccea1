"""--list: models of the zoo, experiments and plugins."""

import ast
import importlib.util

from aersut.zoo.table import zoo_list


def print_list() -> None:
    """Print the models of the zoo, the experiments, the plugins of every kind, and the cost of each model.

    The base install prints the zoo only.
    """
    print(zoo_list())
    if importlib.util.find_spec("jax") is None:
        print("\nexperiments and plugins: install them with pip install 'aersut[train]'")
        return
    from aersut import experiment
    from aersut.models.cost import cost_table
    from aersut.registry import CONDITIONS, TARGETS, describe_error
    from aersut.tree import REGISTRIES

    print("experiments")
    for name, path in experiment.experiment_names().items():
        try:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        except (SyntaxError, UnicodeDecodeError) as error:
            text = f"cannot be read: {describe_error(error)}"
        print(f"  {name:28}{text.partition(chr(10))[0]}")
    for registry in (*REGISTRIES, CONDITIONS, TARGETS):
        print({"corpus": "corpora"}.get(registry.kind, registry.kind + "s"))
        for name in registry.names():
            print(f"  {name:28}{registry.summary(name)}")
    print(cost_table())
