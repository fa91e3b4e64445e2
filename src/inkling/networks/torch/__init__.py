"""PyTorch networks behind the same protocols; the only package of networks that imports torch."""
