"""What runs a stage: lock and parent death, worker pool, atomic outputs, progress, manifest."""
