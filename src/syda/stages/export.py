"""Stage ``export``: the release, for users without this repository."""

from pathlib import Path

from syda import paths
from syda.card import documents
from syda.errors import CheckFailed
from syda.export import card_values, onnx_check, release_folder
from syda.export.metadata import ReleasedModel
from syda.export.registry import EXPERIMENT, RegistryLogger
from syda.params import ExportParams, load
from syda.runtime import progress, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.sampling.generation import load_generator


def run(root: Path) -> None:
    """Write ``data/release`` and ``reports/export.json``, and register the release in MLflow.

    Raises:
        CheckFailed: a privacy test found copies, or ONNX and torch differ.
        CorruptData: the weights or the card cannot be read.
        UsageError: there are no weights or no card.
    """
    params = load(root).section("export", ExportParams)
    details, card = paths.EVALUATION / "details.json", paths.CARD_HTML
    with stage.running(
        root,
        "export",
        reads=[paths.WEIGHTS, paths.CARD_JSON, card, details, paths.LICENSE],
        writes=[paths.RELEASE, paths.EXPORT_REPORT],
        params={"export": params},
    ):
        found = documents.read(root, details).content.get("privacy", {}).get("copies_found", [])
        if found and not params.allow_copies:
            raise CheckFailed(
                f"export: the privacy tests found copies ({'; '.join(found)}): nothing is "
                "released; export.allow_copies says why it is all the same"
            )
        model = ReleasedModel(
            load_generator(root / paths.WEIGHTS),
            card_values.read(root),
            params.allow_copies if found else "",
        )
        with replace_folder(root / paths.RELEASE) as folder:
            difference = release_folder.write(
                folder, model, license_file=root / paths.LICENSE, card=root / card
            )
            report = {
                "files": release_folder.sizes(folder),
                "onnx": {
                    "largest_difference_from_torch": float(f"{difference:.1e}"),
                    "tolerance": onnx_check.TOLERANCE,
                    "seeds": len(onnx_check.SEEDS),
                },
                "copies_found": found,
                "allow_copies": model.allow_copies,
            }
        write_json(root / paths.EXPORT_REPORT, report)
    RegistryLogger(root / paths.MLFLOW, EXPERIMENT).register(root)
    progress.log(f"export: {paths.RELEASE} holds the release")
