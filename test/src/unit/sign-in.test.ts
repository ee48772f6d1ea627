import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { AccessHarness } from "@apispool/gateway/access/testing/access-harness.js";
import type { Browser } from "playwright-core";
import { findChromium } from "../support/browser.js";
import { axeViolations, launchBrowser, openConsole, overflow, picture } from "../support/console-page.js";

const chromium = findChromium();
const withChromium = chromium === undefined ? describe.skip : describe;

withChromium("a real browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser(chromium ?? "");
  });
  afterAll(() => browser.close());

  it("lets a person sign in to the console, says what is wrong, and forgets the key", async () => {
    const access = await AccessHarness.start();
    try {
      const { page, complaints, requests, context } = await openConsole(browser, access.url, "phone");
      const field = page.getByLabel("Key or token");
      await field.waitFor();
      expect(await axeViolations(page)).toEqual([]);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
      await picture(page, "sign-in-phone");
      await field.fill("apispool_wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("The key is unknown.").first().waitFor();
      const { key } = access.keys.admin;
      await field.fill(key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("quakes").first().waitFor();
      expect(await field.count()).toBe(0);
      await page.reload();
      await page.getByText("quakes").first().waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();
      await field.waitFor();
      expect(await page.evaluate<number>("sessionStorage.length + localStorage.length")).toBe(0);
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => url.includes("apispool_"))).toEqual([]);
      await context.close();
    } finally {
      await access.stop();
    }
  });

  it("cannot be used by a page of another site against a gateway on this machine", async () => {
    const open = await AccessHarness.start({ file: undefined, allowedHosts: [] });
    const { harness } = open;
    const evil = http.createServer((_, res) => res.setHeader("content-type", "text/html").end("<p>Hello</p>"));
    evil.listen(0, "127.0.0.1");
    await once(evil, "listening");
    try {
      harness.reader.add(['{"n":1}']);
      const page = await browser.newPage();
      await page.goto(`http://localhost:${(evil.address() as AddressInfo).port}/`);
      const outcome = await page.evaluate<string[]>(`(async () => {
        const at = ${JSON.stringify(harness.url)};
        const json = { "content-type": "application/json" };
        const done = (promise) => promise.then((answer) => answer.type, () => "refused");
        const image = new Promise((resolve) => {
          const one = new Image();
          one.onload = one.onerror = () => resolve("over");
          one.src = at + "/data";
        });
        return [
          await done(fetch(at + "/data", { mode: "no-cors" })),
          await done(fetch(at + "/data")),
          await done(fetch(at + "/worker", { method: "POST", headers: json, body: '{"command":"start"}' })),
          await done(fetch(at + "/worker", { method: "POST", mode: "no-cors", body: '{"command":"start"}' })),
          await done(fetch(at + "/data/readers/default", { method: "DELETE" })),
          await image,
        ];
      })()`);
      expect(outcome).toEqual(["refused", "refused", "refused", "refused", "refused", "over"]);
      // The browser did send what it sends without asking first; the rest ended with the question.
      const refused = open.audit.filter(({ detail }) => detail === "ORIGIN_NOT_ALLOWED");
      expect(refused).toHaveLength(6);
      expect(harness.reader.requests).toEqual([]);
      expect(harness.ingestor.started).toBe(false);
      await page.close();
    } finally {
      evil.close();
      await open.stop();
    }
  });
});
