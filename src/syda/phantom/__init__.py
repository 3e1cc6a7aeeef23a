"""The embedded cohort: procedural abdomens on a simulated CT scanner."""
