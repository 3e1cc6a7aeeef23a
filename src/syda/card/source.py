"""Facts of sections 2, 9 and 10 about the list that a data version was fetched from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syda.card.facts import DATA, RADIOLOGIST, Fact, absent
from syda.open_data import data_version, digests, source
from syda.open_data.digests import DigestFile
from syda.open_data.source import OpenDataSource
from syda.runtime.digest import sha256_of_file


@dataclass(frozen=True)
class FetchedSource:
    """The list of a fetched data version.

    Attributes:
        version: the data version.
        pinned: list and description.
        recorded: digests of the series that were fetched.
        files: sha256 of each file of the list, by path.
    """

    version: str
    pinned: OpenDataSource
    recorded: DigestFile
    files: Mapping[str, str]

    def origin(self) -> dict[str, Fact]:
        """Facts of section 2.1."""
        pointer = f"{data_version.FILE.as_posix()}#/{self.version}"
        return {
            "source_list": Fact("List of the source", self.pinned.name, "measured", (pointer,)),
            "source": self._described("Source", "title"),
            "source_doi": self._described("DOI of the source", "doi"),
            "source_query": self._described("Query that selected the series", "query"),
            "source_index": self._described("Version of the index of the query", "index_version"),
            "source_patients": self._described("Patients of the list", "patients"),
            "source_files": self._described("Files of the list", "files"),
            "source_verified": self._verified(),
            "source_disease": self._described("Patients, by the source", "cohort", "disease"),
        }

    def findings(self, label: str) -> dict[str, Fact]:
        """Facts of section 2.2 about contrast agent and stones.

        Args:
            label: of the fact about both, which is absent until a reader has read every scan.
        """
        reading = self.pinned.description.cohort.stones
        note = f"nobody has read every scan. Stones, by the source: {reading.note or 'not told'}"
        return {
            "contrast_and_stones": self._described(label, "cohort", "stones", "reader")
            if reading.status == "read"
            else absent(label, RADIOLOGIST, note.rstrip(".")),
            "stones_status": self._described(
                "Reading for stones; cases with some are excluded", "cohort", "stones", "status"
            ),
            "source_contrast": self._described(
                "Contrast agent, by the source", "cohort", "contrast"
            ),
        }

    def consent(self) -> dict[str, Fact]:
        """Fact of section 9."""
        return {
            "source_consent": self._described(
                "Basis of consent, by the source", "cohort", "consent"
            )
        }

    def terms(self) -> dict[str, Fact]:
        """Facts of section 10."""
        return {
            "data_license": self._described("Terms of the data", "licence"),
            "source_licence_text": self._described("Licence text of the source", "licence_url"),
            "attribution": self._described("Attribution that the source asks for", "citation"),
        }

    def _described(self, label: str, *keys: str) -> Fact:
        """A value of the description; absent where nobody has written it."""
        value: object = self.pinned.description
        for key in keys:
            value = getattr(value, key)
        file = source.description_path(self.pinned.name).as_posix()
        if not isinstance(value, str | int):
            return absent(label, DATA, f"{'/'.join(keys)} in {file}")
        return Fact(label, value, "declared", (f"{file}#/{'/'.join(keys)}",), exact=True)

    def _verified(self) -> Fact:
        label = "Series that an MD5 of the bucket verified"
        if not self.recorded.rows:
            return absent(label, DATA, "the digests of the fetch, which git tracks")
        count = sum(row.md5_verified for row in self.recorded.rows.values())
        file = digests.relative_path(self.pinned.name).as_posix()
        return Fact(label, count, "derived", (f"{file}#/md5_verified",), note="rows that say true")


def read(root: Path, version: str) -> FetchedSource | None:
    """Return the source of a data version, or None if it was not fetched.

    Raises:
        CorruptData: a file of the list is malformed.
        UsageError: there is no such list.
    """
    name = data_version.lists(root).get(version)
    if name is None:
        return None
    description, recorded = source.description_path(name), digests.relative_path(name)
    every = (data_version.FILE, description, description.with_suffix(".csv"), recorded)
    files = {
        file.as_posix(): sha256_of_file(root / file) for file in every if (root / file).exists()
    }
    return FetchedSource(version, source.load(root, name), digests.load(root, name), files)
