import sys

from syda.runtime import module_dependencies


def test_the_closure_follows_imports_and_stops_at_what_holds_no_processing():
    found = set(module_dependencies.modules_of("resample"))
    assert found == {
        "syda.stages.resample",
        "syda.volume.config",
        "syda.volume.geometry",
        "syda.volume.nifti",
        "syda.volume.resample",
        "syda.volume.resample_file",
    }


def test_a_changed_tracking_call_or_picture_is_not_behind_the_model():
    found = set(module_dependencies.modules_of("train"))
    assert "syda.training.module" in found
    assert "syda.model.discriminator" in found
    assert not any(name.startswith(("syda.training.tracking", "syda.figures")) for name in found)


def test_every_file_is_the_module_that_python_imports():
    __import__("syda.stages.pack")
    for name, file in module_dependencies.modules_of("pack").items():
        assert sys.modules[name].__file__ == str(file)
