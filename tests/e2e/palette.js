// Write a screenshot again with a palette of at most 256 colours: a third of its bytes, and no tool is needed.
async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);

  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const common = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const distance = (a, b) => a.reduce((sum, part, i) => sum + (part - b[i]) ** 2, 0);

  // The commonest colours, none closer to another than it has to be; edges of letters go to their neighbours.
  let palette = common.map(parts);
  for (let least = 12; palette.length > 256; least *= 1.5) {
    const kept = [];
    for (const colour of palette) if (kept.every((other) => distance(colour, other) > least)) kept.push(colour);
    palette = kept;
  }
  const nearest = new Map(common.map((colour) => {
    const wanted = parts(colour);
    const far = palette.map((other) => distance(wanted, other));
    return [colour, far.indexOf(Math.min(...far))];
  }));

  const rows = new Uint8Array((width + 1) * height);  // a 0 before each row: not filtered
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x]);
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(stream).arrayBuffer());

  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  const chunk = (kind, body) => {
    const made = new Uint8Array(body.length + 12);
    const view = new DataView(made.buffer);
    view.setUint32(0, body.length);
    made.set([...kind].map((letter) => letter.charCodeAt(0)), 4);
    made.set(body, 8);
    let crc = ~0;
    for (const byte of made.subarray(4, body.length + 8)) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
    view.setUint32(body.length + 8, ~crc >>> 0);
    return made;
  };
  const size = new Uint8Array(13);
  new DataView(size.buffer).setUint32(0, width);
  new DataView(size.buffer).setUint32(4, height);
  size.set([8, 3, 0, 0, 0], 8);  // 8 bits, palette
  const head = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const png = [head, chunk("IHDR", size), chunk("PLTE", Uint8Array.from(palette.flat())), chunk("IDAT", data), chunk("IEND", new Uint8Array())];
  let text = "";
  for (const part of png) for (const byte of part) text += String.fromCharCode(byte);
  return btoa(text);
}
