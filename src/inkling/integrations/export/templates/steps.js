// The network as plain steps: its forward pass in typed arrays, one image at a time.

// Puts views of the weights in the place of [first, length].
function bind(steps, weights) {
  return steps.map((step) => {
    const bound = { ...step, inside: bind(step.inside ?? [], weights) };
    for (const [name, [first, length]] of Object.entries(step.arrays ?? {})) {
      bound[name] = weights.subarray(first, first + length);
    }
    return bound;
  });
}

// out[o, p] = bias[o] + sum over k of weights[o, k] rows[p, k]: four outputs at a time share what is read of a row.
function multiply(weights, bias, rows, outputs, length, places) {
  const out = new Float32Array(outputs * places);
  let o = 0;
  for (; o + 4 <= outputs; o += 4) {
    const w0 = o * length, w1 = w0 + length, w2 = w1 + length, w3 = w2 + length;
    for (let p = 0; p < places; p++) {
      const row = p * length;
      let a = bias[o], b = bias[o + 1], c = bias[o + 2], d = bias[o + 3];
      for (let k = 0; k < length; k++) {
        const x = rows[row + k];
        a += weights[w0 + k] * x;
        b += weights[w1 + k] * x;
        c += weights[w2 + k] * x;
        d += weights[w3 + k] * x;
      }
      out[o * places + p] = a;
      out[(o + 1) * places + p] = b;
      out[(o + 2) * places + p] = c;
      out[(o + 3) * places + p] = d;
    }
  }
  for (; o < outputs; o++) {
    for (let p = 0; p < places; p++) {
      let a = bias[o];
      for (let k = 0; k < length; k++) a += weights[o * length + k] * rows[p * length + k];
      out[o * places + p] = a;
    }
  }
  return out;
}

function convolution(step, x) {
  const { inputs, outputs, size, stride, padding } = step;
  const height = Math.floor((x.height + 2 * padding - size) / stride) + 1;
  const width = Math.floor((x.width + 2 * padding - size) / stride) + 1;
  const length = inputs * size * size;
  const patches = new Float32Array(height * width * length); // one row for each place; what lies outside stays 0
  for (let y = 0; y < height; y++) {
    for (let column = 0; column < width; column++) {
      const first = (y * width + column) * length, top = y * stride - padding, left = column * stride - padding;
      const from = Math.max(0, -left), to = Math.min(size, x.width - left);
      for (let c = 0; c < inputs; c++) {
        for (let i = Math.max(0, -top); i < Math.min(size, x.height - top); i++) {
          const line = (c * x.height + top + i) * x.width + left, goal = first + (c * size + i) * size;
          for (let j = from; j < to; j++) patches[goal + j] = x.data[line + j];
        }
      }
    }
  }
  const data = multiply(step.weights, step.bias, patches, outputs, length, height * width);
  return { data, channels: outputs, height, width };
}

function pool({ size, stride }, x) {
  const height = Math.floor((x.height - size) / stride) + 1, width = Math.floor((x.width - size) / stride) + 1;
  const data = new Float32Array(x.channels * height * width);
  for (let c = 0, place = 0; c < x.channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let column = 0; column < width; column++, place++) {
        let most = -Infinity;
        for (let i = 0; i < size; i++) {
          const line = (c * x.height + y * stride + i) * x.width + column * stride;
          for (let j = 0; j < size; j++) if (x.data[line + j] > most) most = x.data[line + j];
        }
        data[place] = most;
      }
    }
  }
  return { data, channels: x.channels, height, width };
}

function perChannel(x, change) {
  const places = x.height * x.width;
  return { ...x, data: x.data.map((value, i) => change(value, Math.floor(i / places))) };
}

function mean(step, x) {
  const places = x.height * x.width, data = new Float32Array(x.channels);
  for (let c = 0; c < x.channels; c++) {
    let sum = 0;
    for (let p = 0; p < places; p++) sum += x.data[c * places + p];
    data[c] = sum / places;
  }
  return { data, channels: x.channels, height: 1, width: 1 };
}

function dense(step, x) {
  const data = multiply(step.weights, step.bias, x.data, step.outputs, step.inputs, 1);
  return { data, channels: step.outputs, height: 1, width: 1 };
}

const STEPS = {
  convolution,
  pool,
  mean,
  dense,
  affine: (step, x) => perChannel(x, (value, c) => value * step.scale[c] + step.shift[c]),
  relu: (step, x) => ({ ...x, data: x.data.map((value) => (value > 0 ? value : 0)) }),
  sigmoid: (step, x) => ({ ...x, data: x.data.map((value) => 1 / (1 + Math.exp(-value))) }),
  sum: (step, x) => {
    const inside = after(step.inside, x);
    return { ...x, data: x.data.map((value, i) => value + inside.data[i]) };
  },
};

function after(steps, x) {
  for (const step of steps) x = STEPS[step.kind](step, x);
  return x;
}

// Pixels 0..255 in the order row, column, channel become numbers in the order channel, row, column.
function input(pixels, [height, width, channels], scale) {
  const places = height * width, data = new Float32Array(places * channels);
  for (let p = 0; p < places; p++) {
    for (let c = 0; c < channels; c++) data[c * places + p] = pixels[p * channels + c] * scale;
  }
  return { data, channels, height, width };
}

function softmax(logits) {
  const most = Math.max(...logits), powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

// The mean of the probabilities of all networks, at the temperature.
function probabilities(model, pixels) {
  const each = model.networks.map((network) =>
    softmax(after(network.steps, input(pixels, model.shape, network.pixel_scale)).data));
  const averaged = each[0].map((_, k) => each.reduce((sum, p) => sum + p[k], 0) / each.length);
  if (model.temperature === 1) return averaged;
  const smallest = 2 ** -126; // of float32 numbers: the logarithm of none is asked for
  return softmax(averaged.map((p) => Math.log(Math.max(p, smallest)) / model.temperature));
}

// Returns what predicts: pixels, numbers 0..255 in the order row, column, channel, become probabilities.
async function openNetwork(model, data) {
  const weights = new Float32Array((await unpack(data.weights)).buffer);
  model.networks.forEach((network) => (network.steps = bind(network.steps, weights)));
  return (pixels) => probabilities(model, pixels);
}
