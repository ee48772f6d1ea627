import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { freePort } from "@apispool/launcher/ports.js";
import { serviceSpec } from "@apispool/launcher/services.js";
import { Supervisor } from "@apispool/launcher/supervisor.js";
import { root } from "../harness/paths.js";
import { type TestStack, withoutSettings } from "../harness/stack.js";
import { eventually } from "../support/wait.js";
import type { Target } from "./clients.js";

/** Another gateway before the services of a stack, over TLS. */
export class SecureGateway {
  readonly target: Target;
  readonly #stop: () => Promise<void>;

  private constructor(target: Target, stop: () => Promise<void>) {
    this.target = target;
    this.#stop = stop;
  }

  static async start(stack: TestStack): Promise<SecureGateway> {
    const dir = await mkdtemp(join(tmpdir(), "apispool-secure-"));
    const said: string[] = [];
    const supervisor = new Supervisor((_name, line) => said.push(line));
    const stop = async (): Promise<void> => {
      await supervisor.stop();
      await rm(dir, { recursive: true, force: true });
    };
    try {
      const [cert, key] = [join(dir, "gateway.crt"), join(dir, "gateway.key")];
      const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
      const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
      execFileSync("openssl", ["req", ...kind, ...names, "-keyout", key, "-out", cert], { stdio: "pipe" });
      const port = await freePort();
      const env = {
        ...withoutSettings(process.env),
        PORT: String(port),
        INGESTOR_ADDRESS: stack.ingestorAddress,
        READER_ADDRESSES: stack.readerAddresses.join(","),
        METRICS_ADDRESS: "off",
        TLS_CERT_FILE: cert,
        TLS_KEY_FILE: key,
      };
      supervisor.start(serviceSpec("gateway", root, env));
      await eventually(() => handshake(port)).catch((error: unknown) => {
        throw new Error(`the gateway does not speak TLS; it said:\n${said.join("\n")}`, { cause: error });
      });
      return new SecureGateway({ url: `https://127.0.0.1:${port}`, authority: cert }, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

function handshake(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}
