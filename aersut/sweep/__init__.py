"""Search over the leaves of an experiment, on Optuna: spaces, studies, workers, results."""
