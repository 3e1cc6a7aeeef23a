"""A trained generator, loaded, and the folder of synthetic volumes that it writes.

``NNNNNN.nii.gz`` is the model's cube with its true voxel size. ``physical/NNNNNN.nii.gz`` and the
series ``dicom/NNNNNN/`` are the volume without padding, at the spacing of the scans. The seed is
the name. ``NNNNNN.json`` describes the volume; ``gate.json`` counts the rejected volumes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from warnings import warn

from syda import paths
from syda.dicom.description import BODY_PARTS
from syda.errors import CorruptData, UsageError
from syda.model import memory
from syda.model.conditions import ConditionSchema
from syda.model.device import Precision, activation_dtype, dtype_name
from syda.model.encoder import Encoder
from syda.properties import requested
from syda.properties.requested import PropertyRequest
from syda.runtime import manifest, progress
from syda.runtime.outputs import write_json
from syda.sampling import export, weights
from syda.sampling.gate import QualityGate
from syda.sampling.sampler import Sample, Sampler
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class LoadedGenerator:
    """A trained generator, ready to sample (:func:`load_generator`).

    Attributes:
        folder: of the weights.
        description: the content of ``generator.json``.
        sampler: samples volumes.
        weights_sha256: digest of the weights.
    """

    folder: Path
    description: weights.GeneratorDescription
    sampler: Sampler
    weights_sha256: str

    @property
    def space(self) -> ModelSpace:
        """The model's cube."""
        return self.sampler.space

    @property
    def precision(self) -> str:
        """Of the feature maps: ``float32`` or ``bfloat16``."""
        return dtype_name(self.sampler.dtype)

    def encoder(self) -> Encoder:
        """Load the encoder of these weights.

        Raises:
            CorruptData: there is none, or it cannot be read.
        """
        return weights.load_encoder(self.folder, self.description)

    def sample(
        self,
        count: int = 1,
        *,
        seeds: Sequence[int] | None = None,
        properties: Mapping[str, PropertyRequest] | None = None,
        truncation: float = 1.0,
    ) -> list[Sample]:
        """Sample volumes; no quality gate is applied.

        Args:
            count: number of volumes, of the seeds 0, 1, 2, ...
            seeds: one for each volume, in the place of ``count``.
            properties: a value or a range ``[low, high]`` by name; the rest is sampled.
            truncation: truncation psi, 1 for the full variety, 0 for the mean style.

        Returns:
            ``Sample.volume`` holds int16 HU ``[i, j, k]`` and the affine to RAS+ mm.

        Raises:
            UsageError: an unknown property, or a value that no scan can have.
        """
        properties = properties or {}
        for warning in requested.check(self.sampler.conditions, properties):
            warn(warning, stacklevel=2)
        chosen = range(count) if seeds is None else seeds
        return [self.sample_one(seed, properties, truncation) for seed in chosen]

    def sample_one(
        self, seed: int, properties: Mapping[str, PropertyRequest], truncation: float
    ) -> Sample:
        """Sample one volume; :func:`syda.properties.requested.check` passed its properties."""
        return self.sampler.sample(seed, truncation, requested.sample(properties, seed))


@dataclass(frozen=True)
class GenerationRequest:
    """Which volumes to generate.

    Attributes:
        seeds: of the volumes, each once.
        truncation: truncation psi, 1 for the full variety, 0 for the mean style.
        properties: requested values or ranges, by name; the rest is sampled.
    """

    seeds: Sequence[int]
    truncation: float = 1.0
    properties: Mapping[str, PropertyRequest] = field(default_factory=dict)


def load_generator(path: Path | str, precision: Precision = "float32") -> LoadedGenerator:
    """Load a trained generator, on the CPU.

    Args:
        path: folder of the weights, or the file ``generator.safetensors`` in it.
        precision: of the feature maps.

    Raises:
        CorruptData: the weights cannot be read, or their body part is no term of DICOM.
        UsageError: there are none.

    >>> from syda.model.generator import Generator
    >>> network = Generator(
    ...     latent_dim=4, mapping_layers=1, mapping_lr_multiplier=0.1, channels=[3, 2]
    ... )
    >>> cube = {"size": 8, "spacing_mm": 1.5, "window_min": -1000, "window_max": 1000}
    >>> sizes = ConditionSchema.fit([{"effective_spacing_mm": 3.0}], ["effective_spacing_mm"])
    >>> conditions = ConditionSchema.fit([], [])
    >>> description = weights.GeneratorDescription(
    ...     network.architecture, cube, sizes.to_json(), conditions.to_json(), {}, images_seen=0
    ... )
    >>> weights.save(Path(), network, description)
    >>> generator = load_generator(".")
    >>> for sample in generator.sample(seeds=[3, 7]):
    ...     sample.seed, sample.volume.hu.shape, sample.volume.spacing
    (3, (8, 8, 8), (3.0, 3.0, 3.0))
    (7, (8, 8, 8), (3.0, 3.0, 3.0))
    """
    folder = Path(path)
    folder = folder.parent if folder.name == paths.GENERATOR_WEIGHTS else folder
    if not (folder / paths.GENERATOR_WEIGHTS).is_file():
        raise UsageError(
            f"{folder}: no {paths.GENERATOR_WEIGHTS} there: train first, or name another folder "
            "of weights"
        )
    generator, description = weights.load(folder)
    if description.body_part not in (None, *BODY_PARTS):
        raise CorruptData(
            f"{folder.name}: body_part of {paths.GENERATOR_DESCRIPTION} is no term of DICOM: put "
            "the file of the training there"
        )
    sampler = Sampler(
        generator,
        ModelSpace(**description.ct),
        ConditionSchema.from_json(description.sizes),
        ConditionSchema.from_json(description.conditions),
        activation_dtype(precision, generator.w_average.device),
    )
    return LoadedGenerator(folder, description, sampler, weights.digest(folder))


def generate(
    folder: Path,
    generator: LoadedGenerator,
    request: GenerationRequest,
    gate: QualityGate | None,
    *,
    exported: int,
    formats: Collection[export.Format] = export.FORMATS,
) -> None:
    """Generate the volumes of a request and write them.

    Args:
        folder: an empty one.
        generator: samples the volumes.
        request: :func:`syda.properties.requested.check` passed its properties.
        gate: rejects volumes; None accepts all.
        exported: number of volumes, the first ones, that are also written at true spacing.
        formats: of these exports.

    Raises:
        CheckFailed: the gate rejected too many volumes.
    """

    def sample(seed: int) -> Sample:
        return generator.sample_one(seed, request.properties, request.truncation)

    memory.disable_malloc_trim()
    seeds = request.seeds
    samples = gate.passing(sample, seeds) if gate else map(sample, seeds)
    origin = export.VolumeOrigin(
        generator.space,
        request.truncation,
        generator.precision,
        generator.weights_sha256,
        manifest.code_digest_from(__name__),
        generator.description.data,
        generator.description.body_part,
        gate.copy_check if gate else "none: no quality gate was applied",
    )
    for number, one in enumerate(progress.track(samples, len(seeds), "generate", "volumes")):
        export.write(folder, one, origin, formats, at_true_spacing=number < exported)
    if gate:
        write_json(folder / paths.GATE_COUNTS, gate.counts())
