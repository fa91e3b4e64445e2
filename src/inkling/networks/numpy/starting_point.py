"""A network of your own in NumPy: a perceptron with one hidden layer, to be changed into something else.

    inkling gradcheck FILE.py:MyNetwork              are the gradients right, and if not, what is likely wrong
    inkling train mnist --network FILE.py:MyNetwork

Inkling asks for three things: `parameters`, `forward` and `gradients`. It adds the rest: the softmax, the optimiser,
training, saving and evaluation.
"""

import numpy as np


class MyNetwork:
    """Image -> hidden units with tanh -> logits."""

    def __init__(self, image_shape, n_classes, hidden=64, seed=0):
        """Draw the weights. `image_shape` is (H, W, C); arguments of other names need a default."""
        inputs = int(np.prod(image_shape))  # D
        rng = np.random.default_rng(seed)
        # Training changes these arrays in place. Names that begin with b are biases: they are not decayed.
        self.parameters = {
            "W1": (rng.standard_normal((inputs, hidden)) / np.sqrt(inputs)).astype(np.float32),  # (D, H)
            "b1": np.zeros(hidden, np.float32),
            "W2": (rng.standard_normal((hidden, n_classes)) / np.sqrt(hidden)).astype(np.float32),  # (H, K)
            "b2": np.zeros(n_classes, np.float32),
        }

    def forward(self, x):
        """Return logits (N, K) of x, one flattened image a row (N, D), pixels in 0..1.

        With `takes_images = True` in the class, x is (N, H, W, C).
        """
        return self._hidden(x) @ self.parameters["W2"] + self.parameters["b2"]

    def gradients(self, x, targets):
        """Return the mean loss of a batch, and its gradient for each parameter.

        `targets` are labels, (N,) integers in 0..K-1.
        """
        n = len(x)
        hidden = self._hidden(x)  # (N, H)
        logits = hidden @ self.parameters["W2"] + self.parameters["b2"]  # (N, K)
        # Softmax and cross-entropy. The largest logit is taken away first, so that exp cannot overflow.
        logits = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        loss = -log_probabilities[np.arange(n), targets].mean()
        # Backwards: of the mean loss for the logits, then layer by layer.
        d_logits = np.exp(log_probabilities)
        d_logits[np.arange(n), targets] -= 1  # probabilities minus the one-hot target
        d_logits /= n  # the loss is a mean
        d_hidden = d_logits @ self.parameters["W2"].T
        d_sum = d_hidden * (1 - hidden**2)  # the derivative of tanh, by its value
        return loss, {
            "W1": x.T @ d_sum,
            "b1": d_sum.sum(axis=0),
            "W2": hidden.T @ d_logits,
            "b2": d_logits.sum(axis=0),
        }

    def _hidden(self, x):
        return np.tanh(x @ self.parameters["W1"] + self.parameters["b1"])
