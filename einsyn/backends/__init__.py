"""Lowering of graphs to torch source and to ONNX. Nothing here is imported until a backend is used."""
