"""Training of the generator: data, losses, augmentation, optimiser, EMA, checkpoints, MLflow."""
