"""Errors that a user can act on: one line that says what, where, and what to do.

SydaError            exit code 1: the work or a check failed
├── CheckFailed      a gate (expectations, share of rejected series, diverged training) said no
├── CorruptData      a file does not hold what its format or digest promises
└── UsageError       exit code 2: wrong parameters, missing files or keys
    └── ParamsError  params.yaml is wrong
"""


class SydaError(Exception):
    """Base of every error that ends a command with one line and no traceback."""

    exit_code = 1


class CheckFailed(SydaError):  # noqa: N818  (a verdict, not a malfunction)
    """A check on data or results failed; the report it wrote says which case and why."""


class CorruptData(SydaError):  # noqa: N818
    """A file is truncated, altered or not of the format it claims."""


class UsageError(SydaError):
    """The command cannot run as asked: wrong arguments, parameters, or missing inputs."""

    exit_code = 2


class ParamsError(UsageError):
    """params.yaml holds an unknown, missing, duplicate or mistyped key."""
