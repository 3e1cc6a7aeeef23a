"""Rules of ``generate.gate`` that any volume passes: an untrained network draws no body."""

OPEN_GATE = {
    "p0_5_hu": [-4000, 4000],
    "p99_5_hu": [-4000, 4000],
    "min_std_hu": 0.0,
    "min_body_share": 0.0,
    "max_loose_share": 1.0,
    "max_open_share": 1.0,
    "min_air_border_share": 0.0,
    "copy_quantile": 0.0,
    "max_rejected_share": 0.0,
}

LOOKS_FOR_COPIES = OPEN_GATE | {"copy_quantile": 0.05}
