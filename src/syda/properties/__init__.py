"""Properties of a scan or a synthetic volume: schema, measured, requested, accuracy."""
