// The work of training: what the worker runs, and the random numbers that it takes. One function, as its text is sent.

function trainingWork(scope, equations) {
  let network, velocity, random, data, epoch;

  // Mulberry32 (Ettinger, 2017): a seed gives the same weights and orders in every browser, though not Python's.
  function generator(seed) {
    let state = (seed * 0x9e3779b9) >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()); // Box and Muller (1958)

  function shuffled(items) {
    const order = Array.from(items);
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  // So many training images, the classes in proportion: each class shuffled, then interleaved (images/sampling.py).
  function subset({ images, labels }, n) {
    const placed = [];
    for (let k = 0; k < network.classes; k++) {
      const own = shuffled([...labels.keys()].filter((i) => labels[i] === k));
      own.forEach((i, rank) => placed.push([rank ? (rank + 0.5) / own.length : -1, random(), i]));
    }
    const chosen = placed.sort((a, b) => a[0] - b[0] || a[1] - b[1]).slice(0, n).map(([, , i]) => i);
    return { images: chosen.map((i) => images[i]), labels: chosen.map((i) => labels[i]) };
  }

  function measure({ images, labels }) {
    let loss = 0, correct = 0;
    const answers = images.map((x, i) => {
      const { a2, y_hat } = equations.forward(network, x);
      const best = y_hat.indexOf(Math.max(...y_hat));
      loss += equations.crossEntropy(a2, labels[i]);
      correct += best === labels[i];
      return [best, y_hat[best]];
    });
    return { loss: loss / images.length, accuracy: correct / images.length, n: images.length, answers };
  }

  function tell() {
    const train = measure(data.train), validation = measure(data.validation);
    scope.postMessage({ epoch, train: { ...train, answers: null }, validation, network });
  }

  function begin({ settings, train, validation }) {
    random = generator(settings.seed);
    network = equations.create(train.images[0].length, settings.hidden, settings.classes);
    velocity = equations.create(network.inputs, network.hidden, network.classes);
    for (const name of ["W1", "W2"]) network[name].forEach((_, i, all) => (all[i] = settings.spread * normal()));
    data = { train: subset(train, settings.images), validation };
    epoch = 0;
    tell();
  }

  // One pass over the training images: v <- momentum v + g, w <- w - rate v after each mini-batch.
  function learn({ rate, momentum, batch }) {
    const { images, labels } = data.train, order = shuffled(images.keys());
    for (let start = 0; start < order.length; start += batch) {
      const part = order.slice(start, start + batch);
      const sums = equations.create(network.inputs, network.hidden, network.classes);
      for (const i of part) {
        equations.backward(network, equations.forward(network, images[i]), labels[i], 1 / part.length, sums);
      }
      for (const name of ["W1", "b1", "W2", "b2"]) {
        const weights = network[name], v = velocity[name], g = sums[name];
        for (let i = 0; i < g.length; i++) {
          v[i] = momentum * v[i] + g[i];
          weights[i] -= rate * v[i];
        }
      }
    }
    epoch++;
    tell();
  }

  scope.addEventListener("message", ({ data: message }) => (message.train ? begin(message) : learn(message.settings)));
}
