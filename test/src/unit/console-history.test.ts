import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Harness } from "@apispool/gateway/testing/harness.js";
import type { Browser } from "playwright-core";
import { findChromium } from "../support/browser.js";
import {
  type ConsolePage,
  type Look,
  axeViolations,
  launchBrowser,
  looks,
  openConsole,
  overflow,
  picture,
} from "../support/console-page.js";

const chromium = findChromium();
const pictures = (process.env["APISPOOL_SCREENSHOTS"] ?? "") !== "";
const day = 86_400_000;

// A page is drawn slowly where the cores are busy; nothing here depends on how fast.
jest.setTimeout(120_000);

/** Of the gateway's own parts, with a store that is an array: no Kafka is needed for what the page does with the answers. */
(chromium === undefined ? describe.skip : describe)("the console's history, in Chromium", () => {
  let harness: Harness;
  let browser: Browser;
  const open: ConsolePage[] = [];

  beforeAll(async () => {
    harness = await Harness.startWithStore();
    const { store } = harness;
    const first = Date.UTC(2026, 10, 3, 9);
    for (let i = 0; i < 120; i += 1) {
      const ingestedAt = timestampFromMs(first + Math.floor(i / 7) * day + (i % 7) * 3_600_000);
      const mag = ((i * 37) % 61) / 10;
      const json = `{"type":"Feature","properties":{"mag":${mag.toFixed(1)},"serial":9007199254740993${i},"place":"${i} km NE of Hualien City, Taiwan"}}`;
      store.add("quakes", `us7000r${400 + i}`, json, { ingestedAt, eventTime: ingestedAt });
    }
    store.add("tides", "gauge-7", '{"height":2.31}', { ingestedAt: timestampFromMs(first + 17 * day) });
    store.add("tides", "gauge-7", '{"height":2.40}', { ingestedAt: timestampFromMs(first + 18 * day) });
    store.freshness = { behind: 0n };
    browser = await launchBrowser(chromium ?? "");
  });
  afterAll(async () => {
    await browser?.close();
    await harness?.stop();
  });
  afterEach(async () => {
    const complaints = open.flatMap((one) => one.complaints);
    for (const { context } of open.splice(0)) await context.close();
    expect(complaints).toEqual([]);
  });

  const show = async (look: Look = "light", url = harness.url): Promise<ConsolePage> => {
    const shown = await openConsole(browser, `${url}/`, look);
    open.push(shown);
    return shown;
  };

  it("is not there without a store", async () => {
    const without = await Harness.start();
    try {
      const { page } = await show("light", without.url);
      await page.getByText("Connected", { exact: true }).waitFor();
      expect(await page.getByRole("link", { name: "History" }).count()).toBe(0);
    } finally {
      await Promise.all(open.map(({ context }) => context.close()));
      await without.stop();
    }
  });

  // The narrowest; the others are looked at with the pictures.
  it.each(pictures ? (Object.keys(looks) as Look[]) : (["phone-dark"] as const))(
    "searches, pages, opens versions and rebuilds, with no accessibility violation: %s",
    async (look) => {
      const { store } = harness;
      const { page } = await show(look);
      const check = async (view: string): Promise<void> => {
        await picture(page, `${view}-${look}`);
        expect(await axeViolations(page)).toEqual([]);
        expect(await overflow(page)).toBe(0);
      };
      await page.getByRole("link", { name: "History" }).click();
      await page.getByText("122 records", { exact: true }).waitFor();
      const rows = page.locator("tbody tr");
      expect(await rows.count()).toBe(50);
      await check("history");
      await page.getByRole("button", { name: "The next 50" }).click();
      await page.getByRole("button", { name: "us7000r430", exact: true }).waitFor();
      expect(await rows.count()).toBe(100);

      await page.getByRole("button", { name: "gauge-7", exact: true }).first().click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Version").selectOption({ index: 1 });
      await dialog.getByRole("button", { name: "Raw" }).click();
      expect(await dialog.locator("pre").innerText()).toBe('{"height":2.31}');
      await check("history-record");
      await page.keyboard.press("Escape");

      await page.getByLabel("Source").selectOption("tides");
      await page.getByLabel("Where").fill("height >= 2");
      await page.getByLabel("Newest version only").check();
      await page.getByLabel("Where").press("Enter");
      await page.getByText("1 record", { exact: true }).waitFor();
      expect(store.queries.at(-1)?.filter).toMatchObject({ sources: ["tides"], where: "height >= 2", versions: 2 });
      await page.getByLabel("Where").fill("height ?");
      await page.getByRole("button", { name: "Search" }).click();
      expect(await page.getByRole("alert").innerText()).toMatch(/^Where: has "\?" at 1/);

      await page.getByRole("button", { name: "Build again" }).click();
      await check("history-rebuild");
      await dialog.getByRole("button", { name: "Cancel" }).click();
      const before = store.rebuilds;
      await page.getByRole("button", { name: "Build again" }).click();
      await dialog.getByRole("button", { name: "Build it again" }).click();
      await page.getByText("The store was built again.").waitFor();
      expect(store.rebuilds).toBe(before + 1);
    },
  );
});
