"""The ``syda`` command: one sub-command a stage, and the tools beside the pipeline.

Exit codes: 0 done, 1 a check or the work failed, 2 wrong use. Tuning happens in params.yaml; there
are no flags for it here.
"""

import errno
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Annotated

import typer

from syda.errors import SydaError
from syda.runtime import guard

_ADVICE = {
    errno.ENOSPC: "free some space and run it again",
    errno.EDQUOT: "free some of your quota and run it again",
    errno.EROFS: "mount it writable, or work in another folder",
    errno.EACCES: "let this user read and write there",
    errno.EPERM: "let this user read and write there",
}
"""What to do where the system says no."""

app = typer.Typer(
    help="Synthetic Data Shadow: from DICOM to governed synthetic CT. "
    "Each stage of dvc.yaml is one command, tuned in params.yaml; `dvc repro` runs them in order. "
    "Exit codes: 0 done, 1 a check or the work failed, 2 wrong use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
key_app = typer.Typer(
    help="The private key behind the pseudonyms of real patients.", no_args_is_help=True
)
app.add_typer(key_app, name="key")
card_app = typer.Typer(help="Fill in the SYDA model checklist (model_card), or ask the card.")
app.add_typer(card_app, name="card")


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, and warnings.")
    ] = False,
) -> None:
    """Hold the options that stand before the command."""
    if not debug:
        warnings.simplefilter("ignore")


@app.command()
def phantom(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="v0, or v1: v0 and a second scanner's patients")
    ],
) -> None:
    """Make the embedded cohort, DICOM series of artificial patients (data/raw/VERSION)."""
    from syda.stages import phantom

    phantom.run(Path.cwd(), version)


@app.command()
def convert() -> None:
    """Convert the DICOM of data.version to NIfTI in HU (data/nifti); set faulty series aside."""
    from syda.stages import convert

    convert.run(Path.cwd())


@app.command()
def resample() -> None:
    """Resample every NIfTI to ct.spacing_mm (data/resampled)."""
    from syda.stages import resample

    resample.run(Path.cwd())


@app.command()
def validate(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SET|FOLDER",
            help="resampled, records or synthetic; or a folder of NIfTI files from elsewhere",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", dir_okay=False, help="Write a folder's report here."
        ),
    ] = None,
) -> None:
    """Check a set of volumes with Great Expectations (reports/validation), or any folder of NIfTI.

    Of a folder the report goes to the terminal, or to --output, and nothing else is written.
    """
    from syda.errors import CheckFailed, UsageError
    from syda.runtime.outputs import write_text
    from syda.stages import validate

    if name in validate.SETS:
        if output:
            raise UsageError(f"validate {name}: its report goes to reports/validation: no --output")
        for warning in validate.run(Path.cwd(), name):
            typer.echo(f"validate {name}: warning: {warning}")
        return
    if not Path(name).is_dir():
        raise UsageError(
            f"validate: {name}: neither one of {', '.join(validate.SETS)} nor a folder"
        )
    page, failure = validate.folder_report(Path.cwd(), Path(name))
    if output:
        write_text(output, page)
    else:
        typer.echo(page, nl=False)
    if failure is not None:
        raise CheckFailed(f"validate {name}: {failure}")


@app.command()
def pack() -> None:
    """Pack resampled scans as TFRecord shards, split by patient (data/records)."""
    from syda.stages import pack

    pack.run(Path.cwd())


@app.command()
def train() -> None:
    """Train the generator (data/weights); MLflow watches."""
    from syda.stages import train

    train.run(Path.cwd())


@app.command()
def generate(  # noqa: PLR0913  (options of a command)
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Write here, beside the pipeline."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FOLDER", help="Of a generator; data/weights if not told."
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="LIST", help="One volume each, e.g. 0-9,42.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--number", metavar="N", help="Volumes; 1 if not told.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Of the first one; 0 if not told."),
    ] = None,
    truncation: Annotated[
        float | None,
        typer.Option(
            "--truncation",
            metavar="SHARE",
            min=0,
            max=1,
            help="1, if not told, for the full variety, towards 0 for more average volumes.",
        ),
    ] = None,
    wishes: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="NAME=VALUE",
            help="To ask for; NAME=LOW..HIGH is a range; repeat.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="nifti|dicom|both", help="Of the volumes; nifti if not told."
        ),
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(
            "--params",
            metavar="FILE",
            help="A params.yaml, for gate and precision; the one here if not told.",
        ),
    ] = None,
) -> None:
    """Generate synthetic volumes from seeds: data/synthetic, or what the options say, into --out.

    Without options it is the stage, which params.yaml tunes.
    """
    from syda.errors import UsageError

    if out is None:
        told = (weights, seeds, number, seed, truncation, wishes, form, params)
        if any(option not in (None, []) for option in told):
            raise UsageError("generate: options go with --out FOLDER; params.yaml tunes the stage")
        from syda.stages import generate as stage

        stage.run(Path.cwd())
        return
    from syda import paths
    from syda.sampling.export import Order
    from syda.tools import generate as tool

    order = Order(
        tool.seeds(seeds, number, seed),
        1.0 if truncation is None else truncation,
        tool.properties(wishes or []),
    )
    typer.echo(
        tool.run(
            out,
            weights or paths.WEIGHTS,
            order,
            tool.formats(form or "nifti"),
            tool.params_folder(params),
        )
    )


@app.command()
def evaluate() -> None:
    """Measure synthetic against real volumes and draw the pictures (reports)."""
    from syda.stages import evaluate

    evaluate.run(Path.cwd())


@app.command()
def gallery() -> None:
    """Build the page that shows synthetic beside real volumes (reports/gallery.html)."""
    from syda.stages import gallery

    gallery.run(Path.cwd())


@card_app.callback(invoke_without_command=True)
def card(context: typer.Context) -> None:
    """Fill in the SYDA model checklist (model_card); the commands below ask the finished card."""
    if context.invoked_subcommand is None:
        from syda.stages import card

        card.run(Path.cwd())


@card_app.command("explain")
def card_explain(
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="Such as 5.ms_ssim or 4.parameters.train.batch")
    ],
) -> None:
    """Follow a value of the card to its file, stage, code, weights, data and commits."""
    from syda.tools import card

    for line in card.explain(Path.cwd(), field):
        typer.echo(line)


@card_app.command("verify")
def card_verify() -> None:
    """Render the card again and compare bytes; check inputs, structure, sign-offs and links."""
    from syda.errors import CheckFailed
    from syda.tools import card

    verdict = card.verify(Path.cwd())
    for line in (*verdict.faults, *verdict.notes):
        typer.echo(line)
    if verdict.faults:
        raise CheckFailed(f"card verify: {len(verdict.faults)} faults in {verdict.checked}")
    typer.echo(f"card verify: as its sources give it: {verdict.checked}")


@card_app.command("sections")
def card_sections() -> None:
    """List the sections with the digest of each text, which a sign-off quotes, and the status."""
    from syda.tools import card

    for line in card.sections(Path.cwd()):
        typer.echo(line)


@card_app.command("diff")
def card_diff(
    before: Annotated[
        str,
        typer.Argument(metavar="BEFORE", help="Report version of a release; branch, tag or commit"),
    ],
    after: Annotated[
        str | None,
        typer.Argument(metavar="[AFTER]", help="Likewise; the working tree if not told"),
    ] = None,
) -> None:
    """Tell what changed between the cards of two releases or revisions, as Markdown."""
    from syda.tools import card

    typer.echo(card.diff(Path.cwd(), before, after))


@card_app.command("release")
def card_release() -> None:
    """Freeze the card and all it was made from (model_card/releases); tell the git commands.

    It refuses what is not committed, verified and up to date. It commits and tags nothing.
    """
    from syda.errors import CheckFailed
    from syda.integrity import verify
    from syda.tools import release

    faults = verify.run(Path.cwd(), allow_missing=True).faults
    if faults:
        raise CheckFailed(f"card release: {faults[0]} ({len(faults)} faults: `syda verify`)")
    for line in release.run(Path.cwd()):
        typer.echo(line)


@app.command()
def shadow(
    scan: Annotated[
        Path,
        typer.Argument(metavar="SCAN", help="DICOM folder, archive or file, or NIfTI in HU"),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Write here; made, or empty.")
    ],
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FOLDER", help="Of a generator; data/weights if not told."
        ),
    ] = None,
    series: Annotated[
        int | None,
        typer.Option("--series", metavar="N", help="Series Number, where there are several."),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            "--strength",
            metavar="SHARE",
            min=0,
            max=1,
            help="1 for the closest shadow, 0 for a free sample; shadow.strength if not told.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, help="Of the free sample it moves towards."),
    ] = None,
    allow_copy: Annotated[
        bool,
        typer.Option("--allow-copy", help="Write what is, or may be, a copy of a patient."),
    ] = False,
) -> None:
    """Take a real scan through the model, to a synthetic one that resembles it as far as you say.

    It tells how near the shadow is to the scan and to the training cases, and refuses a copy.
    """
    from syda import paths
    from syda.tools import shadow as tool

    wishes = tool.Wishes(series, strength, seed, allow_copy)
    for line in tool.run(Path.cwd(), scan, out, weights or paths.WEIGHTS, wishes):
        typer.echo(line)


@app.command()
def tune() -> None:
    """Search for parameters that train better (section tune); print what to run with them.

    It is no stage: it leaves a study in .work/tune and runs in MLflow, and goes on where it was
    stopped.
    """
    from syda.tuning import study

    for line in study.run(Path.cwd()):
        typer.echo(line)


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
    """Run the command; whatever ends it early is told as one line."""
    try:
        with guard.stopped_by_signals():
            guard.die_with_dvc()
            guard.die_with_launcher()
            app()
    except guard.Stopped as stop:
        _tell(f"{_command()}: stopped by {stop}, nothing half-written: run it again")
        guard.end_by(stop.signum)
    except Exception as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        _tell(_line(error))
        sys.exit(error.exit_code if isinstance(error, SydaError) else 1)


def _tell(line: str) -> None:
    print(f"syda: {line}", file=sys.stderr, flush=True)  # noqa: T201


def _command() -> str:
    return " ".join(word for word in sys.argv[1:] if not word.startswith("-"))


def _line(error: Exception) -> str:
    if isinstance(error, SydaError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _ADVICE:
        where = os.path.relpath(error.filename) if error.filename else "the disk"
        return f"{_command()}: {error.strerror}: {where}: {_ADVICE[error.errno]}"
    # Its text is told with --debug alone: a library's error may quote a header, which holds names.
    return (
        f"{_command()}: unexpected {type(error).__name__}: run `syda --debug {_command()}` for its "
        "text and traceback, and report it without what names a patient"
    )
