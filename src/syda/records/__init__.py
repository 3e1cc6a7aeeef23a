"""TFRecord shards of resampled scans: format, writer, reader that checks every byte."""
