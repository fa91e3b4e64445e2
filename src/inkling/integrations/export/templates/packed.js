// What the page holds, unpacked; and images of no meaning, for which its answers are known.

async function inflate(text) {
  const raw = atob(text), packed = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) packed[i] = raw.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Of float32 numbers: first bytes of all, then second bytes, and so on. In this order they are smaller when compressed.
async function unpack(text) {
  const planes = await inflate(text), count = planes.length / 4, bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0; i < count; i++) bytes[4 * i + plane] = planes[plane * count + i];
  }
  return bytes;
}

// An image of no meaning that Python computes too: the page compares its own answers for two with those of the run.
function checkImage(seed, length) {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    return state >>> 24;
  });
}
