"""DICOM in and out: series, pixels, allow-listed attributes, pseudonyms, a valid CT series."""
