import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where Debian's package `chromium` and others put it; APISPOOL_CHROMIUM names another. */
const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The Chromium of this machine; undefined where there is none. */
export function findChromium(): string | undefined {
  const named = process.env["APISPOOL_CHROMIUM"];
  if (named !== undefined && named !== "") return named;
  return usual.find((path) => existsSync(path));
}

/** A real browser without a window. */
export async function launchChromium(executablePath: string): Promise<Browser> {
  // Its sandbox cannot be had as root; it sees only pages of this machine.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return await chromium.launch({ executablePath, args: [...args, "--disable-dev-shm-usage"] });
}
