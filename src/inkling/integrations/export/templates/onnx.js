// The network as ONNX, computed by onnxruntime-web, whose module and WebAssembly are in the page too.

// Returns what predicts: pixels, numbers 0..255 in the order row, column, channel, become a promise of probabilities.
async function openNetwork(model, data) {
  $("status").textContent = "The network is being unpacked …";
  const [module, wasm, padded] = await Promise.all([inflate(data.module), inflate(data.wasm), unpack(data.network)]);
  const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const { env, InferenceSession, Tensor } = await import(address);
  URL.revokeObjectURL(address);
  env.wasm.wasmBinary = wasm.buffer;
  env.wasm.numThreads = 1; // more need a server, which sends headers
  env.logLevel = "error";
  const network = padded.subarray(0, Number(data.length));
  const session = await InferenceSession.create(network, { executionProviders: ["wasm"] });
  let last = Promise.resolve(); // a session answers one after the other
  return (pixels) => {
    const images = new Tensor("uint8", Uint8Array.from(pixels), [1, ...model.shape]);
    const answer = last.then(() => session.run({ images })).then(({ probabilities }) => Array.from(probabilities.data));
    last = answer.catch(() => {});
    return answer;
  };
}
