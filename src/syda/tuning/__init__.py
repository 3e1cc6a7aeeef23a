"""Hyper-parameter search beside the pipeline: what is tried, on which cases, by which figure."""
