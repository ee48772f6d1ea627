import { FakeIngestor, FakeReader } from "./fake-upstreams.js";

// The services behind a gateway, in a process of their own: whose argument is how many records of 1 kB the reader has.
const reader = new FakeReader();
const ingestor = new FakeIngestor();
const json = JSON.stringify({ text: "x".repeat(1000) });
reader.add(Array.from({ length: Number(process.argv[2] ?? 0) }, () => json));
const [readerAddress, ingestorAddress] = await Promise.all([reader.start(), ingestor.start()]);
process.send?.({ readerAddress, ingestorAddress });
process.on("disconnect", () => process.exit());
