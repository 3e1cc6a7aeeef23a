"""Volumes in space: geometry, NIfTI files, resampling, and the way into and out of model space."""
