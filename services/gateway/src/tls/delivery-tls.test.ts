import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:http2";
import https from "node:https";
import type { IncomingMessage } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { TestAuthority } from "@apispool/common/testing/certificates.js";
import { Harness, curl, eventually } from "../testing/harness.js";
import { http1Get, isWholeChunked, pong } from "../testing/raw-client.js";
import { TlsClient } from "../testing/tls-client.js";
import { ways } from "../testing/ways.js";
import type { TlsSettings } from "./settings.js";

const records = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `{"n":${from + index}}`);

const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Each cut is a handshake, so not every byte is cut at, unless that is asked for. */
const step = process.env["APISPOOL_TEST_CUTS"] === "all" ? 1 : 83;

/** The upstream lease is gone, so the outcome is known. */
const released = (harness: Harness): Promise<void> => eventually(() => harness.reader.held === 0);

describe("evidence of receipt over TLS", () => {
  let authority: TestAuthority;
  let tls: TlsSettings;
  let harness: Harness;
  beforeAll(() => {
    authority = new TestAuthority();
    tls = { files: authority.issue("gateway"), clientCertificates: "none" };
  });
  afterAll(() => authority.remove());
  const start = async (deliveryIdleMs: number): Promise<void> => {
    harness = await Harness.start({ tls, deliveryIdleMs }, undefined, undefined, { ca: authority.caText });
    harness.reader.add(records(3));
  };
  afterEach(() => harness.stop());

  describe("where the client ends first", () => {
    beforeEach(() => start(60_000));

    describe.each(ways)("%s", (name, request, whole) => {
      const alpn = name === "gRPC" || name.includes("HTTP/2") ? "h2" : "http/1.1";
      const client = (reader: string, bytes?: number, maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3"): TlsClient =>
        new TlsClient({ port: harness.port, request: request(reader), bytes, ALPNProtocols: [alpn], maxVersion });

      it.each(["TLSv1.2", "TLSv1.3"] as const)(
        "is acknowledged when it ends after the last byte, %s",
        async (version) => {
          for (const how of ["dies", "says close_notify"]) {
            const reader = how.slice(0, 4);
            const one = client(reader, undefined, version);
            await one.until((received) => whole(received) !== undefined);
            if (name === "gRPC") one.tls.write(pong(await one.until((r) => pong(r) !== undefined)) ?? "");
            await settle(10);
            if (how === "dies") one.die();
            else one.tls.end(() => one.die());
            await eventually(() => harness.reader.positionOf(reader) === 3);
            await released(harness);
          }
        },
      );

      it("loses nothing when it dies at any byte, at once or after a stall", async () => {
        const probe = client("r000", 100_000);
        await probe.until((received) => whole(received) !== undefined);
        const length = probe.taken;
        probe.die();
        expect(length).toBeGreaterThan(100);
        const uncut = new Set<string>();
        const cut = async (bytes: number, stallMs: number, last: "dies" | "close_notify"): Promise<void> => {
          const reader = `c${String(bytes).padStart(3, "0")}`;
          const one = client(reader, bytes);
          await one.full((received) => whole(received) !== undefined);
          if (whole(one.received) !== undefined) uncut.add(reader);
          if (stallMs > 0) await settle(stallMs);
          // It says goodbye in order, and leaves unread what it has no use for.
          if (last === "close_notify") one.tls.end();
          setTimeout(() => one.die(), last === "dies" ? 0 : 20);
        };
        const cuts = Array.from({ length: Math.ceil(length / step) }, (_, n) => n * step);
        for (let at = 0; at < cuts.length; at += 50) {
          await Promise.all(cuts.slice(at, at + 50).map((bytes) => cut(bytes, 0, "dies")));
        }
        await released(harness);
        const few = cuts.filter((_, n) => n % 3 === 1);
        await Promise.all(few.map((bytes) => cut(bytes, 120, "dies")));
        await released(harness);
        await Promise.all(few.map((bytes) => cut(bytes, 60, "close_notify")));
        await released(harness);
        const moved = [...harness.reader.positions.keys()].filter((one) => one.startsWith("c") && !uncut.has(one));
        expect(moved).toEqual([]);
        expect(uncut.size).toBeLessThan(cuts.length / 4);
      });
    });

    it("takes the next request on the connection for evidence", async () => {
      const client = new TlsClient({ port: harness.port, request: http1Get("/data?reader=next") });
      await client.until(isWholeChunked);
      await settle(100);
      expect(harness.reader.positionOf("next")).toBe(0);
      client.tls.write(http1Get("/livez"));
      await eventually(() => harness.reader.positionOf("next") === 3);
      client.die();
    });

    it.each(["close", "destroy"] as const)("serves once an HTTP/2 client that ends by %s", async (how) => {
      for (let n = 0; n < 5; n++) {
        const session = connect(harness.url, { ca: authority.caText });
        const stream = session.request({ ":path": `/data?reader=${how}${n}` }).resume();
        await once(stream, "close");
        session[how]();
        await eventually(() => harness.reader.positionOf(`${how}${n}`) === 3);
      }
    });

    it.each(["--http1.1", "--http1.0", "--http2"])("serves the real curl everything once, %s", async (option) => {
      const get = async (): Promise<unknown> =>
        JSON.parse(await curl(option, "--cacert", authority.ca, `${harness.url}/data?reader=curl`));
      expect(await get()).toMatchObject({ records: [{ data: { n: 0 } }, { data: { n: 1 } }, { data: { n: 2 } }] });
      expect(await get()).toMatchObject({ records: [], cursor: "c3" });
    });

    it.each(["--http1.1", "--http2"])("serves again what curl %s | head did not take", async (option) => {
      harness.reader.add(records(100_000, 3));
      const command = `curl -sN --cacert ${authority.ca} ${option} '${harness.url}/data?reader=head' | head -c 100`;
      await new Promise((resolve) => spawn("bash", ["-c", command], { stdio: "ignore" }).on("exit", resolve));
      await released(harness);
      expect(harness.reader.positionOf("head")).toBe(0);
    });
  });

  describe("where the gateway asks by a half-close", () => {
    beforeEach(() => start(100));

    const closing = "connection: close\r\n";

    it("is answered in order by a client that never looks for a close_notify", async () => {
      // Python's: it reads its answer, keeps the connection for a while, and closes it without another look.
      for (const [reader, headers] of [
        ["idle", ""],
        ["bye", closing],
      ] as const) {
        const client = new TlsClient({ port: harness.port, request: http1Get(`/data?reader=${reader}`, headers) });
        await client.until(isWholeChunked);
        client.tcp.pause();
        await settle(300);
        client.die();
        await eventually(() => harness.reader.positionOf(reader) === 3);
      }
    });

    it("answers a client that waits for a close_notify after its own", async () => {
      const client = new TlsClient({ port: harness.port, request: http1Get("/data?reader=polite") });
      await client.until(isWholeChunked);
      client.tls.end();
      await client.over();
      client.die();
      await eventually(() => harness.reader.positionOf("polite") === 3);
    });

    it("is answered in order by Node's agent, which says close_notify", async () => {
      const agent = new https.Agent({ keepAlive: true, ca: authority.caText });
      const [response] = (await once(https.get(`${harness.url}/data?reader=node`, { agent }), "response")) as [
        IncomingMessage,
      ];
      response.resume();
      await once(response, "end");
      await eventually(() => harness.reader.positionOf("node") === 3);
      agent.destroy();
    });

    it.each(["", closing])("counts as lost when the client dies with bytes unread (%j)", async (headers) => {
      for (const last of ["dies", "close_notify"]) {
        const client = new TlsClient({
          port: harness.port,
          request: http1Get("/data?reader=late", headers),
          bytes: 30,
        });
        await client.full(isWholeChunked);
        await settle(250);
        if (last === "close_notify") client.tls.end();
        setTimeout(() => client.die(), 20);
        await released(harness);
        expect(harness.reader.positionOf("late")).toBe(0);
      }
    });
  });
});
