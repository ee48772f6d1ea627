import http2 from "node:http2";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Harness } from "../testing/harness.js";
import { RawClient } from "../testing/raw-client.js";
import { clientOf } from "./client.js";
import { isDeeperThan } from "./json-depth.js";
import { defaultLimits } from "./settings.js";

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start({ limits: { ...defaultLimits, answerTimeoutMs: 300 } });
});
afterAll(() => harness.stop());

/** What the gateway says to these bytes until it ends the connection. */
async function said(request: string): Promise<string> {
  const client = new RawClient({ port: harness.port, request });
  await client.over();
  client.die();
  return client.received.toString("latin1");
}

const closing = "host: a\r\nconnection: close\r\n";
const get = (target: string): string => `GET ${target} HTTP/1.1\r\n${closing}\r\n`;
const post = (fields: string, body: string): string =>
  `POST /worker HTTP/1.1\r\n${closing}content-type: application/json\r\n${fields}\r\n${body}`;

describe("a request that is an attack", () => {
  it.each([
    ["..", get("/../../../etc/passwd"), 404],
    [".. below the console's files", get("/assets/../../package.json"), 404],
    ["encoded dots", get("/assets/%2e%2e%2f%2e%2e%2fpackage.json"), 404],
    ["twice encoded dots", get("/assets/%252e%252e%252fpackage.json"), 404],
    ["backslashes", get("/assets/..\\..\\package.json"), 404],
    ["an encoded NUL", get("/assets/index.html%00.js"), 404],
    ["a NUL", get("/wor\0ker"), 400],
    ["two slashes", get("//worker"), 404],
    ["an encoded slash", get("/data%2Freaders"), 404],
    ["capitals", get("/WORKER"), 404],
    ["a name out of every object", get("/__proto__"), 404],
    ["such a file", get("/assets/__proto__"), 404],
    ["a bad encoding", get("/data/readers/%zz"), 404],
    ["a very long path", get(`/${"a".repeat(9000)}`), 414],
    ["another host in the absolute form", get("http://evil.example/nothing"), 404],
    [
      "Content-Length and Transfer-Encoding",
      post("content-length: 4\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\nGET / "),
      400,
    ],
    ["two Content-Lengths", post("content-length: 2\r\ncontent-length: 40\r\n", "{}"), 400],
    ["a coding behind chunked", post("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"), 400],
    ["a bare LF", "GET /livez HTTP/1.1\nhost: a\n\n", 400],
    ["a space before the colon", "GET /livez HTTP/1.1\r\nhost : a\r\n\r\n", 400],
    ["a folded field", "GET /livez HTTP/1.1\r\nhost: a\r\nx: b\r\n c\r\n\r\n", 400],
    ["no host", "GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n", 400],
    ["two hosts", "GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n", 400],
    ["101 fields", `GET /livez HTTP/1.1\r\n${closing}${"x-a: b\r\n".repeat(99)}\r\n`, 431],
    ["20 KB of fields", `GET /livez HTTP/1.1\r\n${closing}x-a: ${"b".repeat(20_000)}\r\n\r\n`, 431],
    ["a megabyte of fields", `GET /livez HTTP/1.1\r\n${closing}x-a: ${"b".repeat(1_000_000)}\r\n\r\n`, 431],
    ["JSON that is too deep", post("content-length: 66\r\n", "[".repeat(33) + "]".repeat(33)), 400],
    ["a number without end", post("content-length: 3013\r\n", `{"command":1${"0".repeat(3000)}}`), 400],
    ["__proto__", post("content-length: 32\r\n", '{"__proto__":{"command":"start"}}'.slice(0, 32)), 400],
  ])("%s", async (_, request, status) => {
    const answer = await said(request);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    // One answer: what stands behind it is no request.
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(harness.ingestor.started).toBe(false);
    if ([414, 431].includes(status)) expect(answer).toMatch(/LIMIT_EXCEEDED|MAX_HEADER_BYTES/);
  });

  it.each(["application/json", "application/connect+json", "application/grpc-web+json"])(
    "too deep JSON in a call, as %s, compressed or not",
    async (type) => {
      const enveloped = type !== "application/json";
      const method = enveloped ? "WatchStatus" : "GetStatus";
      const text = Buffer.from(`{"x":${"[".repeat(40)}${"]".repeat(40)}}`);
      for (const coded of [false, true]) {
        const message = coded ? gzipSync(text) : text;
        const head = Buffer.alloc(5);
        head[0] = coded ? 1 : 0;
        head.writeUInt32BE(message.length, 1);
        const coding = enveloped
          ? { [type.includes("grpc") ? "grpc-encoding" : "connect-content-encoding"]: "gzip" }
          : { "content-encoding": "gzip" };
        const answer = await fetch(`${harness.url}/apispool.v1.WorkerControl/${method}`, {
          method: "POST",
          headers: { "content-type": type, ...(coded ? coding : {}) } as Record<string, string>,
          body: enveloped ? Buffer.concat([head, message]) : message,
        });
        const text_ = (await answer.text()) + (answer.headers.get("grpc-message") ?? "");
        expect(decodeURIComponent(text_.replaceAll("%", "%25"))).toContain("MAX_JSON_DEPTH");
      }
    },
  );

  it("too many fields over HTTP/2, by gRPC and otherwise", async () => {
    const session = http2.connect(harness.url);
    const many = Object.fromEntries(Array.from({ length: 110 }, (_, index) => [`x-${index}`, "b"]));
    const call = session.request({
      ":method": "POST",
      ":path": "/apispool.v1.WorkerControl/GetStatus",
      "content-type": "application/grpc",
      ...many,
    });
    const [answer] = (await once(call, "response")) as [http2.IncomingHttpHeaders];
    expect(answer).toMatchObject({ ":status": 200, "grpc-status": "8" });
    expect(decodeURIComponent(String(answer["grpc-message"]))).toContain("MAX_HEADERS");
    const [other] = (await once(session.request({ ":path": "/livez", ...many }), "response")) as [
      http2.IncomingHttpHeaders,
    ];
    expect(other[":status"]).toBe(431);
    session.destroy();
  });
});

describe("the limits' parts", () => {
  it("a message that is too large leaves the connection as it was for the next request", async () => {
    const length = Buffer.alloc(5);
    length.writeUInt32BE(0x200000, 1);
    const chunk = (bytes: Buffer): string => `${bytes.length.toString(16)}\r\n${bytes.toString("latin1")}\r\n`;
    const call =
      "POST /apispool.v1.WorkerControl/GetStatus HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc-web+proto\r\n" +
      `transfer-encoding: chunked\r\n\r\n${chunk(length)}${chunk(Buffer.alloc(300_000))}0\r\n\r\n`;
    const both = await said(`${call}${get("/livez")}`);
    expect(both).toContain("MAX_BODY_BYTES");
    expect(both).toMatch(/"status":"alive"/);
  });

  it("counts by IPv4 address, and by IPv6 network", () => {
    expect(clientOf("::ffff:10.0.0.1")).toBe("10.0.0.1");
    expect(clientOf("2001:db8:1:2:3:4:5:6")).toBe(clientOf("2001:db8:1:2::9"));
    expect(clientOf("2001:db8:1:3::9")).not.toBe(clientOf("2001:db8:1:2::9"));
    expect(clientOf("::1")).toBe("0:0:0:0::/64");
  });

  it("finds how deep JSON goes, brackets in strings left out", () => {
    const deeper = (text: string, most: number): boolean => isDeeperThan(Buffer.from(text), most);
    expect(deeper('{"a":["[[[\\"[[["]}', 2)).toBe(false);
    expect(deeper('{"a":[{}]}', 2)).toBe(true);
    expect(deeper("[],[],[]", 1)).toBe(false);
  });
});
