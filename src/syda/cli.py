"""The ``syda`` command: one sub-command a stage, and the tools beside the pipeline.

Exit codes: 0 done, 1 a check or the work failed, 2 wrong use. Tuning happens in params.yaml; there
are no flags for it here.
"""

import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from syda.errors import SydaError

app = typer.Typer(
    help="Synthetic Data Shadow: from DICOM to governed synthetic CT. "
    "Each stage of dvc.yaml is one command; run them with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
key_app = typer.Typer(
    help="The private key behind pseudonyms of real patients.", no_args_is_help=True
)
app.add_typer(key_app, name="key")


class ValidatedSet(StrEnum):
    """What ``syda validate`` checks."""

    resampled = "resampled"
    records = "records"
    synthetic = "synthetic"


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    """Hold the options that stand before the command."""
    if not debug:
        warnings.simplefilter("ignore")


@app.command()
def phantom(version: Annotated[str, typer.Argument(help="v0 or v1")]) -> None:
    """Make the embedded cohort as DICOM series in data/raw/VERSION."""
    from syda.stages import phantom

    phantom.run(Path.cwd(), version)


@app.command()
def convert() -> None:
    """Convert the DICOM series of data.version to NIfTI in HU; set faulty ones aside."""
    from syda.stages import convert

    convert.run(Path.cwd())


@app.command()
def resample() -> None:
    """Resample every NIfTI to ct.spacing_mm."""
    from syda.stages import resample

    resample.run(Path.cwd())


@app.command()
def validate(name: Annotated[ValidatedSet, typer.Argument(metavar="SET")]) -> None:
    """Check a set (resampled, records or synthetic) with Great Expectations; exit 1 if it fails."""
    from syda.stages import validate

    validate.run(Path.cwd(), name.value)


@app.command()
def pack() -> None:
    """Pack resampled scans as TFRecord shards, split by patient."""
    from syda.stages import pack

    pack.run(Path.cwd())


@app.command()
def train() -> None:
    """Train the generator; MLflow watches."""
    from syda.stages import train

    train.run(Path.cwd())


@app.command()
def generate() -> None:
    """Generate synthetic volumes from seeds."""
    from syda.stages import generate

    generate.run(Path.cwd())


@app.command()
def evaluate() -> None:
    """Measure synthetic against real volumes and draw the pictures."""
    from syda.stages import evaluate

    evaluate.run(Path.cwd())


@app.command()
def card() -> None:
    """Render the SYDA model checklist card."""
    from syda.stages import card

    card.run(Path.cwd())


@app.command()
def verify(
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Pass over data that is not here, as in a clone."),
    ] = False,
) -> None:
    """Rehash cache, data, weights, records, reports and card against what was recorded."""
    from syda.errors import CheckFailed
    from syda.integrity import verify

    report = verify.run(Path.cwd(), allow_missing=allow_missing)
    for fault in report.faults:
        typer.echo(fault)
    if report.faults:
        raise CheckFailed(f"verify: {len(report.faults)} faults in {report.summary}")
    typer.echo(f"verify: all as recorded: {report.summary}")


@app.command()
def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what can be, and say what was done.")
    ] = False,
) -> None:
    """Tell what an interrupted run or a full disk left behind; --repair mends it."""
    from syda.errors import CheckFailed
    from syda.integrity import doctor

    found = []
    for wrong, line in doctor.run(Path.cwd(), repair=repair):
        typer.echo(line)
        found.append(wrong)
    if any(found):
        raise CheckFailed(f"doctor: {sum(found)} things are wrong")
    typer.echo("doctor: repaired; `dvc repro` goes on" if found else "doctor: nothing is wrong")


@key_app.command("new")
def key_new() -> None:
    """Write a new private key to .syda/key; refuse if there is one."""
    from syda import paths
    from syda.dicom import identity

    identity.new_key(Path.cwd() / paths.PRIVATE_KEY)
    typer.echo(
        f"wrote {paths.PRIVATE_KEY}: keep it private and keep a copy; without it the same "
        "patients get other ids"
    )


def main() -> None:
    """Run the command; print an error that a user can act on as one line."""
    try:
        app()
    except SydaError as error:
        if "--debug" in sys.argv:
            raise
        print(f"syda: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
