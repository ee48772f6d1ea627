import { spawn } from "node:child_process";
import { once } from "node:events";
import { runCommand } from "./command.js";
import type { Variables } from "./services.js";

/** Whether a Docker engine answers and has the compose plugin. */
export async function dockerIsThere(signal?: AbortSignal): Promise<boolean> {
  const options = signal === undefined ? {} : { signal };
  if ((await runCommand("docker", ["info"], options)).code !== 0) return false;
  return (await runCommand("docker", ["compose", "version"], options)).code === 0;
}

/**
 * Everything in containers, for a machine with Docker and without Java. Rejects when that fails. The logs go on until
 * the signal; then the containers are taken down, the data stays in its volume.
 */
export async function runInDocker(
  root: string,
  env: Variables,
  signal: AbortSignal,
  onReady: () => void,
): Promise<void> {
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
    const code = await compose(["up", "--build", "--detach", "--wait"], signal);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`docker compose up ended with ${code ?? "a signal"}`);
    onReady();
    await compose(["logs", "--follow", "--tail", "0"], signal);
  } finally {
    await compose(["down"]);
  }
}
