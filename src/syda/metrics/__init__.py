"""Figures that compare synthetic with real volumes: a registry and one small module a metric."""
