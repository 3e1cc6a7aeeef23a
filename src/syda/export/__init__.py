"""The model for users elsewhere: ONNX, MONAI bundle, model page, and the model registry."""
