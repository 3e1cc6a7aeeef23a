"""The checks of ``syda verify``: dvc.yaml, params.yaml, code, outputs and cache against dvc.lock.

Each takes the inspection and notes what it finds. The order matters in one way: a check passes over
what an earlier one has named, so that one flipped byte is one line.
"""

from collections.abc import Mapping
from typing import Any

from syda.integrity.inspection import Inspection
from syda.integrity.recorded import Entry, flat, folder_md5, object_name

REPRO = "`dvc repro` if the change is meant, `git diff` shows it"


def files_can_be_read(inspection: Inspection) -> None:
    """No file gives an input/output error."""
    for file, error in inspection.digests.unreadable().items():
        where = inspection.repository.shown(file)
        inspection.blame(where, f"cannot be read ({error})", "check permissions and the disk")


def lock_has_every_stage(inspection: Inspection) -> None:
    """dvc.lock records each stage of dvc.yaml with its command, deps, outs and keys of params."""
    for name, declared in inspection.declared.items():
        recorded = inspection.lock.get(name)
        if recorded is None:
            inspection.blame("dvc.lock", f"has no stage {name}", "`dvc repro` runs it")
            continue
        pairs: list[tuple[str, Any, Any]] = [
            ("cmd", declared.cmd, recorded.cmd),
            ("deps", set(declared.deps), set(recorded.deps)),
            ("outs", set(declared.outs), set(recorded.outs)),
            ("params", set(declared.params), set(recorded.params)),
        ]
        differing = [what for what, one, other in pairs if one != other]
        if differing:
            what = f"stage {name} has other {' and '.join(differing)} than in dvc.yaml"
            inspection.blame("dvc.lock", what, REPRO)


def objects_hash_to_their_names(inspection: Inspection) -> None:
    """Every object of DVC's cache is what its name says; DVC itself does not look."""
    repository, digests = inspection.repository, inspection.digests
    damaged = [
        path
        for path in inspection.objects
        if digests[path].md5 != object_name(path).removesuffix(".dir") and not digests[path].error
    ]
    users = repository.users(entry for _, entry in inspection.outputs().values()) if damaged else {}
    for path in damaged:
        names = users.get(object_name(path), [])
        linked = [name for name in names if digests.same(path, inspection.root / name)]
        what = f"damaged cache object of {names[0]}" if names else "damaged cache object"
        if linked:
            what += f", and {linked[0]} is the same file"
        inspection.blame(repository.shown(path), what, "`syda doctor --repair`", *linked)


def outputs_are_those_recorded(inspection: Inspection) -> None:
    """Every output in the workspace, in git or in DVC, has its md5 of dvc.lock or ``*.dvc``."""
    for path, (recorder, entry) in sorted(inspection.outputs().items()):
        if inspection.here(path):
            _compare_output(inspection, path, recorder, entry)
        elif not inspection.cached(path):
            remedy = f"`git checkout -- {path}`, or `dvc repro`"
            inspection.blame(path, "is missing", remedy)
        elif inspection.allow_missing:
            inspection.absent.append(path)
        else:
            remedy = f"`dvc pull {path}`, or `dvc repro`; --allow-missing passes over it"
            inspection.blame(path, "is missing", remedy)


def dependencies_are_those_recorded(inspection: Inspection) -> None:
    """What a stage read is what another wrote, and code and hand-written files are unchanged."""
    outputs = inspection.outputs()
    stages: dict[tuple[str, str], list[str]] = {}
    entries: dict[tuple[str, str], Entry] = {}
    for name, stage in inspection.lock.items():
        for path, entry in stage.deps.items():
            stages.setdefault((path, entry.md5), []).append(name)
            entries[path, entry.md5] = entry
    for (path, md5), names in sorted(stages.items()):
        entry, by = entries[path, md5], ", ".join(names)
        if path in outputs:
            if outputs[path][1] != entry:
                what = f"{by} read another {path} than was written"
                inspection.blame("dvc.lock", what, "`dvc repro` brings them together")
        elif not inspection.blamed(path) and not _equals(inspection, path, entry):
            what = f"is not what {by} ran with" if inspection.here(path) else "is missing"
            inspection.blame(path, what, REPRO)


def params_are_those_recorded(inspection: Inspection) -> None:
    """Every key that dvc.lock records has its value of params.yaml."""
    actual = dict(flat(inspection.params))
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, stage in inspection.lock.items():
        for section, value in stage.params.items():
            recorded = dict(flat(value, (section,)))
            present = {k: v for k, v in actual.items() if f"{k}.".startswith(f"{section}.")}
            for key, was, now in _differing(recorded, present):
                found.setdefault((key, was, now), []).append(name)
    for (key, was, now), names in found.items():
        what = f"{key} is {now} here, dvc.lock recorded {was} for {', '.join(names)}"
        inspection.blame("params.yaml", what, REPRO, f"params.yaml#{key}")


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for key in sorted({*one, *other}):
        was, now = (repr(side[key]) if key in side else "absent" for side in (one, other))
        if was != now:
            found.append((key, was, now))
    return found


def _md5(inspection: Inspection, path: str) -> str:
    """md5 of a file or folder as DVC computes it."""
    digests, base = inspection.digests, inspection.root / path
    if not base.is_dir():
        return digests[base].md5 if base in digests else ""
    files = inspection.folder(path)
    return folder_md5({name: digests[file].md5 for name, file in files.items()})


def _equals(inspection: Inspection, path: str, entry: Entry) -> bool:
    """Whether a file or folder has the md5, size and number of files that were recorded."""
    files = inspection.repository.files(path)
    nfiles = len(files) if (inspection.root / path).is_dir() else None
    size = sum(inspection.digests[file].size for file in files)
    return (_md5(inspection, path), size, nfiles) == (entry.md5, entry.size, entry.nfiles)


def _compare_output(inspection: Inspection, path: str, recorder: str, entry: Entry) -> None:
    if inspection.blamed(path) and not (inspection.root / path).is_dir():
        return
    if _equals(inspection, path, entry):
        return
    if _md5(inspection, path) == entry.md5:
        what = f"{path} has another size or number of files than {recorder} says"
        inspection.blame(recorder, what, f"`git checkout -- {recorder}`")
        return
    restore = f"`rm {{}}`, then `dvc checkout {path}` or `dvc repro`"
    if not inspection.cached(path):
        restore = "`git checkout -- {}` if git has the right one, or `dvc repro`"
    before = len(inspection.faults)
    stored = inspection.repository.listing(entry.md5) if entry.nfiles is not None else None
    if stored is not None:
        _compare_listing(inspection, path, stored, restore)
    if len(inspection.faults) == before and not inspection.blamed(path):
        inspection.blame(path, f"is not what {recorder} recorded", restore.format(path))


def _compare_listing(
    inspection: Inspection, path: str, stored: Mapping[str, str], restore: str
) -> None:
    """Name the files of a folder that are altered, missing or new."""
    actual = inspection.folder(path)
    for name in sorted({*stored, *actual}):
        where = f"{path}/{name}"
        if inspection.blamed(where):
            continue
        if name not in actual:
            inspection.blame(where, "is missing", f"`dvc checkout {path}` or `dvc repro`")
        elif name not in stored:
            inspection.blame(where, "is new", f"`rm {where}`, or `dvc repro` if it belongs there")
        elif inspection.digests[actual[name]].md5 != stored[name]:
            inspection.blame(where, "is altered", restore.format(where))
