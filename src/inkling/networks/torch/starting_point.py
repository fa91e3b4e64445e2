"""A network of your own in PyTorch: two convolutions with batch normalisation, to be changed into something else.

    inkling train mnist --network FILE.py:MyNetwork

Inkling asks for a module that makes logits of images. It adds the rest: the loss, the optimiser, training, saving and
evaluation.
"""

from torch import nn


class MyNetwork(nn.Module):
    """Image -> two convolutions -> mean over all places -> logits."""

    def __init__(self, image_shape, n_classes, filters=32):
        """Make the layers. `image_shape` is (H, W, C); arguments of other names need a default."""
        super().__init__()
        _, _, channels = image_shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, filters, kernel_size=3, padding=1),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(filters, 2 * filters, kernel_size=3, padding=1),
            nn.BatchNorm2d(2 * filters),
            nn.ReLU(),
        )
        self.out = nn.Linear(2 * filters, n_classes)

    def forward(self, x):
        """Return logits (N, K) of images x (N, C, H, W), pixels in 0..1. No softmax: the loss has it."""
        return self.out(self.layers(x).mean(dim=(2, 3)))
