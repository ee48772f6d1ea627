import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../harness/paths.js";
import { startBrowser } from "../support/browser.js";
import type { Told } from "./told.js";

/** Has a page of the gateway's own origin call it with @connectrpc/connect-web, by the browser's fetch. */
export async function callInChromium(
  executable: string,
  protocol: string,
  url: string,
  reader: string,
): Promise<Told[]> {
  const entry = join(import.meta.dirname, "connect-web.js");
  const esbuild = join(root, "node_modules", ".bin", "esbuild");
  const args = [entry, "--bundle", "--format=iife", "--global-name=foreign", "--log-level=warning"];
  const bundle = execFileSync(esbuild, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const browser = await startBrowser(executable);
  try {
    // Nobody told the browser of the tests' certificate authority; and what is no page may call nobody.
    const page = await browser.newPage({ ignoreHTTPSErrors: true, bypassCSP: true });
    await page.goto(`${url}/livez`);
    const call = [protocol, url, reader].map((one) => JSON.stringify(one)).join(", ");
    return await page.evaluate<Told[]>(`(() => { ${bundle}; return foreign.callWithConnectWeb(${call}); })()`);
  } finally {
    await browser.close();
  }
}
