import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { startBrowser } from "./browser.js";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** How the console is looked at. */
export const looks = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 860 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 } },
  "phone-dark": { colorScheme: "dark", viewport: { width: 390, height: 844 } },
} as const;
export type Look = keyof typeof looks;

/** A page of the console, and all that went wrong on it. */
export interface ConsolePage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained of: errors of scripts, breaches of the content-security policy. */
  readonly complaints: string[];
  /** Every address that was asked for. */
  readonly requests: string[];
}

/** A real browser, with all of Playwright's API. */
export async function launchBrowser(executablePath: string): Promise<Browser> {
  return (await startBrowser(executablePath)) as unknown as Browser;
}

export async function openConsole(browser: Browser, url: string, look: Look = "light"): Promise<ConsolePage> {
  const { viewport, colorScheme } = looks[look];
  const context = await browser.newContext({
    viewport,
    colorScheme,
    reducedMotion: "reduce",
    hasTouch: look.startsWith("phone"),
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A connection that breaks is told by the browser itself; the tests break some.
    if (message.type() === "error" && !/net::ERR|Failed to load resource/.test(message.text()))
      complaints.push(message.text());
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, context, complaints, requests };
}

/** What axe-core finds wrong, in lines; nothing is left out. */
export async function axeViolations(page: Page): Promise<string[]> {
  // By the debugger's own way: the page's policy would not let it in by any other.
  await page.evaluate(`${axeSource}; undefined`);
  return await page.evaluate<string[]>(
    `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
       violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => [id, help, target, failureSummary].join(" | "))))`,
  );
}

/** Whether the page is wider than its window: on a phone it would have to be pushed to and fro. */
export async function overflow(page: Page): Promise<number> {
  return await page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}

/** Keeps a picture in the folder that APISPOOL_SCREENSHOTS names; nothing without it. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["APISPOOL_SCREENSHOTS"];
  if (folder === undefined || folder === "") return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
