"""SYDA, Synthetic Data Shadow: governed synthetic CT."""
