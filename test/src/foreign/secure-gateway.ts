import tls from "node:tls";
import { TestAuthority } from "@apispool/common/testing/certificates.js";
import { freePort } from "@apispool/common/free-port.js";
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
    const authority = new TestAuthority();
    const said: string[] = [];
    const supervisor = new Supervisor((_name, line) => said.push(line));
    const stop = async (): Promise<void> => {
      await supervisor.stop();
      authority.remove();
    };
    try {
      const { cert, key } = authority.issue("gateway", { usage: "serverAuth" });
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
      return new SecureGateway({ url: `https://127.0.0.1:${port}`, authority: authority.ca }, stop);
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
