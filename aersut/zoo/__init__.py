"""The model zoo: trained models by name. `catalog` finds them; `python -m aersut.zoo add` adds a run."""
