import json
import shutil

import pytest

from small_generator import release, sizes_of, small_generator
from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.export import checksums
from syda.model.conditions import ConditionSchema
from syda.stages import export

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # MLflow's own warnings

CONDITIONS = ConditionSchema.fit(
    [{"body_width_mm": 300.0 + i} for i in range(9)], ["body_width_mm"]
)
DETAILS = paths.EVALUATION / "details.json"


@pytest.fixture
def prepared(workspace, repository):
    """A workspace with weights and a card; ``copies`` are the findings of the privacy tests."""

    def prepare(copies, reason=""):
        root = workspace({"export.allow_copies": reason})
        release(root / paths.WEIGHTS, small_generator(CONDITIONS), CONDITIONS, sizes_of([3.0]))
        for path in (paths.CARD_JSON, paths.CARD_HTML, paths.LICENSE):
            (root / path).parent.mkdir(exist_ok=True)
            shutil.copyfile(repository / path, root / path)
        (root / DETAILS).parent.mkdir(parents=True)
        (root / DETAILS).write_text(json.dumps({"privacy": {"copies_found": copies}}))
        return root

    return prepare


def test_the_release_its_report_and_a_registered_version(prepared):
    root = prepared([])
    export.run(root)
    report = json.loads((root / paths.EXPORT_REPORT).read_text())
    assert report["onnx"]["largest_difference_from_torch"] <= report["onnx"]["tolerance"] == 1e-4
    assert report["onnx"]["seeds"] == 16
    assert (report["copies_found"], report["allow_copies"]) == ([], "")
    listed = checksums.read((root / paths.RELEASE / paths.SHA256SUMS).read_text())
    assert set(report["files"]) == {*listed, paths.SHA256SUMS}
    before = (root / paths.RELEASE / paths.SHA256SUMS).read_bytes()
    shutil.rmtree(root / paths.RELEASE)
    export.run(root)
    assert (root / paths.RELEASE / paths.SHA256SUMS).read_bytes() == before
    assert (root / paths.MLFLOW / "mlflow.db").is_file()


def test_copies_are_refused_without_a_reason(prepared):
    root = prepared(["perceptual: more copies than held-out scans"])
    with pytest.raises(CheckFailed, match=r"found copies \(perceptual: more copies .* nothing is"):
        export.run(root)
    assert not (root / paths.RELEASE).exists()
    assert not (root / paths.manifest("export")).exists()


def test_with_a_reason_every_text_has_it(prepared):
    reason = "The patients are artificial."
    root = prepared(["perceptual: more copies than held-out scans"], reason)
    export.run(root)
    folder = root / paths.RELEASE
    for name in ("README.md", "generator.onnx", "bundle/configs/metadata.json"):
        assert reason.encode() in (folder / name).read_bytes()
    assert reason in (folder / "bundle/docs/README.md").read_text()
    assert json.loads((root / paths.EXPORT_REPORT).read_text())["allow_copies"] == reason


def test_without_weights_it_names_what_comes_before(workspace):
    with pytest.raises(UsageError, match="data/weights does not exist"):
        export.run(workspace({}))
