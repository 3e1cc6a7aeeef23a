import hashlib
import subprocess
import sys

import pytest

from syda.export import checksums

pytestmark = pytest.mark.slow  # the exporter takes seconds

FILES = {
    "README.md", "SHA256SUMS", "generator.onnx", "model_card.html",
    "bundle/LICENSE", "bundle/configs/inference.json", "bundle/configs/metadata.json",
    "bundle/docs/README.md", "bundle/models/generator.json",
    "bundle/models/generator.safetensors",
}  # fmt: skip

SAMPLE = """
import sys
sys.path[:] = [one for one in sys.path if "site-packages" not in one] + [sys.argv[1]]
code = sys.stdin.read()
exec(compile(code, "README.md", "exec"))
assert not {"torch", "monai", "syda"} & {name.partition(".")[0] for name in sys.modules}
"""


def test_the_files_and_their_digests(released):
    folder, difference = released
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there - {one for one in there if one.startswith("bundle/output/")} == FILES
    listed = checksums.read((folder / "SHA256SUMS").read_text())
    assert set(listed) == FILES - {"SHA256SUMS"}
    for name, sha256 in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
    assert difference < 1e-5


def test_nothing_is_pickled_and_the_discriminator_is_not_there(released):
    for path in released[0].rglob("*"):
        if path.is_file() and path.suffix != ".html":
            content = path.read_bytes()
            assert not content.startswith((b"PK", b"\x80\x02", b"\x80\x04")), path
            assert b"from_windows" not in content, path  # a layer of the discriminator


def test_the_page_s_five_lines_need_three_packages(released, tmp_path):
    """Run in a process whose path has onnxruntime, numpy, nibabel and what they import alone."""
    import nibabel as nib
    import numpy as np

    page = (released[0] / "README.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    path = tmp_path / "site"
    path.mkdir()
    _link(path, ["onnxruntime", "numpy", "nibabel"])
    script = tmp_path / "sample.py"
    script.write_text(SAMPLE)
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, path],
        input=code, cwd=released[0], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    file = released[0] / "volume.nii.gz"
    image = nib.load(file)
    assert image.shape == (8, 8, 8)
    assert np.asarray(image.dataobj).std() > 50
    file.unlink()


def _link(folder, names):
    """Link packages and the packages that they need into a folder."""
    from importlib import metadata

    from packaging.requirements import Requirement

    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = metadata.distribution(name)
        waiting += [
            one.name
            for one in map(Requirement, found.requires or ())
            if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
        for file in {part.parts[0] for part in found.files if part.parts[0] != ".."}:
            target = folder / file
            if not target.exists():
                target.symlink_to(found.locate_file(file))
