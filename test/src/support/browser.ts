import { existsSync } from "node:fs";
import { createRequire } from "node:module";

/** As much of Playwright's API as is used here; its own types need those of the DOM, which nothing else here may see. */
export interface Page {
  goto(url: string): Promise<unknown>;
  /** Runs the text of an expression in the page, and gives its value as JSON would. */
  evaluate<T>(expression: string): Promise<T>;
  close(): Promise<void>;
}

export interface Browser {
  newPage(options?: { readonly ignoreHTTPSErrors?: boolean; readonly bypassCSP?: boolean }): Promise<Page>;
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> };
}

/** Where Chromium is; undefined where it is not installed. `CHROMIUM_PATH` says where else it may be. */
export function findChromium(): string | undefined {
  const places = [process.env["CHROMIUM_PATH"] ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser"];
  return places.find((place) => place !== "" && existsSync(place));
}

/** A real Chromium without a window, which calls nobody by itself. */
export async function startBrowser(executablePath: string): Promise<Browser> {
  const { chromium } = createRequire(import.meta.url)("playwright-core") as Playwright;
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
