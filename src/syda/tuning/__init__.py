"""Hyper-parameter search with Optuna: search space, validation patients, objective."""
