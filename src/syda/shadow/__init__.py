"""The shadow of a scan: a synthetic volume that resembles it, with its distance to patients."""
