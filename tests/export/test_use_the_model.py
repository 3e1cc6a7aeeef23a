import re
import shutil
from pathlib import Path

import nibabel as nib
import pytest

from syda import paths
from syda.export import registry

PAGE = Path(__file__).parents[2] / "docs" / "use-the-model.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_each_python_block_of_the_page_runs(released, tmp_path, monkeypatch, capsys):
    shutil.copytree(released[0], tmp_path / paths.RELEASE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/.mlflow/mlflow.db")
    (tmp_path / ".mlflow").mkdir()
    registry.register(tmp_path)
    assert len(BLOCKS) == 3
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"{PAGE.name} block {number}", "exec"), {})
    assert nib.load("volume.nii.gz").shape == (8, 8, 8)
    out = capsys.readouterr().out
    assert "(8, 8, 8)" in out
    assert "['z', 'properties', 'noise', 'truncation']" in out
