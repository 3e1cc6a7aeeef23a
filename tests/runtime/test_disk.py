import shutil

import pytest

from syda.errors import SydaError
from syda.phantom import cohort
from syda.runtime import disk


def test_what_fits_is_let_through_and_what_does_not_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / ".nifti.partial"
    folder.mkdir(parents=True)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9_000_000, 0, 5_000_000)
    )
    disk.require_free(folder, 5_000_000, "convert")
    with pytest.raises(SydaError) as message:
        disk.require_free(folder, 1_234_000_000, "convert")
    assert str(message.value) == (
        "convert: needs about 1,234 MB in data, 5 MB are free there: "
        "free some space and run it again"
    )
    assert message.value.exit_code == 1


@pytest.mark.parametrize("group", ["base", "added"])
def test_a_cohort_takes_what_was_foretold(tmp_path, group):
    member = cohort.Member(3, group, 0)
    cohort.write_member(member, tmp_path)
    taken = sum(path.stat().st_size for path in tmp_path.rglob("*.dcm"))
    foretold = cohort.max_bytes([member])
    assert taken <= foretold <= 1.1 * taken
