"""Networks in the forms of other programs: PyTorch, Keras, ONNX, C."""
