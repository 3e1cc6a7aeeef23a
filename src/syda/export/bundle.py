"""The model as a MONAI bundle: folders and keys of MONAI's bundle specification.

The network is in safetensors, and the code is that of the package ``syda``, which the bundle names
as required. Nothing is pickled.
"""

from importlib.metadata import version
from typing import Any

from syda import paths
from syda.card.facts import BANNER
from syda.export.metadata import ReleasedModel
from syda.export.page import render
from syda.runtime import manifest
from syda.runtime.outputs import as_json

MODELS = "models"
"""Folder of the weights in the bundle."""

WEIGHTS = (paths.GENERATOR_WEIGHTS, paths.GENERATOR_DESCRIPTION)
"""Files of the weights that a release holds; the encoder needs scans and is not among them."""

_GENERATION = "syda.sampling.generation"


def files(model: ReleasedModel, license_text: bytes) -> dict[str, bytes]:
    """Return the bundle's files by their path, without those of the weights.

    Args:
        model: that is released.
        license_text: of the code.
    """
    return {
        "configs/metadata.json": as_json(metadata(model)),
        "configs/inference.json": as_json(inference(model)),
        "docs/README.md": render("bundle.md.j2", model).encode(),
        "LICENSE": license_text,
    }


def metadata(model: ReleasedModel) -> dict[str, Any]:
    """Return metadata.json, from the facts of the card."""
    card, space = model.card, model.generator.space
    network = model.generator.sampler.generator
    versions = manifest.direct_dependencies()
    conditions = network.architecture["conditions"]
    return {
        "version": model.version,
        "changelog": {model.version: f"report {card.text('1.report_version')}"},
        "monai_version": versions["monai"],
        "pytorch_version": versions["torch"],
        "numpy_version": versions["numpy"],
        "required_packages_version": {
            "syda": version("syda"),
            "nibabel": versions["nibabel"],
            "safetensors": versions["safetensors"],
        },
        "name": card.text("1.model_name"),
        "task": "Synthesis of CT volumes",
        "description": f"{BANNER} {card.text('1.model_description')}",
        "authors": card.text("1.author"),
        "copyright": model.terms(),
        "data_source": f"data version {card.text('1.data_version')}",
        "data_type": "nibabel",
        "image_classes": f"HU, {space.window_min} to {space.window_max} scaled to -1 to 1",
        "intended_use": card.text("6.intended_use"),
        "references": [],
        "network_data_format": {
            "inputs": {
                "latent": _tensor("latent", [network.latent_dim], "standard normal"),
                "conditions": _tensor("conditions", [conditions], "encoded properties"),
            },
            "outputs": {
                "pred": {
                    **_tensor("image", [space.size] * 3, "CT"),
                    "format": "hounsfield",
                    "modality": "CT",
                    "value_range": [-1, 1],
                    "is_patch_data": False,
                }
            },
        },
        **model.texts(),
    }


def _tensor(kind: str, shape: list[int], meaning: str) -> dict[str, Any]:
    return {
        "type": kind,
        "format": kind,
        "num_channels": 1,
        "spatial_shape": shape,
        "dtype": "float32",
        "value_range": [],
        "is_patch_data": False,
        "channel_def": {"0": meaning},
    }


def inference(model: ReleasedModel) -> dict[str, Any]:
    """Return inference.json: draw volumes and write NIfTI."""
    space = model.generator.space
    return {
        "imports": ["$import pathlib"],
        "bundle_root": ".",
        "output_dir": "$@bundle_root + '/output'",
        "count": 1,
        "seed": 0,
        "truncation": 1.0,
        "properties": {},
        "preprocessing": {
            "_target_": "syda.volume.transforms.model_transforms",
            "space": {
                "_target_": "syda.volume.model_space.ModelSpace",
                "size": space.size,
                "spacing_mm": space.spacing_mm,
                "window_min": space.window_min,
                "window_max": space.window_max,
            },
        },
        "generator": {
            "_target_": f"{_GENERATION}.load_generator",
            "path": f"$@bundle_root + '/{MODELS}'",
        },
        "request": {
            "_target_": f"{_GENERATION}.GenerationRequest",
            "seeds": "$range(@seed, @seed + @count)",
            "truncation": "@truncation",
            "properties": "@properties",
        },
        "run": [
            "$pathlib.Path(@output_dir).mkdir(parents=True)",
            {
                "_target_": f"{_GENERATION}.generate",
                "folder": "$pathlib.Path(@output_dir)",
                "generator": "@generator",
                "request": "@request",
                "gate": None,
                "exported": 0,
            },
        ],
    }
