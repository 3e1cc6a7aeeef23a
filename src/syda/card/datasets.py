"""Sections 2 and 3, training and evaluation data: counts, selection, and the held-out scans."""

from syda.card.documents import Document
from syda.card.facts import (
    DATA,
    DEVELOPERS,
    RADIOLOGIST,
    TITLES,
    CardSection,
    Fact,
    Row,
    absent,
)
from syda.card.inputs import CardInputs


def sections(inputs: CardInputs) -> list[CardSection]:
    """Return sections 2 to 3.3."""
    declared = inputs.declared
    original = declared.fact("historical/evaluation_data", "Evaluation data of the original")
    protocol = declared.fact("annotation_protocol", "Annotation")
    return [
        CardSection("2", TITLES["2"]),
        _data_version(inputs),
        _selection(inputs),
        CardSection("3", TITLES["3"], {"original": original}),
        _holdout(inputs),
        _statistics(inputs),
        CardSection("3.3", TITLES["3.3"], {"protocol": protocol}),
    ]


def _data_version(inputs: CardInputs) -> CardSection:
    convert, pack = inputs.reports["convert"], inputs.reports["pack"]
    manifest, raw = inputs.manifests["convert"], f"data/raw/{inputs.version}"
    facts = {
        "version": convert.fact("Data version", "version"),
        "artificial": inputs.artificial(),
        "raw_files": manifest.fact("DICOM and other files", "reads", raw, "files"),
        "raw_bytes": manifest.fact("Size", "reads", raw, "bytes", unit="bytes"),
        "raw_digest": manifest.fact("Digest of the files (sha256)", "reads", raw, "sha256"),
        "converted": convert.fact("Scans in use", "converted"),
        "train_cases": pack.fact("Scans trained on", "cases", "train"),
        "train_patients": pack.fact("Patients trained on", "patients", "train"),
        "not_intended": convert.fact(
            "Patients whose scans are not of the intended use", "not_intended", "patients"
        ),
        "other_region": convert.fact("Patients of another body part", "not_intended", "region"),
        "contrast_agent": convert.fact(
            "Patients with contrast agent in header or voxels", "not_intended", "contrast"
        ),
    }
    if inputs.source is not None:
        facts |= inputs.source.origin()
    for name, label in (
        ("pixel_spacing_mm", "Pixel size"),
        ("slice_spacing_mm", "Slice distance"),
        ("scan_length_mm", "Scan length"),
    ):
        facts |= _range(convert, name, label)
    tables = {
        name: _counts(convert, name, label)
        for name, label in (
            ("sex", "sex"), ("age_band", "age, years"), ("manufacturer", "scanner's manufacturer"),
            ("body_part", "body part in the header"), ("contrast", "contrast agent in the header"),
            ("enhancement", "contrast agent in the voxels"),
        )
    } | {
        name: _scans(pack, name, label)
        for name, label in (
            ("kvp", "tube voltage, kV"), ("kernel", "reconstruction kernel"),
            ("slice_thickness_mm", "slice thickness, mm"),
        )
    } | {"sizes": _sizes(inputs.reports["resampled"])}  # fmt: skip
    return CardSection("2.1", TITLES["2.1"], facts, tables)


def _range(convert: Document, name: str, label: str) -> dict[str, Fact]:
    return {
        f"{name}_{end}": convert.fact(f"{label}, {word}", name, end, unit="mm")
        if convert.value(name)
        else absent(f"{label}, {word}", DATA, "too few patients to tell it of none")
        for end, word in (("min", "low end"), ("max", "high end"))
    }


def _counts(convert: Document, name: str, label: str) -> list[Row]:
    return [
        {label: value, "patients": convert.fact("patients", name, value)}
        for value in sorted(convert.value(name))
    ]


def _scans(pack: Document, name: str, label: str) -> list[Row]:
    at = ("acquisition", name)
    return [
        {label: value, "scans": pack.fact("scans", *at, value)}
        for value in sorted(pack.value(*at))
        if value != "total"
    ]


def _sizes(resampled: Document) -> list[Row]:
    """Voxels along each axis of the scans as they are packed, before any is fitted to a cube."""
    ends = {"smallest": "min", "median": "median", "largest": "max"}
    return [
        {"size": direction}
        | {
            label: resampled.fact(label, "parts", 0, "summary", f"shape_{axis}", end, unit="voxels")
            for label, end in ends.items()
        }
        for axis, direction in (
            ("i", "left to right"), ("j", "back to front"), ("k", "feet to head")
        )
    ]  # fmt: skip


def _selection(inputs: CardInputs) -> CardSection:
    convert, manifest, declared = (
        inputs.reports["convert"], inputs.manifests["convert"], inputs.declared,
    )  # fmt: skip
    facts = {
        "annotation": declared.fact("annotation_protocol", "Annotation"),
        "annotation_original": declared.fact(
            "historical/annotation", "Annotation of the original (historical)"
        ),
        "selection": declared.fact("selection_protocol", "Selection"),
        **_findings(inputs, "Contrast agent and stones"),
        **_rules(manifest),
        "excluded": convert.fact("Series that these rules excluded", "excluded", "total"),
        "max_clamped": manifest.fact(
            "Largest share of voxels outside the stored HU",
            "params", "convert", "max_clamped_share",
        ),
        "rejected": Fact(
            "Series and archives rejected", len(convert.value("rejected")), "derived",
            (convert.pointer("rejected"),), note="entries of the list",
        ),
    }  # fmt: skip
    tables: dict[str, list[Row]] = {
        "excluded": [
            row for row in _reasons(convert, "excluded", "series") if row["reason"] != "total"
        ],
        "reasons": _reasons(convert, "reasons", "rejected"),
        "ignored": _reasons(convert, "files_ignored", "files"),
    }
    return CardSection("2.2", TITLES["2.2"], facts, tables)


def _findings(inputs: CardInputs, label: str) -> dict[str, Fact]:
    """What is known of contrast agent and stones."""
    if inputs.source is not None:
        return inputs.source.findings(label)
    fact = inputs.declared.fact_or_absent(
        "contrast_and_stones", label, RADIOLOGIST,
        "who looked for them, how, and with what error; the pipeline knows contrast agent from "
        "headers and voxels, and stones from the list of cases that a reader excludes",
    )  # fmt: skip
    return {"contrast_and_stones": fact}


def _rules(manifest: Document) -> dict[str, Fact]:
    """The selection rules of the cohort. Cases that a reader excluded are counted, not named."""
    labels = (
        ("modalities", "Modalities taken", ""),
        ("body_parts", "Body parts taken (an empty list: any)", ""),
        ("contrast", "Contrast agent taken", ""),
        ("voxel_contrast", "Where voxels show contrast agent otherwise", ""),
        ("reformats", "Reformats, slabs and projections taken", ""),
        ("derived", "Derived images taken", ""),
        ("series_of_scan", "Series taken of several of one scan", ""),
        ("intended_region", "Intended body part", ""),
        ("intended_contrast", "Intended contrast agent", ""),
        ("min_slices", "Fewest slices of a series", ""),
        ("max_slice_spacing_mm", "Largest slice distance", "mm"),
        ("min_length_mm", "Shortest scan", "mm"),
        ("max_length_mm", "Longest scan", "mm"),
    )
    return {
        name: manifest.fact(label, "params", "convert", "select", name, unit=unit)
        for name, label, unit in labels
    }


def _reasons(convert: Document, name: str, unit: str) -> list[Row]:
    return [
        {"reason": reason.replace("_", " "), unit: convert.fact(unit, name, reason)}
        for reason in sorted(convert.value(name))
    ]


def _holdout(inputs: CardInputs) -> CardSection:
    pack, metrics_ = inputs.reports["pack"], inputs.reports["metrics"]
    version = inputs.version
    facts = {
        "name": Fact(
            "Dataset", f"{version} holdout", "derived",
            (inputs.reports["convert"].pointer("version"),),
        ),
        "cases": pack.fact("Scans held out", "cases", "holdout"),
        "patients": pack.fact("Patients held out", "patients", "holdout"),
        "share": inputs.manifests["pack"].fact(
            "Share of patients to be held out", "params", "pack", "holdout_share"
        ),
        "records_digest": inputs.manifests["pack"].fact(
            "Digest of the records (sha256)", "writes", "data/records", "sha256"
        ),
        "synthetic": metrics_.fact("Synthetic volumes compared with them", "n", "synthetic"),
        "tuned": inputs.declared.fact_or_absent(
            "tuned_on_holdout", "What was chosen by looking at them", DEVELOPERS,
            "whether any setting was chosen by looking at these scans",
        ),
    }  # fmt: skip
    return CardSection("3.1", TITLES["3.1"], facts)


def _statistics(inputs: CardInputs) -> CardSection:
    pack, resample = inputs.reports["pack"], inputs.manifests["resample"]
    spacing = resample.value("params", "ct", "spacing_mm")
    facts = {
        f"extent_{name}": Fact(
            f"Longest side of a scan, {name}",
            spacing * pack.value("longest_sides", "holdout", end),
            "derived",
            (
                pack.pointer("longest_sides", "holdout", end),
                resample.pointer("params", "ct", "spacing_mm"),
            ),
            "mm",
            note="voxels along the longest side x voxel size",
        )
        for name, end in (("smallest", "min"), ("largest", "max"))
    }
    facts["clipped"] = pack.fact(
        "Share of voxels outside the model's window", "clipped_share", "holdout"
    )
    people = [row for name in ("sex", "age") for row in _held_out_people(pack, name)]
    return CardSection("3.2", TITLES["3.2"], facts, {"demographics": people})


def _held_out_people(pack: Document, name: str) -> list[Row]:
    """Held-out patients by sex or by age; one row where the counts are suppressed."""
    counts, at = pack.value("holdout_people", name), ("holdout_people", name)
    if not isinstance(counts, dict):
        return [{"by": name, "group": "each", "patients": pack.fact("patients", *at)}]
    return [
        {"by": name, "group": group, "patients": pack.fact("patients", *at, group)}
        for group in counts
    ]
