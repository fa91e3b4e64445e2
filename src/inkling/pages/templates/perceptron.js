// The perceptron in the names of docs/perceptron.md: an image is a row, matrices are kept row by row, in float64.
// One function, so that a worker can be made of its text.

function perceptronEquations() {
  function create(inputs, hidden, classes) {
    return {
      inputs, hidden, classes,
      W1: new Float64Array(inputs * hidden), b1: new Float64Array(hidden),
      W2: new Float64Array(hidden * classes), b2: new Float64Array(classes),
    };
  }

  // a = x W + b
  function affine(x, W, b) {
    const a = Float64Array.from(b), wide = b.length;
    for (let d = 0; d < x.length; d++) {
      if (x[d] === 0) continue;
      for (let h = 0, place = d * wide; h < wide; h++, place++) a[h] += x[d] * W[place];
    }
    return a;
  }

  // d_W = x^T d_a and d_b = d_a, added to what other images gave.
  function affineBackward(x, d_a, d_W, d_b) {
    const wide = d_a.length;
    for (let h = 0; h < wide; h++) d_b[h] += d_a[h];
    for (let d = 0; d < x.length; d++) {
      if (x[d] === 0) continue;
      for (let h = 0, place = d * wide; h < wide; h++, place++) d_W[place] += x[d] * d_a[h];
    }
  }

  // d_x = d_a W^T
  function affineBackwardInput(d_a, W) {
    const wide = d_a.length;
    return Float64Array.from({ length: W.length / wide }, (_, h) => {
      let sum = 0;
      for (let k = 0; k < wide; k++) sum += d_a[k] * W[h * wide + k];
      return sum;
    });
  }

  // 1 / (1 + exp(-a)), written so that nothing overflows.
  const sigmoid = (a) => a.map((value) => (1 + Math.tanh(value / 2)) / 2);

  function softmax(a) {
    const most = Math.max(...a), powers = a.map((logit) => Math.exp(logit - most));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  }

  // -log softmax(a)[label], from the logits themselves.
  function crossEntropy(a, label) {
    const most = Math.max(...a);
    return Math.log(a.reduce((sum, logit) => sum + Math.exp(logit - most), 0)) - (a[label] - most);
  }

  function forward(network, x) {
    const a1 = affine(x, network.W1, network.b1), f1 = sigmoid(a1);
    const a2 = affine(f1, network.W2, network.b2);
    return { x, a1, f1, a2, y_hat: softmax(a2) };
  }

  // Adds `share` of the gradients of one image to `sums`, a network of gradients; returns those of the layers.
  function backward(network, { x, f1, y_hat }, label, share, sums) {
    const d_a2 = y_hat.map((p, k) => share * (p - (k === label ? 1 : 0)));
    const d_f1 = affineBackwardInput(d_a2, network.W2);
    const d_a1 = d_f1.map((d, h) => d * f1[h] * (1 - f1[h]));
    affineBackward(f1, d_a2, sums.W2, sums.b2);
    affineBackward(x, d_a1, sums.W1, sums.b1);
    return { d_a2, d_f1, d_a1 };
  }

  // Every intermediate of one image, forward and backward.
  function trace(network, x, label) {
    const values = forward(network, x);
    const sums = create(network.inputs, network.hidden, network.classes);
    const { d_a2, d_f1, d_a1 } = backward(network, values, label, 1, sums);
    return {
      ...values, loss: crossEntropy(values.a2, label),
      dL_da2: d_a2, dL_dW2: sums.W2, dL_db2: sums.b2, dL_df1: d_f1, dL_da1: d_a1, dL_dW1: sums.W1, dL_db1: sums.b1,
    };
  }

  // The six Jacobians at one image, each by its shape and its entries: the first index is that of the output.
  function jacobians({ inputs: D, hidden: H, classes: K, W2 }, { x, f1 }) {
    const same = (i, j) => (i === j ? 1 : 0);
    return {
      da2_db2: { shape: [K, K], entry: same },
      da2_dW2: { shape: [K, H, K], entry: (k, h, j) => f1[h] * same(j, k) },
      da2_df1: { shape: [K, H], entry: (k, h) => W2[h * K + k] },
      df1_da1: { shape: [H, H], entry: (h, j) => f1[h] * (1 - f1[h]) * same(h, j) },
      da1_db1: { shape: [H, H], entry: same },
      da1_dW1: { shape: [H, D, H], entry: (h, d, j) => x[d] * same(j, h) },
    };
  }

  return { create, forward, backward, crossEntropy, trace, jacobians };
}
