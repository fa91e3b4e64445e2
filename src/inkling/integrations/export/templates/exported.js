// An exported page begins: its network is unpacked, compared with the run's answers, and drawn for.

async function start() {
  const holder = $("model"), model = JSON.parse(holder.dataset.model);
  model.predict = await openNetwork(model, holder.dataset);
  holder.remove(); // megabytes of text
  const difference = await differs(model);
  if (!(difference <= model.tolerance)) throw new Error(`its answers to test images differ by ${difference.toExponential(1)}`);
  document.body.classList.remove("waiting");
  const page = new Page(model), digits = JSON.parse(holder.dataset.digits);
  const training = await trainHere($("train"), digits);
  const trace = isPerceptron(model) ? traceOneStep($("trace"), perceptronOf(model, training.digits)) : null;
  if (trace) page.watch = (pixels) => trace.draw(pixels);
  return Object.freeze({
    trace,
    training,
    model,
    page,
    difference,
    predict: model.predict,
    drawing: (ink, width, height) => imageOfDrawing(ink, width, height, model.drawing, model.shape),
    picture: (rgba, width, height) => imageOfPicture(rgba, width, height, model),
    occlusion: (pixels, k) => occlusion(model, pixels, k),
    units: (pixels, k, other) => unitContributions(model, pixels, k, other),
  });
}

// For tests, and for whoever opens the console: pixels are numbers 0..255 in the order row, column, channel.
globalThis.inkling = start();
globalThis.inkling.catch((error) => {
  $("status").textContent = `This browser cannot run the network: ${error.message}.`;
});
