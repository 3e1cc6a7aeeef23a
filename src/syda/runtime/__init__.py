"""How a stage runs: locks, signals, worker pool, atomic outputs, progress, manifest, digests."""
