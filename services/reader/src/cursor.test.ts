import { describe, expect, it } from "@jest/globals";
import type { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { reasonOf } from "@apispool/common/errors.js";
import { decodeCursor, encodeCursor } from "./cursor.js";

const place = fc.record({
  source: fc.constantFrom("quakes", "a.b-c_d"),
  partition: fc.nat(100),
  offset: fc.maxSafeNat(),
  topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex")),
});

function failure(text: string, reader = "me"): ConnectError {
  try {
    decodeCursor(text, reader, "since");
  } catch (error) {
    return error as ConnectError;
  }
  throw new Error("it was taken for a cursor");
}

describe("a cursor", () => {
  it("gives back what went in, and is fit for a URL", () => {
    fc.assert(
      fc.property(fc.array(place), (places) => {
        const text = encodeCursor("me", places);
        expect(encodeURIComponent(text)).toBe(text);
        expect(decodeCursor(text, "me", "since")).toEqual(places);
      }),
    );
  });

  it("is refused when any character of it is lost or another, and says which field it is", () => {
    const text = encodeCursor("me", [{ source: "quakes", partition: 0, offset: 12, topicId: "ab".repeat(16) }]);
    for (let i = 0; i < text.length; i += 1) {
      for (const other of ["", "A", "B", " "]) {
        const changed = text.slice(0, i) + other + text.slice(i + 1);
        // The last character carries bits that mean nothing.
        if (Buffer.from(changed, "base64url").equals(Buffer.from(text, "base64url")) && !changed.includes(" "))
          continue;
        const error = failure(changed);
        expect(reasonOf(error)).toBe("INVALID_CURSOR");
        expect(error.rawMessage).toMatch(/^since: /);
      }
    }
    for (const nonsense of ["", "c3", "=", "../..", "null", "x".repeat(100_000)]) {
      expect(reasonOf(failure(nonsense))).toBe("INVALID_CURSOR");
    }
  });

  it("of another reader is refused, and says whose it is", () => {
    const text = encodeCursor("her", []);
    expect(failure(text).rawMessage).toContain('"her"');
  });
});
