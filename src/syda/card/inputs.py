"""The inputs of the card: the files, and the values read from them.

The reports must agree with one another. Each report must have the digest that the manifest of its
stage recorded, and what one stage read must be what another stage wrote.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syda import paths
from syda.card import declared, documents, policy, releases, source
from syda.card.config import CardParams
from syda.card.declared import Declarations
from syda.card.documents import Document, Picture
from syda.card.facts import SCHEMA, Fact
from syda.card.policy import Policy
from syda.card.releases import Release
from syda.card.source import FetchedSource
from syda.errors import CheckFailed
from syda.params import ExportParams, load
from syda.runtime.digest import sha256_of_file

REPORTS = {
    "metrics": paths.METRICS,
    "details": paths.EVALUATION / "details.json",
    "convert": paths.CONVERT_REPORT,
    "pack": paths.PACK_REPORT,
    "environment": paths.ENVIRONMENT,
    "properties": paths.PROPERTIES,
    "resampled": paths.validation_report("resampled"),
    "records": paths.validation_report("records"),
    "synthetic": paths.validation_report("synthetic"),
}
"""Reports that the card reads."""

MANIFESTS = {
    "convert": paths.manifest("convert"),
    "resample": paths.manifest("resample"),
    "validate-resampled": paths.manifest("validate", "resampled"),
    "pack": paths.manifest("pack"),
    "validate-records": paths.manifest("validate", "records"),
    "train": paths.manifest("train"),
    "generate": paths.manifest("generate"),
    "validate-synthetic": paths.manifest("validate", "synthetic"),
    "evaluate": paths.manifest("evaluate"),
    "gallery": paths.manifest("gallery"),
}
"""Manifests of the stages before this one, in the order of the pipeline."""

PHANTOMS = {version: paths.manifest("phantom", version) for version in ("v0", "v1")}
"""Manifests of the stage that makes the artificial data versions."""

PICTURES = tuple(
    paths.EVALUATION / name
    for name in ("synthetic.png", "training_curves.png", "hu_histogram.png", "nearest_training.png")
)
"""The pictures of the card. None shows a scan of a person."""

INPUTS = (
    *REPORTS.values(),
    *MANIFESTS.values(),
    *PHANTOMS.values(),
    *PICTURES,
    paths.DECLARED,
    paths.SIGNOFFS,
    paths.POLICY,
    paths.LOCK,
    paths.PROJECT,
    paths.RELEASES,
    paths.SOURCES,
)
"""All inputs of the stage."""


PROVEN = "yes, proven: stage phantom wrote the files, and every slice says Synthetic Data YES"
NOT_PROVEN = "declared, not proven"


@dataclass(frozen=True)
class CardInputs:
    """The values that a card is made from.

    Attributes:
        reports: by the keys of :data:`REPORTS`.
        manifests: by the keys of :data:`MANIFESTS`; ``phantom`` comes first if it made the data.
        pictures: in the order of the card.
        declared: the declared texts.
        lock: exact version of each library, by name.
        project: pyproject.toml, which declares the libraries that the project needs.
        policy: required fields and goals.
        earlier: releases with a lower report version, in order.
        released: record of the release of this report version, if there is one.
        written: sha256 of declared.yaml, policy.yaml and the files of the source, by path.
        significant_digits: of measured and derived figures, from params.yaml.
        source: that the data version was fetched from, if it was.
        allow_copies: why weights are released although a test found copies, from params.yaml.
    """

    reports: Mapping[str, Document]
    manifests: Mapping[str, Document]
    pictures: Sequence[Picture]
    declared: Declarations
    lock: Document
    project: Document
    policy: Policy
    earlier: Sequence[Release] = ()
    released: Document | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    significant_digits: int = 4
    source: FetchedSource | None = None
    allow_copies: str = ""

    @property
    def version(self) -> str:
        """The data version."""
        return str(self.reports["convert"].value("version"))

    @property
    def is_artificial(self) -> bool:
        """Whether the patients of the data version are proven to be artificial."""
        return self.artificial().value == PROVEN

    def artificial(self) -> Fact:
        """Whether the patients are artificial, and whether that is proven.

        It is proven by two things together: the raw files are those that the stage ``phantom``
        wrote, and every slice says Synthetic Data YES (DICOM PS3.3, C.12.1).
        """
        convert, label = self.reports["convert"], "Patients are artificial"
        if not convert.value("artificial"):
            return Fact(label, "no", "derived", (convert.pointer("artificial"),))
        sources = [convert.pointer("artificial"), convert.pointer("synthetic_data")]
        raw = f"{paths.RAW.as_posix()}/{self.version}"
        read = self.manifests["convert"]
        written = self.manifests.get("phantom")
        sources.append(read.pointer("reads", raw, "sha256"))
        proven = False
        if written:
            sources.append(written.pointer("writes", raw, "sha256"))
            same = written.value("writes", raw, "sha256") == read.value("reads", raw, "sha256")
            proven = same and set(convert.value("synthetic_data")) == {"YES"}
        return Fact(label, PROVEN if proven else NOT_PROVEN, "derived", tuple(sources))

    @property
    def is_released(self) -> bool:
        """Whether the release of this report version has these inputs."""
        if self.released is None:
            return False
        files = self.released.value("inputs")
        return all(files.get(path) == sha256 for path, sha256 in self.digests.items())

    @property
    def measured(self) -> dict[str, str]:
        """sha256 of every input that people do not write for the card, by path."""
        files: list[Document | Picture] = [*self.reports.values(), *self.manifests.values()]
        files += [*self.pictures, self.lock, self.project]
        return {one.path: one.sha256 for one in files}

    @property
    def digests(self) -> dict[str, str]:
        """sha256 of every input by path, without the sign-offs, which may come later."""
        return self.measured | dict(self.written)

    def no_person(self, label: str, text: str) -> Fact:
        """Return a fact that follows from the patients being artificial.

        Args:
            label: of the fact.
            text: its value.
        """
        note = "follows from the patients of this data version being artificial"
        return Fact(label, text, "derived", self.artificial().sources, note=note)


def read(root: Path) -> CardInputs:
    """Read the inputs of the card, except the sign-offs.

    Raises:
        CheckFailed: a release was altered.
        CorruptData: a report is unreadable or holds NaN, or the list of the source is malformed.
        UsageError: declared.yaml or policy.yaml is wrong, or the list of the source is missing.
    """
    reports = {name: documents.read(root, path) for name, path in REPORTS.items()}
    manifests = {name: documents.read(root, path) for name, path in MANIFESTS.items()}
    data_version = str(reports["convert"].value("version"))
    if data_version in PHANTOMS:
        manifests = {"phantom": documents.read(root, PHANTOMS[data_version]), **manifests}
    texts = declared.read(root, paths.DECLARED, data_version)
    found = releases.read(root, paths.RELEASES)
    version = texts.content.report_version
    fetched = source.read(root, data_version)
    params = load(root)
    written = {
        path.as_posix(): sha256_of_file(root / path) for path in (paths.DECLARED, paths.POLICY)
    }
    return CardInputs(
        reports,
        manifests,
        [Picture(path.as_posix(), (root / path).read_bytes()) for path in PICTURES],
        texts,
        documents.lock(root, paths.LOCK),
        documents.project(root, paths.PROJECT),
        policy.read(root, paths.POLICY, SCHEMA),
        releases.before(found, version),
        next((one.record for one in found if one.version == version), None),
        {**written, **(fetched.files if fetched else {})},
        params.section("card", CardParams).significant_digits,
        fetched,
        params.section("export", ExportParams).allow_copies,
    )


def check_digests(files: Iterable[Document | Picture], manifests: Mapping[str, Document]) -> None:
    """Check that all files are of one run of the pipeline.

    Args:
        files: reports and pictures.
        manifests: by stage.

    Raises:
        CheckFailed: a file was altered after its stage wrote it, or a stage read other data than
            another wrote.
    """
    written: dict[str, tuple[str, str]] = {}
    for stage, manifest in manifests.items():
        for path, digest in manifest.value("writes").items():
            written[path] = (digest["sha256"], stage)
    for file in files:
        sha256, stage = written.get(file.path, ("", ""))
        if sha256 != file.sha256:
            by = f"what stage {stage} wrote" if stage else "in any manifest"
            raise CheckFailed(f"{file.path} is not {by}: `dvc repro` makes it anew")
    for stage, manifest in manifests.items():
        for path, digest in manifest.value("reads").items():
            sha256, writer = written.get(path, (digest["sha256"], ""))
            if sha256 != digest["sha256"]:
                raise CheckFailed(
                    f"{manifest.path}: {stage} read another {path} than {writer} wrote: "
                    "`dvc repro` brings them together"
                )
