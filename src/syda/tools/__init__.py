"""Commands beside the pipeline that use what it made."""
