import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { EnvelopeSplitter, contentOf, enveloped } from "./envelope.js";

describe("the messages of a gRPC stream", () => {
  it("are found however the stream is cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(enveloped));
        const found: Buffer[] = [];
        const splitter = new EnvelopeSplitter((envelope) => found.push(contentOf(envelope)));
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const size = cuts[i % cuts.length] ?? 1;
          splitter.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(found).toEqual(sent.map((message) => Buffer.from(message)));
        expect(splitter.inMessage).toBe(false);
      }),
    );
  });

  it("are none where the bytes say something else", () => {
    const splitter = (): EnvelopeSplitter => new EnvelopeSplitter(() => {});
    expect(() => splitter().push(Buffer.from([1, 0, 0, 0, 1, 0]))).toThrow("compressed");
    expect(() => splitter().push(Buffer.from([0, 255, 255, 255, 255, 0]))).toThrow("announced");
    const cut = splitter();
    cut.push(Buffer.from([0, 0]));
    expect(cut.inMessage).toBe(true);
  });
});
