"""Enhanced CT: the frames of a file as slices, with their functional groups flattened.

Source: DICOM PS3.3 A.38.1 (Enhanced CT Image IOD), C.7.6.16 (Multi-frame Functional Groups: a macro
is in the shared item, or in the item of each frame) and A.70 (Legacy Converted Enhanced CT).
"""

from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Reason

SOP_CLASSES = frozenset({EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage})

MACROS = (
    "PixelMeasuresSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "CTImageFrameTypeSequence",
    "CTReconstructionSequence",
    "CTExposureSequence",
    "CTXRayDetailsSequence",
)
"""Functional groups (PS3.3 C.7.6.16.2, C.8.15.3) with attributes of a plain CT slice."""

PLAIN_NAMES = {
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "FrameType": "ImageType",
}
"""Attributes of a frame that have another name in a plain CT slice."""


def slices(dataset: Dataset) -> list[CTSlice]:
    """Return the frames of an Enhanced CT in the order of the file, without scout views.

    Raises:
        InputRejected: the functional groups are missing, or their number is not that of the frames.
    """
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if not per_frame or len(per_frame) != int(dataset.get("NumberOfFrames") or 0):
        raise InputRejected(Reason.MISSING_ATTRIBUTE, "PerFrameFunctionalGroupsSequence")
    plain = Dataset()
    plain.update({e.tag: e for e in dataset if e.VR != "SQ" and e.keyword != "PixelData"})
    _put(plain, "ContrastBolusAgent", "stated" if dataset.get("ContrastBolusAgentSequence") else "")
    for group in dataset.get("SharedFunctionalGroupsSequence") or ():
        _flatten(group, plain)
    frames = []
    for number, group in enumerate(per_frame):
        header = Dataset()
        header.update(plain)
        _flatten(group, header)
        if "LOCALIZER" not in (header.get("ImageType") or ()):
            frames.append(CTSlice(header, dataset, number))
    return frames


def _flatten(group: Dataset, header: Dataset) -> None:
    for macro in MACROS:
        for item in group.get(macro) or ():
            for element in item:
                if element.VR != "SQ":
                    header.add(element)
            for keyword, plain in PLAIN_NAMES.items():
                if keyword in item:
                    _put(header, plain, item[keyword].value)
            if "XRayTubeCurrentInmA" in item:
                _put(header, "XRayTubeCurrent", round(item.XRayTubeCurrentInmA))


def _put(header: Dataset, keyword: str, value: Any) -> None:
    """Set an attribute of this header alone: frames share their data elements."""
    header.add_new(keyword, dictionary_VR(keyword), value)
