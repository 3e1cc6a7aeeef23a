"""Pictures, charts and tables of an evaluation."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from syda.figures import charts, planes
from syda.metrics.cohorts import Cohorts
from syda.metrics.estimate import rounded
from syda.metrics.evaluation import grid_of
from syda.metrics.histograms import hu_histograms, rebin
from syda.metrics.privacy_results import Audit
from syda.records import reader
from syda.runtime.outputs import write_text
from syda.sampling.sampler import Sample
from syda.volume import nifti
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import encode

_BIN_HU = 10
_STEP_PERCENT = 5
_SHOWN_VECTORS = 4


def draw_volumes(
    synthetic_folder: Path,
    records: Path,
    space: ModelSpace,
    shown: int,
    *,
    picture: Path,
    with_scans: Path,
    artificial: bool,
) -> dict[str, int]:
    """Draw the first synthetic volumes, and half as many next to held-out scans.

    If the scans are of artificial patients, ``picture`` shows them too.

    Args:
        synthetic_folder: NIfTI files.
        records: folder of the records.
        space: the model's.
        shown: number of volumes.
        picture: PNG file that is published with the code.
        with_scans: PNG file that shows scans of any patients: it must not be published.
        artificial: whether the patients are artificial (:func:`syda.metrics.scans.are_artificial`).

    Returns:
        How many scans and synthetic volumes ``picture`` shows.
    """
    files = nifti.case_files(synthetic_folder)[:shown]
    synthetic = [nifti.read(file) for file in files]
    titles = [f"seed {nifti.case_name(file)}" for file in files]
    caption = "Mid slices, window 400 HU around 40. The first volumes, none picked by hand."
    half = max(1, shown // 2)
    held_out = islice(reader.read_split(records, "holdout", space.spacing_mm), half)
    scans = [
        space.decode(encode(record.volume, space), record.volume.longest_side)
        for record in held_out
    ]
    both = f"{caption} Scans: held out, on the model's grid."
    planes.side_by_side(scans, synthetic[:half], with_scans, caption=both)
    if artificial:
        planes.side_by_side(scans, synthetic[:half], picture, caption=both, title="phantom")
        return {"scans": len(scans), "synthetic": len(synthetic[:half])}
    planes.three_planes(synthetic, picture, caption=caption, synthetic=True, titles=titles)
    return {"scans": 0, "synthetic": len(synthetic)}


def draw_seeds(rows: Sequence[Sequence[Sample]], path: Path) -> None:
    """Draw the first property vectors of a seed grid, a row each.

    Args:
        rows: of :func:`.seed_grid.draw`.
        path: PNG file.
    """
    shown = rows[:_SHOWN_VECTORS]
    labels = [
        "\n".join(
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in first.properties.items()
        )
        for first, *_ in shown
    ]
    caption = (
        "Coronal and sagittal mid slices, window 400 HU around 40. A row has one set of requested "
        "properties; its volumes differ in the seed alone. None picked by hand."
    )
    volumes = [[sample.volume for sample in row] for row in shown]
    planes.grid(volumes, path, labels=labels, caption=caption)


def draw_hu_histograms(cohorts: Cohorts, space: ModelSpace, chart: Path, table: Path) -> None:
    """Draw and write the pooled HU histogram of each cohort, in bins of 10 HU."""
    grid, shares = grid_of(space), {}
    for cohort in cohorts.all():
        pooled = hu_histograms(cohort.images, grid).mean(axis=0)
        centres, shares[cohort.label] = rebin(pooled, grid, _BIN_HU)
    charts.hu_histogram(centres, shares, chart)
    names = [*cohorts.real, cohorts.synthetic.label]
    rows = (
        [int(centre), *(rounded(shares[name][row]) for name in names)]
        for row, centre in enumerate(centres)
    )
    _write_table(table, ["hu", *names], rows)


def draw_nearest(audits: Sequence[Audit], chart: Path, table: Path) -> None:
    """Draw and write how far the nearest training scan is, in each space of distances."""
    spaces = [
        charts.Nearest(
            f"Distances {audit.title}",
            audit.unit,
            audit.nearest["synthetic"],
            audit.nearest["holdout"],
            audit.threshold,
        )
        for audit in audits
    ]
    charts.nearest_training(spaces, chart)
    columns = {
        f"{audit.space}_{label}": values
        for audit in audits
        for label, values in audit.nearest.items()
    }
    percents = range(0, 101, _STEP_PERCENT) if columns else ()
    rows = (
        [percent, *(rounded(np.quantile(values, percent / 100)) for values in columns.values())]
        for percent in percents
    )
    _write_table(table, ["percent_of_volumes", *columns], rows)


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[float]]) -> None:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([header, *rows])
    write_text(path, table.getvalue())
