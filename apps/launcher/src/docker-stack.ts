import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Ready } from "./banner.js";
import { runCommand } from "./command.js";
import { freePort } from "@apispool/common/free-port.js";
import type { Variables } from "./services.js";
import { type Source, shownSource, sourceVariables } from "./source.js";

/** Whether a Docker engine answers and has the compose plugin. */
export async function dockerIsThere(signal?: AbortSignal): Promise<boolean> {
  const options = signal === undefined ? {} : { signal };
  if ((await runCommand("docker", ["info"], options)).code !== 0) return false;
  return (await runCommand("docker", ["compose", "version"], options)).code === 0;
}

export interface DockerStackOptions {
  /** The checkout, with docker-compose.yml. */
  readonly root: string;
  readonly env: Variables;
  readonly source: Source;
  /** How many reader processes there are. */
  readonly readers: number;
  /** Where the gateway is published; 0 takes a free port. */
  readonly port: number;
  readonly signal: AbortSignal;
  readonly onReady: (ready: Ready) => Promise<void>;
}

/**
 * Everything in containers, for a machine with Docker and without Java. Rejects when that fails. The logs go on until
 * the signal; then the containers are taken down, the data stays in its volume.
 */
export async function runInDocker({ root, source, signal, onReady, ...options }: DockerStackOptions): Promise<void> {
  // The containers get variables only.
  if (source.kind === "file") {
    throw new Error(`with Docker ${source.file} is not read yet; set SOURCE_URL, or start with Java 17 or newer`);
  }
  const port = options.port === 0 ? await freePort() : options.port;
  const polled = sourceVariables(source, "demo:8099", options.env);
  // Empty is not the same as absent here: docker-compose.yml has the demo's as a default.
  const env = { SOURCE_EVENT_TIME: "", ...options.env, ...polled, PORT: String(port) };
  const compose = async (args: readonly string[], stop?: AbortSignal): Promise<number | null> => {
    const child = spawn("docker", ["compose", ...args], { cwd: root, env, stdio: "inherit", detached: true });
    const abort = (): void => void child.kill("SIGTERM");
    stop?.addEventListener("abort", abort);
    try {
      const [code] = (await once(child, "close")) as [number | null];
      return code;
    } finally {
      stop?.removeEventListener("abort", abort);
    }
  };
  try {
    const scale = options.readers > 1 ? ["--scale", `reader=${options.readers}`] : [];
    const code = await compose(["up", "--build", "--detach", "--wait", ...scale], signal);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`docker compose up ended with ${code ?? "a signal"}`);
    await onReady({
      gatewayUrl: `http://localhost:${port}`,
      kafka: "in its container, data in the volume `kafka`",
      source: shownSource(source, polled),
    });
    await compose(["logs", "--follow", "--tail", "0"], signal);
  } finally {
    await compose(["down"]);
  }
}
