"""Small reports and manifests of an invented run, from which a card can be made."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

from syda import paths
from syda.card.inputs import PICTURES
from syda.runtime.outputs import write_bytes, write_json
from syda.stages import card

REPOSITORY = Path(__file__).parents[1]


MS_SSIM, PERCEPTUAL = "ms_ssim_3d_L3_k7_s1.5_dr2", "perceptual_space-1a2b3c4d"


CONTROL = {
    "synthetic": {
        "rho": {"value": 0.8123456, "low": 0.6234567, "high": 0.9345678, "n": 12},
        "mae": {"value": 12.345678, "n": 12},
    },
    "real": {"rho": {"value": 0.9912345}, "mae": {"value": 3.4567891}},
}  # fmt: skip


CT = {
    "spacing_mm": 1.5, "hu_min": -1024, "hu_max": 3071,
    "window_min": -1000, "window_max": 1000, "size": 16,
}  # fmt: skip


VALIDATE = {"validate": {"spacing_tolerance_mm": 0.001, "min_cases": 4}, "ct": CT}


PARAMS = {
    "convert": {
        "data": {"version": "v0", "artificial": ["v0", "v1"], "artificial_key": "published-key"},
        "ct": CT,
        "convert": {
            "max_clamped_share": 0.01,
            "max_rejected_share": 0.25,
            "select": {
                "modalities": ["CT"], "body_parts": [], "contrast": "without", "min_slices": 16,
                "max_slice_spacing_mm": 10.0, "min_length_mm": 0.0, "max_length_mm": 3000.0,
                "exclude": [], "voxel_contrast": "warn", "reformats": "without", "derived": "any",
                "series_of_scan": "thin", "intended_region": "abdomen",
                "intended_contrast": "without",
            },
            "archives": {"max_ratio": 200.0},
        },
    },
    "resample": {"ct": CT},
    "validate-resampled": VALIDATE,
    "pack": {"ct": CT, "pack": {"holdout_share": 0.3333, "shards": 4, "compression": "none"}},
    "validate-records": VALIDATE,
    "train": {
        "ct": CT,
        "model": {
            "start": "mean", "latent": 24, "mapping_layers": 3, "mapping_lr_multiplier": 0.01,
            "channels": [16, 8, 4], "discriminator_channels": [16, 8, 4],
            "properties": ["body_width_mm", "sex"],
        },
        "train": {
            "seed": 7, "stages": [
                {"side": 128, "images": 1024, "batch": 4, "adversarial": False},
                {"side": 128, "images": 3072, "batch": 4, "adversarial": True},
            ],
            "loss": "nonsaturating", "r1_weight": 0.375, "path_weight": 0.0,
            "reconstruction": {"weight": 2.0, "kl_weight": 0.001},
            "generator_lr": 0.003, "discriminator_lr": 0.001, "precision": "auto",
        },
    },
    "generate": {"generate": {"seed": 100, "count": 12, "truncation": 1.0, "export": 3}},
    "validate-synthetic": VALIDATE,
    "evaluate": {"evaluate": {"seed": 11, "pairs": 400, "shown": 6}, "ct": CT},
    "gallery": {"gallery": {"real": 3}},
    "phantom-v0": {"phantom": {"base_subjects": 64}},
    "phantom-v1": {"phantom": {"base_subjects": 64}},
}  # fmt: skip


READS = {
    "convert": ["data/raw/v0"],
    "resample": ["data/nifti"],
    "validate-resampled": ["data/resampled"],
    "pack": ["data/resampled", "reports/validation/resampled.json"],
    "validate-records": ["data/records"],
    "train": ["data/records", "reports/validation/records.json"],
    "generate": ["data/weights"],
    "validate-synthetic": ["data/synthetic"],
    "evaluate": [
        "data/records",
        "data/weights",
        "data/synthetic",
        "reports/validation/synthetic.json",
    ],
    "gallery": ["data/records", "data/synthetic", "reports/validation/synthetic.json"],
    "phantom-v0": [],
    "phantom-v1": [],
}


WRITES = {
    "gallery": ["reports/gallery.html"],
    "phantom-v0": ["data/raw/v0"],
    "phantom-v1": ["data/raw/v1"],
    "convert": ["data/nifti", "reports/convert.json"],
    "resample": ["data/resampled"],
    "validate-resampled": ["reports/validation/resampled.json"],
    "pack": ["data/records", "reports/pack.json"],
    "validate-records": ["reports/validation/records.json"],
    "train": [
        "data/weights",
        "reports/train/environment.json",
        "reports/train/properties.json",
    ],
    "generate": ["data/synthetic"],
    "validate-synthetic": ["reports/validation/synthetic.json"],
    "evaluate": [
        "reports/metrics.json",
        "reports/evaluation/details.json",
        *(path.as_posix() for path in PICTURES),
    ],
}


LOCK = """# exact versions
dvc==3.67.1
efficientnet_lite.pytorch==0.1.0
google-crc32c==1.9.0
great_expectations==1.24.1
mlflow==3.17.2
monai==1.6.1
numpy==2.3.0
pydantic==2.14.3
torch==2.13.0
torchmetrics==1.9.0
"""


PROJECT = '[project]\ndependencies = ["dvc", "monai", "numpy", "some_thing>=2", "torch"]\n'


SETS = ("resampled", "records", "synthetic")


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
"""A black dot."""


def figures(synthetic, real, n):
    difference = synthetic - real
    return {
        "synthetic": {"value": synthetic, "n": n}, "real": {"value": real, "n": 2 * n},
        "difference": {
            "value": difference, "low": difference - 0.02, "high": difference + 0.02
        },
    }  # fmt: skip


def metric(title, aim, protocol):
    return {"title": title, "unit": "1", "aim": aim, "source": "a paper", "protocol": protocol}


def validation(name):
    rule = {
        "rule": "spacing", "sentence": "Voxels measure 1.5 mm.", "verdict": "passed",
        "severity": "critical", "observed": "1.5 mm in 64 volumes", "failing": [],
    }  # fmt: skip
    part = {"title": f"The {name}", "folder": f"data/{name}", "volumes": 64, "rules": [rule]}
    size = {"min": 133.0, "median": 137.0, "max": 140.0}
    summary = {f"shape_{axis}": size for axis in "ijk"}
    summary["spacing_i"] = {"min": 19.5, "median": 21.0, "max": 23.25}
    return {"set": name, "success": True, "parts": [part | {"summary": summary}]}


def reports():
    return {
        paths.METRICS: {
            "holdout": {
                MS_SSIM: {"synthetic": 0.4123456, "real": 0.2971234},
                PERCEPTUAL: {"synthetic": 0.31, "real": 0.27},
            },
            "gate": {"drawn": 14, "rejected": 2},
            "exports": {"checked": 8, "faulty": 1},
            "n": {"holdout": 21, "train": 43, "synthetic": 12},
        },
        paths.EVALUATION / "details.json": {
            "metrics": {
                MS_SSIM: metric("MS-SSIM of pairs", "match", {"kernel": 7, "hu": [-1000, 1000]}),
                PERCEPTUAL: metric("Perceptual loss", "lower", {"space": {"name": "lite0"}}),
            },
            "figures": {
                "holdout": {
                    MS_SSIM: figures(0.4123456, 0.2971234, 210),
                    PERCEPTUAL: figures(0.31, 0.27, 231),
                },
                "train": {
                    MS_SSIM: figures(0.4123456, 0.3051234, 211),
                    PERCEPTUAL: figures(0.29, 0.26, 232),
                },
            },
            "picture": {"scans": 0, "synthetic": 2},
            "kid_baselines": {
                "figures": {
                    "mean_scan": {
                        "title": "mean training scan", "value": 0.21, "low": 0.15, "high": 0.27,
                        "n": 12,
                    },
                },
            },
            "utility": {
                "figures": {
                    "fat_share": {
                        "figure": "r2",
                        "synthetic": {"value": 0.7654321, "low": 0.61, "high": 0.92, "n": 20},
                        "real": {"value": 0.9754321},
                        "difference": {"low": -0.31, "high": -0.11},
                        "resized_mean": {"value": -0.1234567},
                    },
                },
            },
            "gate": {
                "rejected_share": 0.142857,
                "reasons": {"border": 0, "pieces": 2, "open": 1},
                "copy_check": {"checked": True},
            },
            "exports": {
                "faulty": {"000003": ["unmarked"]},
                "by_kind": {"unmarked": 1, "dicom_geometry": 0},
            },
            "sampling": {"seed": 11, "pairs": 400, "bootstrap": 1000},
        },
        paths.CONVERT_REPORT: {
            "version": "v0", "artificial": True, "converted": 64, "synthetic_data": {"YES": 64},
            "excluded": {"contrast_agent": 7, "reader_stone": 5, "total": 12},
            "rejected": [{"id": "ab", "reason": "too_few_slices", "detail": "3"}],
            "reasons": {"too_few_slices": 1}, "files_ignored": {"not_dicom": 2},
            "clamped_share_max": 0.00012,
            "sex": {"F": 33, "M": 31}, "age_band": {"40-44": 60, "45-49": "fewer than 5"},
            "manufacturer": {"SYDA phantom": 64},
            "pixel_spacing_mm": {"min": 1.6, "max": 1.9},
            "slice_spacing_mm": {"min": 5.0, "max": 5.0},
            "scan_length_mm": {},
            "body_part": {"ABDOMEN": 58, "HEAD": 6},
            "contrast": {"not given": 50, "given": 7, "not stated": 7},
            "enhancement": {"not enhanced": 57, "enhanced": 7},
            "not_intended": {"region": 6, "contrast": 7, "patients": 13},
        },
        paths.PACK_REPORT: {
            "cases": {"train": 43, "holdout": 21}, "patients": {"train": 42, "holdout": 20},
            "longest_sides": {
                "train": {"n": 3, "min": 200, "median": 220, "max": 260},
                "holdout": {"n": 2, "min": 210, "median": 230, "max": 250},
            },
            "clipped_share": {"train": 0.0021, "holdout": 0.0019},
            "holdout_people": {"sex": {"F": 9, "M": 11}, "age": "not told"},
            "acquisition": {
                "kvp": {"100.0": "not told", "120.0": 58, "total": 64},
                "kernel": {"SOFT": 64, "total": 64},
                "slice_thickness_mm": {"5.0": 64, "total": 64},
            },
        },
        paths.ENVIRONMENT: {"device": "cpu", "precision": "float32", "processes": 1},
        paths.PROPERTIES: {
            "columns": 4,
            "numbers": [{
                "name": "body_width_mm", "mean": 350.0, "deviation": 30.0, "low": 301.5,
                "high": 398.5, "observed_fraction": 1.0,
            }],
            "terms": [{"name": "sex", "shares": {"F": 0.5, "M": 0.5}, "observed_fraction": 0.875}],
            "correlation": [[1.0]],
        },
        **{paths.validation_report(name): validation(name) for name in SETS},
    }  # fmt: skip


def details(contents):
    return contents[paths.EVALUATION / "details.json"]


def digest(root, path):
    file = root / path
    content = file.read_bytes() if file.is_file() else path.encode()
    return {"sha256": hashlib.sha256(content).hexdigest(), "files": 1, "bytes": 1000}


def manifest(root, name):
    stage, _, item = name.partition("-")
    packages = {"numpy": "2.3.0"} | ({"torch": "2.13.0"} if stage in ("train", "evaluate") else {})
    content = {
        "stage": stage, "item": item or None, "params": PARAMS[name],
        "reads": {path: digest(root, path) for path in READS[name]},
        "writes": {path: digest(root, path) for path in WRITES[name]},
        "code": {"sha256": "c0de" * 16, "files": {"syda/training/muon.py": "ab" * 32}},
        "python": "3.11.7", "packages": packages,
    }  # fmt: skip
    write_json(root / paths.manifest(stage, item or None), content)


def fill(root, edit=lambda reports: None):
    """Write what a run of the pipeline leaves for the card; ``edit`` may change the reports."""
    contents = reports()
    edit(contents)
    for path, content in contents.items():
        write_json(root / path, content)
    for number, path in enumerate(PICTURES):
        write_bytes(root / path, PNG + bytes([number]))
    for name in PARAMS:
        manifest(root, name)


def prepare(root):
    shutil.copy(REPOSITORY / paths.PARAMS, root / paths.PARAMS)
    (root / "model_card").mkdir()
    shutil.copy(REPOSITORY / paths.DECLARED, root / paths.DECLARED)
    (root / paths.LOCK).write_text(LOCK)
    (root / paths.PROJECT).write_text(PROJECT)
    (root / paths.SIGNOFFS).write_text("signoffs: []\n")
    shutil.copy(REPOSITORY / paths.POLICY, root / paths.POLICY)
    (root / paths.RELEASES).mkdir()
    (root / paths.SOURCES).mkdir(parents=True)
    fill(root)
    return root


def run(root):
    """Run the stage; return the card with its evidence in Markdown, and card.json."""
    card.run(root)
    page = "\n".join((root / path).read_text() for path in (paths.CARD, paths.EVIDENCE))
    return page, json.loads((root / paths.CARD_JSON).read_text())
