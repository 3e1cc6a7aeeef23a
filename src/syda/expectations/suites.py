"""The suites of Great Expectations. Only this module imports the package.

A suite holds expectations on the table of :mod:`syda.expectations.tables`. Expectations with one
``meta["rule"]`` are one rule of the report, and their ``description`` is its sentence. A failed
``critical`` expectation stops the pipeline, a failed ``warning`` is reported.

Great Expectations passes nulls and empty tables in a check of a range. So each range comes with a
check for nulls, and each suite with a smallest number of rows. Rows with a fault are left to the
rules ``readable`` and ``indexed``: the row condition of every other expectation excludes them.
"""

import warnings
from collections.abc import Sequence
from itertools import chain
from typing import Any

from syda.expectations.config import ValidateParams
from syda.expectations.results import Result, Severity, by_rule
from syda.expectations.tables import AIR_HU, SHAPE, SPACING, Row, frame
from syda.params import CtParams

with warnings.catch_warnings():  # one of its parsers imports sre_constants
    warnings.simplefilter("ignore", DeprecationWarning)
    import great_expectations as gx
    from great_expectations import ExpectationSuite
    from great_expectations import expectations as gxe
    from great_expectations.expectations.row_conditions import Column

_READABLE = Column("fault").is_null()
_INDEXED = ("indexed", "Every record can be read and is what the index says.")
_NO_SPLIT = "these files are not split into train and holdout"
_NO_DESCRIPTIONS = "no JSON of this pipeline describes these files"


def resampled(params: ValidateParams, ct: CtParams) -> ExpectationSuite:
    """Suite of resampled scans."""
    return _suite(
        "resampled",
        _no_fault(),
        _described(),
        _at_least(params.min_cases),
        _scan(params, ct),
        _attributes(params),
        _unique_voxels(),
    )


def records(params: ValidateParams, ct: CtParams) -> ExpectationSuite:
    """Suite of the training and holdout records."""
    return _suite(
        "records",
        _no_fault(*_INDEXED),
        _splits(params.min_cases_per_split),
        _scan(params, ct),
        _attributes(params),
        _unique_case(),
        _unique_voxels(),
    )


def synthetic(params: ValidateParams, ct: CtParams) -> ExpectationSuite:
    """Suite of synthetic volumes in the model's grid; each has its own voxel size."""
    shape = f"Every volume is a cube of {ct.size} x {ct.size} x {ct.size} voxels."
    return _suite(
        "synthetic",
        _no_fault(),
        _at_least(params.min_cases),
        _between("shape", shape, SHAPE, (ct.size, ct.size), "voxels"),
        _isotropic(params.spacing_tolerance_mm),
        _voxels((ct.window_min, ct.window_max), params.min_std_hu),
        _orientation(),
        _usual_values(params),
        _unique_voxels(),
    )


def physical(params: ValidateParams, ct: CtParams) -> ExpectationSuite:
    """Suite of synthetic volumes exported at their physical size; one is enough."""
    return _suite(
        "synthetic-physical",
        _no_fault(),
        _at_least(1),
        _spacing(ct.spacing_mm, params.spacing_tolerance_mm),
        _voxels((ct.window_min, ct.window_max), params.min_std_hu),
        _orientation(),
        _usual_side(params.side_voxels),
        _usual_values(params),
        _unique_voxels(),
    )


def foreign(params: ValidateParams, ct: CtParams) -> ExpectationSuite:
    """Suite of NIfTI files from elsewhere; ``meta`` says why some rules cannot be checked."""
    return _suite(
        "foreign",
        _no_fault(),
        _at_least(params.min_cases, "warning"),
        _scan(params, ct),
        _unique_voxels(),
        _not_checked("ids are file names here, which never repeat", _unique_case()),
        _not_checked(_NO_DESCRIPTIONS, [*_described(), *_attributes(params)]),
        _not_checked("these files are not records", _no_fault(*_INDEXED)),
        _not_checked(_NO_SPLIT, _splits(params.min_cases_per_split)),
    )


def to_json(suite: ExpectationSuite) -> dict[str, Any]:
    """Name and expectations of a suite as Great Expectations writes them, without random ids."""
    document = suite.to_json_dict()
    return {"name": document["name"], "expectations": document["expectations"]}


def validate(rows: Sequence[Row], suite: ExpectationSuite) -> list[Result]:
    """Validate rows with a suite.

    Returns:
        A result for each rule, in the order of the suite; equal for equal rows.

    Raises:
        RuntimeError: Great Expectations raised an exception inside an expectation.
    """
    table = frame(rows)
    context = gx.get_context(mode="ephemeral")  # writes no file
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("volumes")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})
    checked = [one for one in suite.expectations if "not_checked" not in one.meta]
    validation = batch.validate(
        ExpectationSuite(suite.name, checked), result_format={"result_format": "COMPLETE"}
    )
    return by_rule(suite.expectations, validation.results, table)


def _suite(name: str, *groups: list[Any]) -> ExpectationSuite:
    return ExpectationSuite(name, list(chain.from_iterable(groups)))


def _common(rule: str, sentence: str, severity: Severity = "critical", **meta: str) -> Any:
    return {
        "description": sentence,
        "severity": severity,
        "meta": {"rule": rule, **meta},
        "row_condition": _READABLE,
    }


def _between(
    rule: str,
    sentence: str,
    columns: Sequence[str],
    bounds: tuple[float | None, float | None],
    unit: str,
    severity: Severity = "critical",
) -> list[Any]:
    """Every column has a value between the bounds, both included; None is no bound."""
    common = _common(rule, sentence, severity, unit=unit)
    low, high = bounds
    expectations: list[Any] = []
    for column in columns:
        expectations += [
            gxe.ExpectColumnValuesToNotBeNull(column=column, **common),
            gxe.ExpectColumnValuesToBeBetween(
                column=column, min_value=low, max_value=high, **common
            ),
        ]
    return expectations


def _unique(rule: str, sentence: str, column: str) -> list[Any]:
    common = _common(rule, sentence)
    return [
        gxe.ExpectColumnValuesToNotBeNull(column=column, **common),
        gxe.ExpectColumnValuesToBeUnique(column=column, **common),
    ]


def _not_checked(why: str, expectations: list[Any]) -> list[Any]:
    for expectation in expectations:
        expectation.meta["not_checked"] = why
    return expectations


def _no_fault(rule: str = "readable", sentence: str = "Every file can be read.") -> list[Any]:
    common = _common(rule, sentence) | {"row_condition": None}
    return [gxe.ExpectColumnValuesToBeNull(column="fault", **common)]


def _described() -> list[Any]:
    sentence = (
        "Beside every volume lies a JSON file with case, patient and attributes, of the same case."
    )
    common = _common("described", sentence)
    return [gxe.ExpectColumnValuesToBeNull(column="description_fault", **common)]


def _attributes(params: ValidateParams) -> list[Any]:
    share, names = params.min_attributes_share, ", ".join(params.attributes)
    sentence = f"In {100 * share:g} % of the cases or more all of these attributes are known: "
    common = _common("attributes", f"{sentence}{names}.", "warning")
    return [gxe.ExpectColumnValuesToBeNull(column="attributes_missing", mostly=share, **common)]


def _at_least(count: int, severity: Severity = "critical") -> list[Any]:
    common = _common("at_least", f"The set has {count} or more readable volumes.", severity)
    return [gxe.ExpectTableRowCountToBeBetween(min_value=count, **common)]


def _splits(count: int) -> list[Any]:
    expectations = []
    for split in ("train", "holdout"):
        sentence = f"The {split} split has {count} or more readable volumes."
        common = _common(f"at_least_in_{split}", sentence)
        common["row_condition"] = _READABLE & (Column("split") == split)
        expectations.append(gxe.ExpectTableRowCountToBeBetween(min_value=count, **common))
    rule, column = "patient_in_one_split", "splits_of_patient"
    sentence = "No patient is in both the train and the holdout split."
    return expectations + _between(rule, sentence, [column], (1, 1), "per patient")


def _unique_case() -> list[Any]:
    return _unique("unique_case", "No two volumes have the same case id.", "case")


def _unique_voxels() -> list[Any]:
    sentence = "No two volumes have the same voxels (no scan is in the set twice)."
    return _unique("unique_content", sentence, "sha256")


def _scan(params: ValidateParams, ct: CtParams) -> list[Any]:
    """Expectations on any real volume at the pipeline's voxel size."""
    return [
        *_spacing(ct.spacing_mm, params.spacing_tolerance_mm),
        *_voxels((ct.hu_min, ct.hu_max), params.min_std_hu),
        *_orientation(),
        *_usual_side(params.side_voxels),
        *_usual_values(params),
        *_window("below", ct.window_min, params.max_below_window_share),
        *_window("above", ct.window_max, params.max_above_window_share),
    ]


def _spacing(size: float, tolerance: float) -> list[Any]:
    sentence = f"Voxels of every volume measure {size:g} mm along each axis, give or take "
    bounds = (size - tolerance, size + tolerance)
    return _between("spacing", f"{sentence}{tolerance:g} mm.", SPACING, bounds, "mm")


def _isotropic(tolerance: float) -> list[Any]:
    sentence = "Voxels of every volume are equally long along each axis, give or take "
    column, bounds = "spacing_spread_mm", (0, tolerance)
    return _between("isotropic", f"{sentence}{tolerance:g} mm.", [column], bounds, "mm")


def _voxels(hu: tuple[int, int], min_std: float) -> list[Any]:
    inside = f"Every voxel lies between {hu[0]} and {hu[1]} HU."
    varied = f"The voxels of every volume vary: their standard deviation is {min_std:g} HU or more."
    return [
        *_between("finite", "No voxel is NaN or infinite.", ["not_finite"], (0, 0), "voxels"),
        *_between("hu_range", inside, ["hu_min", "hu_max"], hu, "HU"),
        *_between("not_constant", varied, ["std_hu"], (min_std, None), "HU"),
    ]


def _orientation() -> list[Any]:
    sentence = "The axes i, j, k of every volume run to the patient's right, front and head (RAS)."
    common = _common("orientation", sentence)
    return [
        gxe.ExpectColumnValuesToNotBeNull(column="orientation", **common),
        gxe.ExpectColumnValuesToBeInSet(column="orientation", value_set=["RAS"], **common),
    ]


def _usual_side(side: tuple[int, int]) -> list[Any]:
    sentence = f"Every volume has {side[0]} to {side[1]} voxels along each axis."
    return _between("side", sentence, SHAPE, side, "voxels", "warning")


def _usual_values(params: ValidateParams) -> list[Any]:
    """Percentiles and shares that are usual in CT of a body: a wrong rescale changes them."""
    expectations: list[Any] = []
    for which, column, hu, shown in (
        ("0.5th", "hu_p0_5", params.p0_5_hu, "air"),
        ("99.5th", "hu_p99_5", params.p99_5_hu, "more than fat"),
    ):
        sentence = f"The {which} percentile of voxels lies between {hu[0]:g} and {hu[1]:g} HU: "
        sentence += f"a volume shows {shown}."
        expectations += _between(column, sentence, [column], hu, "HU", "warning")
    low, high = (f"{100 * share:g}" for share in params.air_share)
    sentence = f"{low} to {high} % of the voxels of every volume are air (below {AIR_HU} HU)."
    column = "air_share"
    return expectations + _between(column, sentence, [column], params.air_share, "%", "warning")


def _window(side: str, bound: int, max_share: float) -> list[Any]:
    sentence = (
        f"At most {100 * max_share:g} % of the voxels of every volume lie {side} {bound} HU, "
        "where the model's range ends."
    )
    column = f"{side}_window_share"
    return _between(f"{side}_window", sentence, [column], (None, max_share), "%", "warning")
