"""Checks of ``syda verify``: dvc.yaml, params.yaml, code, outputs and cache against dvc.lock.

A check skips what an earlier one has named, so that one flipped byte gives one line.
"""

from collections.abc import Mapping

from syda.integrity.dvc_repository import LockEntry, object_name
from syda.integrity.inspection import Inspection
from syda.runtime.digest import dvc_folder_md5
from syda.runtime.nested import flatten

REPRO = "`dvc repro` if the change is meant, `git diff` shows it"


def files_can_be_read(inspection: Inspection) -> None:
    """No file gives an input/output error."""
    for file, error in inspection.digests.unreadable().items():
        where = inspection.repository.relative(file)
        inspection.add_fault(where, f"cannot be read ({error})", "check permissions and the disk")


def lock_has_every_stage(inspection: Inspection) -> None:
    """dvc.lock has each stage of dvc.yaml, with its command, deps, outs and keys of params."""
    for name, declared in inspection.declared.items():
        locked = inspection.lock.get(name)
        if locked is None:
            inspection.add_fault("dvc.lock", f"has no stage {name}", "`dvc repro` runs it")
            continue
        differing = ["cmd"] if declared.cmd != locked.cmd else []
        differing += [
            kind
            for kind in ("deps", "outs", "params")
            if set(getattr(declared, kind)) != set(getattr(locked, kind))
        ]
        if differing:
            what = f"stage {name} has other {' and '.join(differing)} than in dvc.yaml"
            inspection.add_fault("dvc.lock", what, REPRO)


def objects_hash_to_their_names(inspection: Inspection) -> None:
    """Every object of DVC's cache has the md5 of its name. DVC itself does not check that."""
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
        where = repository.relative(path)
        inspection.add_fault(where, what, "`syda doctor --repair`", *linked)


def outputs_match_the_lock(inspection: Inspection) -> None:
    """Every output, in git or in DVC, has its md5 of dvc.lock or ``*.dvc``."""
    for path, (recorder, entry) in sorted(inspection.outputs().items()):
        cached = inspection.is_cached(path)
        if inspection.exists(path):
            _compare_output(inspection, path, recorder, entry)
        elif cached and inspection.allow_missing:
            inspection.absent.append(path)
        else:
            remedy = f"`git checkout -- {path}`, or `dvc repro`"
            if cached:
                remedy = f"`dvc pull {path}`, or `dvc repro`; --allow-missing skips it"
            inspection.add_fault(path, "is missing", remedy)


def dependencies_match_the_lock(inspection: Inspection) -> None:
    """A stage read what another wrote; code and hand-written files are unchanged."""
    outputs = inspection.outputs()
    readers: dict[tuple[str, str], list[str]] = {}
    entries: dict[tuple[str, str], LockEntry] = {}
    for name, stage in inspection.lock.items():
        for path, entry in stage.deps.items():
            readers.setdefault((path, entry.md5), []).append(name)
            entries[path, entry.md5] = entry
    for key, names in sorted(readers.items()):
        path, entry, by = key[0], entries[key], ", ".join(names)
        if path in outputs:
            if outputs[path][1] != entry:
                what = f"{by} read another {path} than was written"
                inspection.add_fault("dvc.lock", what, "`dvc repro` updates both")
        elif not inspection.has_fault(path) and not _matches(inspection, path, entry):
            what = f"is not what {by} ran with" if inspection.exists(path) else "is missing"
            inspection.add_fault(path, what, REPRO)


def params_match_the_lock(inspection: Inspection) -> None:
    """Every key of dvc.lock has its value of params.yaml."""
    actual = flatten(inspection.params)
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, stage in inspection.lock.items():
        for section, value in stage.params.items():
            locked = flatten({section: value})
            here = {k: v for k, v in actual.items() if f"{k}.".startswith(f"{section}.")}
            for key in sorted({*locked, *here}):
                was, now = (repr(s[key]) if key in s else "absent" for s in (locked, here))
                if was != now:
                    found.setdefault((key, was, now), []).append(name)
    for (key, was, now), names in found.items():
        what = f"{key} is {now} here, dvc.lock recorded {was} for {', '.join(names)}"
        inspection.add_fault("params.yaml", what, REPRO, f"params.yaml#{key}")


def _md5(inspection: Inspection, path: str) -> str:
    """md5 of a file or folder as DVC computes it."""
    digests, base = inspection.digests, inspection.root / path
    if not base.is_dir():
        return digests[base].md5 if base in digests else ""
    return dvc_folder_md5({n: digests[file].md5 for n, file in inspection.folder(path).items()})


def _matches(inspection: Inspection, path: str, entry: LockEntry) -> bool:
    """Whether a file or folder has the recorded md5, size and number of files."""
    files = inspection.repository.files(path)
    nfiles = len(files) if (inspection.root / path).is_dir() else None
    size = sum(inspection.digests[file].size for file in files)
    return (_md5(inspection, path), size, nfiles) == (entry.md5, entry.size, entry.nfiles)


def _compare_output(inspection: Inspection, path: str, recorder: str, entry: LockEntry) -> None:
    is_file = not (inspection.root / path).is_dir()
    if (is_file and inspection.has_fault(path)) or _matches(inspection, path, entry):
        return
    if _md5(inspection, path) == entry.md5:
        what = f"{path} has another size or number of files than {recorder} says"
        inspection.add_fault(recorder, what, f"`git checkout -- {recorder}`")
        return
    restore = "`git checkout -- {}` if git has the right one, or `dvc repro`"
    if inspection.is_cached(path):
        restore = f"`rm {{}}`, then `dvc checkout {path}` or `dvc repro`"
    before = len(inspection.faults)
    stored = inspection.repository.listing(entry.md5) if entry.nfiles is not None else None
    if stored is not None:
        _compare_listing(inspection, path, stored, restore)
    if len(inspection.faults) == before and not inspection.has_fault(path):
        inspection.add_fault(path, f"is not what {recorder} recorded", restore.format(path))


def _compare_listing(
    inspection: Inspection, path: str, stored: Mapping[str, str], restore: str
) -> None:
    """Name the files of a folder that are altered, missing or new."""
    actual = inspection.folder(path)
    for name in sorted({*stored, *actual}):
        where = f"{path}/{name}"
        if inspection.has_fault(where):
            continue
        if name not in actual:
            inspection.add_fault(where, "is missing", f"`dvc checkout {path}` or `dvc repro`")
        elif name not in stored:
            remedy = f"`rm {where}`, or `dvc repro` if it belongs there"
            inspection.add_fault(where, "is new", remedy)
        elif inspection.digests[actual[name]].md5 != stored[name]:
            inspection.add_fault(where, "is altered", restore.format(where))
