import { describe, expect, it } from "@jest/globals";
import { curlGet, curlPost, grpcurl, quote } from "./commands.js";

const address = { origin: "http://localhost:3000" };

describe("what to type", () => {
  it("quotes what a shell would take apart, and nothing else", () => {
    expect([quote("a-b.c/d:1"), quote("it's"), quote("$(rm)"), quote("")]).toEqual([
      "a-b.c/d:1",
      `'it'\\''s'`,
      "'$(rm)'",
      "''",
    ]);
  });

  it("makes grpcurl calls, in plain text only where the page is", () => {
    expect(grpcurl(address, "a.B/C")).toBe("grpcurl -plaintext localhost:3000 a.B/C");
    expect(grpcurl({ origin: "https://spool.example" }, "a.B/C", { reader: "me" })).toBe(
      `grpcurl -d '{"reader":"me"}' spool.example:443 a.B/C`,
    );
    expect(grpcurl({ origin: "http://[::1]:3000" }, "a.B/C")).toBe("grpcurl -plaintext '[::1]:3000' a.B/C");
  });

  it("makes curl calls", () => {
    expect(curlGet(address, "/worker")).toBe("curl http://localhost:3000/worker");
    expect(
      curlGet(address, "/data", [
        ["reader", "a b"],
        ["source", ""],
      ]),
    ).toBe("curl 'http://localhost:3000/data?reader=a%20b'");
    expect(curlPost(address, "/worker", { command: "start" })).toBe(
      `curl -X POST http://localhost:3000/worker -H 'content-type: application/json' -d '{"command":"start"}'`,
    );
  });
});
