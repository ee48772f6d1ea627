import { connect, createServer } from "node:net";

/**
 * A proxy that changes nothing, but ends an event stream or a live tail a moment after it has begun, in order: schemathesis
 * waits for the end of every answer. Resolves to its address.
 */
export async function cuttingProxy(target) {
  const { hostname, port } = new URL(target);
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let timer;
    const close = () => {
      clearTimeout(timer);
      client.destroy();
      upstream.destroy();
    };
    let head = false;
    client.on("data", (bytes) => {
      // A request begins with a piece of its own; a long one takes several.
      const method = /^([A-Z]+) \//.exec(bytes.toString("latin1", 0, 20))?.[1];
      if (method !== undefined) head = method === "HEAD";
    });
    client.pipe(upstream);
    client.on("error", close).on("close", close);
    upstream.on("error", close).on("end", () => client.end());
    upstream.on("data", (bytes) => {
      client.write(bytes);
      const text = bytes.toString("latin1");
      // It has ended by itself.
      if (text.endsWith("0\r\n\r\n")) clearTimeout(timer);
      if (/^HTTP\/1.1 200 /.test(text) && !text.endsWith("0\r\n\r\n")) {
        clearTimeout(timer);
        timer = !head && /^x-accel-buffering: no\r$/im.test(text) ? setTimeout(end, 150) : undefined;
      }
    });
    // Whoever has nothing to say is between two chunks.
    function end() {
      upstream.removeAllListeners("data");
      client.end("0\r\n\r\n");
      upstream.destroy();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
