"""Whether what a rebuild changed is only how this CPU rounds: exit 0 if so, 1 if more differs.

Numbers of the validation reports may differ by 1e-12 of themselves (another vector width sums in
another order). Manifests and dvc.lock then hold other digests of these files, and of nothing else.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TOLERANCE = 1e-12


def close(a: Any, b: Any) -> bool:
    """Equal, but for the last digits of numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=TOLERANCE)
    return type(a) is type(b) and bool(a == b)


def without(document: Any, files: set[str]) -> Any:
    """Leave out what a manifest or a lock holds of these files: digests and sizes."""
    if isinstance(document, list):
        return [without(item, files) for item in document]
    if not isinstance(document, dict):
        return document
    if document.get("path") in files:
        return document["path"]
    return {key: key in files or without(value, files) for key, value in document.items()}


def main(changed: list[str]) -> int:
    """Compare files with those of HEAD."""
    files: set[str] = set()
    yaml = YAML(typ="safe")
    for name in sorted(changed, key=lambda n: (n == "dvc.lock", "manifest" in n)):
        shown = subprocess.run(["git", "show", f"HEAD:{name}"], capture_output=True, check=True)
        now = Path(name)
        if name.startswith("reports/validation/") and now.suffix == ".json":
            same = close(json.loads(shown.stdout), json.loads(now.read_bytes()))
        elif name == "dvc.lock" or name.startswith("reports/manifest/"):
            before = without(yaml.load(shown.stdout), files)
            same = bool(before == without(yaml.load(now.read_bytes()), files))
        else:
            same = False
        if not same:
            print(f"{name}: differs by more than rounding")
            return 1
        files.add(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
