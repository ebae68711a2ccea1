"""Evaluation of trained networks: metrics, confidence intervals, results by group, feature importance, comparison."""
