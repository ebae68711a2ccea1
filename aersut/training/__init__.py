"""Training: from an experiment to a checkpoint."""
