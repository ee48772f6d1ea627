import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ResponseAssembler } from "./response-assembler.js";

function framed(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + body.length);
  frame.writeInt32BE(body.length, 0);
  frame.set(body, 4);
  return frame;
}

/** What comes out of bytes that are read in pieces of those lengths, over and over, from one piece of memory. */
function assembled(bytes: Buffer, pieces: readonly number[]): Buffer[] {
  const given: Buffer[] = [];
  const assembler = new ResponseAssembler((response) => given.push(response));
  const memory = Buffer.alloc(1000);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = bytes.copy(memory, 0, at, at + (pieces[turn % pieces.length] ?? 1));
    assembler.push(memory.subarray(0, length));
    memory.fill(0xee);
    at += length;
  }
  return given;
}

const pieces = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 10 });

describe("putting responses together", () => {
  it("gives each whole response, however it was cut", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), pieces, (bodies, cuts) => {
        const frames = bodies.map(framed);
        expect(assembled(Buffer.concat(frames), cuts)).toEqual(frames);
      }),
    );
  });

  it("gives nothing of a response that is not whole", () => {
    expect(assembled(framed(Buffer.from("whole")).subarray(0, 8), [3])).toEqual([]);
  });

  it("passes on all that a server says which is none of Kafka's, without making room for it", () => {
    fc.assert(
      fc.property(fc.constantFrom("HTTP/1.1 400 Bad Request\r\n", "\xff\xff\xff\xffSSH"), pieces, (text, cuts) => {
        const bytes = Buffer.from(text, "latin1");
        expect(Buffer.concat(assembled(bytes, cuts))).toEqual(bytes);
      }),
    );
  });
});
