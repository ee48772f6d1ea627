import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { runCommand } from "@apispool/launcher/command.js";
import { root } from "./paths.js";

/**
 * The real grpcurl: from PATH, or installed with Go into `.apispool/bin`. Undefined where neither can be had, so that a
 * machine without Go can run the other tests.
 */
export async function findGrpcurl(): Promise<string | undefined> {
  const bin = join(root, ".apispool", "bin");
  for (const folder of [bin, ...(process.env["PATH"] ?? "").split(delimiter)]) {
    const program = join(folder, "grpcurl");
    if (await isExecutable(program)) return program;
  }
  await runCommand("go", ["install", "github.com/fullstorydev/grpcurl/cmd/grpcurl@latest"], {
    env: { ...process.env, GOBIN: bin },
  });
  const built = join(bin, "grpcurl");
  return (await isExecutable(built)) ? built : undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
