"""What trains the generator: data in memory, losses, augmentation, EMA, the Lightning module."""
