"""One module a stage of dvc.yaml: read declared inputs, call the domain, write declared outputs."""
