"""Evaluation: what a trained network is worth, on clips that neither trained nor chose it."""
