import { readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "@jest/globals";
import { describeError, invalidArgument, reasonOf, reasons, rpcError, toConnectError } from "./errors.js";

describe("errors", () => {
  it("have every reason documented in docs/errors.md, and no other", () => {
    const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
    const documented = [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((m) => m[1]);
    expect(new Set(documented)).toEqual(new Set(reasons));
    expect(documented).toHaveLength(reasons.length);
  });

  it("carry their reason, also after a trip over the wire", () => {
    expect(reasonOf(rpcError(Code.Aborted, "READER_BUSY", "busy"))).toBe("READER_BUSY");
  });

  it("name all fields in the text", () => {
    const error = invalidArgument([
      { field: "a", problem: "is missing" },
      { field: "b[1]", problem: "is 7; allowed is 1 to 5" },
    ]);
    expect(error.rawMessage).toBe("a: is missing; b[1]: is 7; allowed is 1 to 5");
  });

  it("keep the text of what was not meant for the caller to themselves, and as their cause", () => {
    const cause = new Error("password=hunter2");
    const error = toConnectError(cause);
    expect(error).toMatchObject({ code: Code.Internal, cause });
    expect(error.message).not.toContain("hunter2");
  });

  it("take whatever is thrown", () => {
    expect(toConnectError("text").code).toBe(Code.Internal);
    expect(toConnectError(new DOMException("x", "AbortError")).code).toBe(Code.Canceled);
    const known = new ConnectError("x", Code.NotFound);
    expect(toConnectError(known)).toBe(known);
  });

  it("describe causes and aggregates in one line", () => {
    const inner = Object.assign(new Error(""), { code: "ECONNREFUSED" });
    expect(describeError(new Error("outer", { cause: inner }))).toBe("outer: ECONNREFUSED");
    expect(describeError(new AggregateError([inner, "b"], "all failed"))).toBe("all failed (ECONNREFUSED, b)");
    expect(describeError(undefined)).toBe("undefined");
  });
});
