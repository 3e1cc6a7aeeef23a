"""The ``syda`` command: one sub-command for each stage, and commands outside the pipeline.

Exit codes: 0 done, 1 a check or the work failed, 2 wrong use. params.yaml sets the stages; their
commands have no options for it.
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
"""Advice by error number of the operating system."""

app = typer.Typer(
    help="Synthetic Data Shadow: from DICOM to governed synthetic CT. "
    "Each stage of dvc.yaml is one command. params.yaml sets it. `dvc repro` runs all in order. "
    "Exit codes: 0 done, 1 a check or the work failed, 2 wrong use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
key_app = typer.Typer(
    help="The private key of the pseudonyms of real patients.", no_args_is_help=True
)
app.add_typer(key_app, name="key")
card_app = typer.Typer(help="Fill in the SYDA model checklist (model_card), or read the card.")
app.add_typer(card_app, name="card")
reading_app = typer.Typer(
    help="A study in which readers rate real and synthetic volumes.", no_args_is_help=True
)
app.add_typer(reading_app, name="reader-study")


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, and warnings.")
    ] = False,
) -> None:
    """Read the options before the command."""
    if not debug:
        warnings.simplefilter("ignore")


@app.command()
def phantom(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="v0, or v1: v0 and a second scanner's patients")
    ],
) -> None:
    """Write the embedded cohort: DICOM series of artificial patients (data/raw/VERSION)."""
    from syda.stages import phantom

    phantom.run(Path.cwd(), version)


@app.command()
def convert() -> None:
    """Convert the DICOM of data.version to NIfTI in HU (data/nifti); reject faulty series."""
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
            help="resampled, records or synthetic; or any folder of NIfTI files",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            dir_okay=False,
            help="Write the report of a folder to this file.",
        ),
    ] = None,
) -> None:
    """Check a set of volumes with Great Expectations (reports/validation), or any folder of NIfTI.

    The report of a folder goes to the terminal, or to --output. Nothing else is written.
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
    """Train the generator (data/weights); log to MLflow."""
    from syda.stages import train

    train.run(Path.cwd())


@app.command()
def generate(  # noqa: PLR0913  (options of a command)
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Write the volumes into this folder."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FOLDER", help="Weights; data/weights by default."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="LIST", help="Seeds of the volumes: 0-9,42."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--number", metavar="N", help="Number of volumes; 1 by default.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Seed of the first volume; 0 by default."),
    ] = None,
    truncation: Annotated[
        float | None,
        typer.Option(
            "--truncation",
            metavar="SHARE",
            min=0,
            max=1,
            help="Truncation psi: 1 (default) is the full variety, 0 the mean style.",
        ),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="NAME=VALUE",
            help="Request a property; NAME=LOW..HIGH is a range. May be repeated.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="nifti|dicom|both", help="File format; nifti by default."),
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(
            "--params",
            metavar="FILE",
            help="params.yaml with quality gate and precision; by default the one here.",
        ),
    ] = None,
) -> None:
    """Generate synthetic volumes from seeds.

    Without options it runs the stage: section generate of params.yaml, into data/synthetic. With
    --out it writes the volumes of the options into that folder.
    """
    from syda.errors import UsageError

    if out is None:
        given = (weights, seeds, number, seed, truncation, properties, form, params)
        if any(option not in (None, []) for option in given):
            raise UsageError("generate: options need --out FOLDER; params.yaml sets the stage")
        from syda.stages import generate as stage

        stage.run(Path.cwd())
        return
    from syda import paths
    from syda.sampling import command as tool
    from syda.sampling import options
    from syda.sampling.gate import CopyDetector
    from syda.sampling.generation import GenerationRequest
    from syda.volume.model_space import ModelSpace

    def load_copies(records: Path, space: ModelSpace, quantile: float) -> CopyDetector | None:
        from syda.metrics import copy_check  # imports MONAI, which takes seconds

        return copy_check.load(records, space, quantile)

    request = GenerationRequest(
        options.seeds(seeds, number, seed),
        1.0 if truncation is None else truncation,
        options.properties(properties or []),
    )
    typer.echo(
        tool.run(
            out,
            weights or paths.WEIGHTS,
            request,
            options.formats(form or "nifti"),
            tool.params_folder(params),
            load_copies,
        )
    )


@app.command()
def evaluate() -> None:
    """Compare synthetic with real volumes and draw the pictures (reports)."""
    from syda.stages import evaluate

    evaluate.run(Path.cwd())


@app.command()
def gallery() -> None:
    """Build the page that shows synthetic and real volumes (reports/gallery.html)."""
    from syda.stages import gallery

    gallery.run(Path.cwd())


@card_app.callback(invoke_without_command=True)
def card(context: typer.Context) -> None:
    """Fill in the SYDA model checklist (model_card); the commands below read the finished card."""
    if context.invoked_subcommand is None:
        from syda.stages import card

        card.run(Path.cwd())


@app.command()
def export() -> None:
    """Write the release (data/release): ONNX, MONAI bundle, page of the model hub; register it."""
    from syda.stages import export

    export.run(Path.cwd())


@app.command()
def register() -> None:
    """Register the release (data/release) in MLflow, as models:/syda/<n>."""
    from syda.export import registry

    typer.echo(f"register: {registry.register(Path.cwd())}")


@card_app.command("explain")
def card_explain(
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="E.g. 5.ms_ssim or 4.parameters.train.loss.")
    ],
) -> None:
    """Follow a value of the card to its file, stage, code, weights, data and commits."""
    from syda.card import explain

    for line in explain.explain(Path.cwd(), field):
        typer.echo(line)


@card_app.command("verify")
def card_verify() -> None:
    """Render the card again and compare bytes; check inputs, structure, sign-offs and links."""
    from syda.card import verify
    from syda.errors import CheckFailed

    result = verify.verify(Path.cwd())
    for line in (*result.faults, *result.notes):
        typer.echo(line)
    if result.faults:
        raise CheckFailed(f"card verify: {len(result.faults)} faults in {result.checked}")
    typer.echo(f"card verify: as its sources give it: {result.checked}")


@card_app.command("sections")
def card_sections() -> None:
    """List the sections with status and the digest of each text, which a sign-off quotes."""
    from syda.card import section_list

    for line in section_list.sections(Path.cwd()):
        typer.echo(line)


@card_app.command("diff")
def card_diff(
    before: Annotated[
        str,
        typer.Argument(metavar="BEFORE", help="Report version of a release; branch, tag or commit"),
    ],
    after: Annotated[
        str | None,
        typer.Argument(metavar="[AFTER]", help="The same; the working tree by default."),
    ] = None,
) -> None:
    """Print the changes between the cards of two releases or revisions, as Markdown."""
    from syda.card import diff

    typer.echo(diff.diff(Path.cwd(), before, after))


@card_app.command("release")
def card_release() -> None:
    """Release the card (one file in model_card/releases); print the git commands.

    It refuses what is not committed, verified and up to date. It commits and tags nothing.
    """
    from syda.card import release
    from syda.errors import CheckFailed
    from syda.integrity import verify

    faults = verify.run(Path.cwd(), allow_missing=True).faults
    if faults:
        raise CheckFailed(f"card release: {faults[0]} ({len(faults)} faults: `syda verify`)")
    for line in release.run(Path.cwd()):
        typer.echo(line)


@app.command()
def shadow(
    scan: Annotated[
        Path,
        typer.Argument(metavar="SCAN", help="DICOM folder, archive or file, or a NIfTI file in HU"),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Write into this new or empty folder.")
    ],
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FOLDER", help="Weights; data/weights by default."),
    ] = None,
    series: Annotated[
        int | None,
        typer.Option("--series", metavar="N", help="Series Number; needed if there are several."),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            "--strength",
            metavar="SHARE",
            min=0,
            max=1,
            help="1 is the closest shadow, 0 a free sample; shadow.strength by default.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, help="Seed; shadow.seed by default."),
    ] = None,
    allow_copy: Annotated[
        bool,
        typer.Option("--allow-copy", help="Write what is, or may be, a copy of a patient."),
    ] = False,
) -> None:
    """Make a synthetic volume that resembles a real scan, as far as --strength says.

    It reports the distance to the scan and to the training cases, and refuses to write a copy.
    """
    from syda import paths
    from syda.shadow import command as tool

    options = tool.ShadowOptions(series, strength, seed, allow_copy)
    for line in tool.run(Path.cwd(), scan, out, weights or paths.WEIGHTS, options):
        typer.echo(line)


@app.command()
def fetch(
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="List in data/sources: c4kc-kits-noncontrast."),
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="V", help="Write data/raw/V, v2 for example.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="The first N patients; all by default."),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint-url", metavar="URL", help="S3 server; the public by default."),
    ] = None,
    retries: Annotated[
        int,
        typer.Option("--retry-count", metavar="N", min=0, help="Retries of a failed request."),
    ] = 5,
    new: Annotated[
        str | None,
        typer.Option("--new", metavar="NAME", help="Write a new list from --query; fetch nothing."),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--query", metavar="SQL", help="Condition on the index of the IDC."),
    ] = None,
) -> None:
    """Download public scans as a data version; check each series before it is used.

    An interrupted fetch continues when it is run again. A fault names the series. With --new and
    --query it writes a list instead, from the index of the Imaging Data Commons (IDC).
    """
    from syda.errors import UsageError
    from syda.open_data import fetch as tool
    from syda.open_data import index_query
    from syda.open_data.bucket import PUBLIC_ENDPOINT

    if name and version and not (new or query):
        options = tool.FetchOptions(version, limit, endpoint or PUBLIC_ENDPOINT, retries)
        lines = tool.run(Path.cwd(), name, options)
    elif new and query and not (name or version):
        lines = index_query.new(Path.cwd(), new, query)
    else:
        raise UsageError("fetch: give NAME and --version, or --new and --query")
    for line in lines:
        typer.echo(line)


@app.command()
def tune() -> None:
    """Search for better training parameters (section tune); print the command that uses them.

    It is no stage. It writes a study in .work/tune and runs in MLflow. An interrupted search
    continues.
    """
    from syda.tuning import study

    for line in study.run(Path.cwd()):
        typer.echo(line)


@app.command()
def verify(
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Skip data that is not here, as in a clone."),
    ] = False,
) -> None:
    """Hash cache, data, weights, records, reports and card, and compare with their records."""
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
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired.")] = False,
) -> None:
    """Find what an interrupted run or a full disk left; --repair repairs it."""
    from syda.errors import CheckFailed
    from syda.integrity import doctor

    found = []
    for wrong, line in doctor.run(Path.cwd(), repair=repair):
        typer.echo(line)
        found.append(wrong)
    if any(found):
        raise CheckFailed(f"doctor: {sum(found)} things are wrong")
    typer.echo("doctor: repaired; `dvc repro` goes on" if found else "doctor: nothing is wrong")


@app.command()
def who(
    name: Annotated[
        str, typer.Argument(metavar="PATIENT_ID", help="PatientID, or a case id; - reads it.")
    ],
) -> None:
    """Print the cases of a patient, with folder and reason, from the local table of convert.

    Use it to look at a case, or to withdraw a consent. Copy what it prints into no report.
    """
    from syda import params, paths
    from syda.dicom import case_table, cohort

    root = Path.cwd()
    data = params.load(root).data
    text = sys.stdin.readline().strip() if name == "-" else name
    key = cohort.pseudonym_key(root, data)
    for label, row in sorted(case_table.find(root, data.version, key, text).items()):
        state = row["reason"] or "converted"
        first = row["files"][0]
        typer.echo(f"{label} {state} {paths.RAW / data.version / row['folder']} {first}")


@reading_app.command("new")
def reader_study_new(
    readers: Annotated[
        int, typer.Option("--readers", metavar="N", help="Number of readers, a page each.")
    ] = 3,
    volumes: Annotated[
        int, typer.Option("--volumes", metavar="N", help="Number of volumes, half of them real.")
    ] = 40,
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", help="Volumes that a reader sees twice.")
    ] = 8,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed of the selection and of the orders.")
    ] = 7,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder to make; data/reading by default."),
    ] = None,
    native: Annotated[
        bool,
        typer.Option("--native", help="Show the real voxel size of each volume."),
    ] = False,
    contains_patient_data: Annotated[
        bool,
        typer.Option("--contains-patient-data", help="Make pages that show scans of patients."),
    ] = False,
) -> None:
    """Make a study: a page for each reader, and the answer key, which stays here.

    The readers get the files in the folder pages. The pages hold no answer. They hold real voxels.
    """
    from syda import paths
    from syda.reading import command
    from syda.reading.design import StudyDesign

    design = StudyDesign(readers, volumes, repeats, seed)
    folder = out or paths.READING
    options = command.StudyOptions("native" if native else "matched", contains_patient_data)
    for line in command.new(Path.cwd(), folder, design, options):
        typer.echo(line)


@reading_app.command("read")
def reader_study_read(
    responses: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="The JSON file of each reader.")
    ],
    study: Annotated[
        Path | None,
        typer.Option("--study", metavar="FOLDER", help="Of the study; data/reading by default."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            dir_okay=False,
            help="Write the results there; model_card/reader_study.json by default.",
        ),
    ] = None,
) -> None:
    """Hold the responses against the key, and write the results.

    A file of another study or of a changed page is refused. Free text is not written.
    """
    from syda import paths
    from syda.reading import command

    lines = command.read(study or paths.READING, responses, output or paths.READER_STUDY)
    for line in lines:
        typer.echo(line)


@reading_app.command("power")
def reader_study_power(
    readers: Annotated[int, typer.Option("--readers", metavar="N", help="Number of readers.")] = 3,
    volumes: Annotated[
        int, typer.Option("--volumes", metavar="N", help="Number of volumes, half of them real.")
    ] = 40,
    studies: Annotated[
        int, typer.Option("--studies", metavar="N", min=10, help="Simulated studies a line.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the simulation.")] = 7,
) -> None:
    """Print how often a study of this size shows that readers can tell the volumes apart."""
    from syda.reading import power
    from syda.reading.design import StudyDesign

    design = StudyDesign(readers, volumes, 0, seed)
    design.check()
    for line in power.lines(design, studies):
        typer.echo(line)


@key_app.command("new")
def key_new() -> None:
    """Write a new private key to .syda/key; refuse to replace one."""
    from syda import paths
    from syda.dicom import identity

    identity.new_key(Path.cwd() / paths.PRIVATE_KEY)
    typer.echo(
        f"wrote {paths.PRIVATE_KEY}: keep it private and keep a copy; without it the same "
        "patients get other ids"
    )


def main() -> None:
    """Run the command; an error is one line."""
    try:
        with guard.stopped_by_signals():
            guard.die_with_dvc()
            guard.die_with_launcher()
            app()
    except guard.Stopped as stop:
        _print_error(f"{_command()}: stopped by {stop}, nothing half-written: run it again")
        guard.end_by(stop.signum)
    except Exception as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        _print_error(_line(error))
        sys.exit(error.exit_code if isinstance(error, SydaError) else 1)


def _print_error(line: str) -> None:
    print(f"syda: {line}", file=sys.stderr, flush=True)  # noqa: T201


def _command() -> str:
    return " ".join(word for word in sys.argv[1:] if not word.startswith("-"))


def _line(error: Exception) -> str:
    if isinstance(error, SydaError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _ADVICE:
        where = os.path.relpath(error.filename) if error.filename else "the disk"
        return f"{_command()}: {error.strerror}: {where}: {_ADVICE[error.errno]}"
    # The text of another error may quote a header, which holds names: only --debug prints it.
    return (
        f"{_command()}: unexpected {type(error).__name__}: run `syda --debug {_command()}` for its "
        "text and traceback, and report it without what names a patient"
    )
