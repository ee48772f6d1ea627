import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { DesiredState, WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { Browser, Locator } from "playwright-core";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { findChromium } from "./support/browser.js";
import {
  type ConsolePage,
  type Look,
  axeViolations,
  launchBrowser,
  looks,
  openConsole,
  overflow,
  picture,
} from "./support/console-page.js";
import { CutProxy } from "./support/cut-proxy.js";
import { getData } from "./support/data-client.js";
import { ShownApi } from "./support/shown-api.js";
import { eventually } from "./support/wait.js";

const chromium = findChromium();
if (chromium === undefined) {
  console.warn("The console is not tested: no Chromium (apt-get install chromium, or CHROMIUM_PATH=/path/to/it).");
}

/** With pictures wanted the console is watched for longer, so that its plot has something to show. */
const growths = (process.env["APISPOOL_SCREENSHOTS"] ?? "") === "" ? 0 : 20;

const customers = ["Ada", "Grace", "Edsger", "Barbara", "Tony"];

/** An order as an API gives it; its number is beyond what JavaScript's numbers hold. */
function order(number: number): string {
  const total = ((number * 7919) % 20_000) / 100;
  return (
    `{"id":"ord-${number}","serial":90071992547409931${number},"customer":{"name":"${customers[number % 5]}","vip":${number % 7 === 0}},` +
    `"total":${total.toFixed(2)},"currency":"EUR","items":[{"sku":"SKU-${(number * 31) % 977}","quantity":${1 + (number % 4)}}],"note":null}`
  );
}

const shipment = (number: number): string =>
  `{"id":"shp-${number}","order":"ord-${number}","state":"in_transit","carrier":"Polar Post"}`;

// A page is drawn slowly where the cores are busy; nothing here depends on how fast.
jest.setTimeout(180_000);

(chromium === undefined ? describe.skip : describe)("the console, in Chromium", () => {
  const apis: ShownApi[] = [];
  let orders: ShownApi;
  let shipments: ShownApi;
  let payments: ShownApi;
  let folder: string;
  let stack: TestStack;
  let proxy: CutProxy;
  let browser: Browser;
  let worker: Client<typeof WorkerControl>;
  let reader: Client<typeof DataReader>;
  let made = 0;
  const open: ConsolePage[] = [];

  beforeAll(async () => {
    apis.push(...(await Promise.all([ShownApi.start(), ShownApi.start(), ShownApi.start()])));
    [orders, shipments, payments] = apis as [ShownApi, ShownApi, ShownApi];
    folder = await mkdtemp(join(tmpdir(), "apispool-console-"));
    const configFile = join(folder, "apispool.yaml");
    await writeFile(
      configFile,
      `defaults: { interval: 200ms, id: id }
sources:
  orders: { url: "${orders.url}", autostart: true }
  payments: { url: "${payments.url}" }
  shipments: { url: "${shipments.url}", autostart: true }
`,
    );
    stack = await startTestStack({ configFile });
    proxy = await CutProxy.start(stack.gatewayUrl);
    browser = await launchBrowser(chromium ?? "");
    const transport = createConnectTransport({ baseUrl: stack.gatewayUrl });
    worker = createClient(WorkerControl, transport);
    reader = createClient(DataReader, transport);
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await proxy?.cut();
    await stack?.stop();
    for (const api of apis) await api[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }, 60_000);

  afterEach(async () => {
    const complaints = open.flatMap((one) => one.complaints);
    for (const { context } of open.splice(0)) await context.close();
    expect(complaints).toEqual([]);
  });

  const show = async (view = "", look: Look = "light"): Promise<ConsolePage> => {
    const shown = await openConsole(browser, `${proxy.url}/${view}`, look);
    open.push(shown);
    return shown;
  };
  const newOrders = (count: number): string[] => {
    const numbers = Array.from({ length: count }, () => 1000 + made++);
    orders.add(...numbers.map(order));
    return numbers.map((number) => `ord-${number}`);
  };
  const textOf = async (locator: Locator): Promise<string> => (await locator.innerText()).replaceAll(/\s+/g, " ");
  const written = async (source: string): Promise<bigint> =>
    (await worker.getStatus({ sources: [source] })).sources[0]?.recordsTotal ?? 0n;

  it("loads everything from its own address, under a strict policy, in less than 100 kB", async () => {
    const { page, requests } = await show();
    await page.getByRole("heading", { name: "Sources", level: 1 }).waitFor();
    const addresses = [...new Set(requests)].filter((url) => !url.includes("apispool.v1") && !url.includes("grpc."));
    expect(addresses.every((url) => url.startsWith(proxy.url))).toBe(true);
    let bytes = 0;
    for (const url of addresses) {
      const answer = await fetch(url, { headers: { accept: "text/html", "accept-encoding": "identity" } });
      expect(answer.status).toBe(200);
      bytes += gzipSync(Buffer.from(await answer.arrayBuffer()), { level: 9 }).length;
    }
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    expect(bytes).toBeLessThan(100_000);
    const policy = (await page.request.get(proxy.url, { headers: { accept: "text/html" } })).headers()[
      "content-security-policy"
    ];
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*/);
  });

  it("starts and stops a source, and says what it does", async () => {
    const { page } = await show();
    const card = page.locator("[data-source=payments]");
    await card.getByText("Stopped").waitFor();
    expect(await card.getByRole("button", { name: "Stop payments" }).isDisabled()).toBe(true);
    payments.add('{"id":"pay-1","amount":"12.50"}');
    await card.getByRole("button", { name: "Start payments" }).click();
    await card.getByText("Running").waitFor();
    await page.getByText("payments is started.").waitFor();
    await eventually(async () => expect(await textOf(card)).toContain("Written 1"));
    expect((await worker.getStatus({ sources: ["payments"] })).sources[0]?.desiredState).toBe(DesiredState.STARTED);
    await card.getByRole("button", { name: "Stop payments" }).click();
    await card.getByText("Stopped").waitFor();
    await page.getByText("payments is stopped.").waitFor();
    expect((await worker.getStatus({ sources: ["payments"] })).sources[0]?.desiredState).toBe(DesiredState.STOPPED);
  });

  it("says what is wrong with a source, and what to do", async () => {
    payments.fail({ status: 503, body: '{"error":"the ledger is being rebuilt"}' });
    const { page } = await show();
    const card = page.locator("[data-source=payments]");
    await card.getByRole("button", { name: "Start payments" }).click();
    // While it tries again it is not failing for a moment.
    await eventually(async () => {
      const text = await textOf(card);
      expect(text).toContain("Failing");
      expect(text).toMatch(/503.*the ledger is being rebuilt/);
      expect(text).toContain("A fault of the API itself.");
    });
  });

  it("can be used with the keyboard alone", async () => {
    const { page } = await show();
    await page.locator("[data-source=shipments]").getByText("Running").waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    const focused = page.locator(":focus");
    for (let i = 0; i < 40 && (await focused.getAttribute("aria-label")) !== "Stop shipments"; i += 1)
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("shipments is stopped.").waitFor();
    // It does nothing more, but is where it was.
    expect(await focused.getAttribute("aria-label")).toBe("Stop shipments");
    await page.getByRole("button", { name: "Start shipments" }).press("Space");
    await page.getByText("shipments is started.").waitFor();
  });

  it("shows what arrives as it arrives, byte for byte, and moves nobody's reader", async () => {
    const before = await reader.listReaders({});
    const { page } = await show("#/records");
    await page.getByText("Live", { exact: true }).waitFor();
    const ids = newOrders(1);
    await page.getByRole("button", { name: ids[0] ?? "", exact: true }).waitFor();
    const more = newOrders(3);
    for (const id of more) await page.getByRole("button", { name: id, exact: true }).waitFor();
    const shown = await page.locator("tbody button.link").allInnerTexts();
    expect(shown.slice(0, 4)).toEqual([...more].reverse().concat(ids));
    await page.getByRole("button", { name: ids[0] ?? "", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Raw" }).click();
    expect(await dialog.locator("pre").innerText()).toBe(order(1000 + made - 4));
    await page.keyboard.press("Escape");
    expect(await dialog.count()).toBe(0);
    expect(await page.locator(":focus").innerText()).toBe(ids[0]);
    expect(await reader.listReaders({})).toEqual(before);
  });

  it("filters by source and by text, pauses, and catches up", async () => {
    const { page } = await show("#/records");
    const [id = ""] = newOrders(1);
    await page.getByRole("button", { name: id, exact: true }).waitFor();
    shipments.add(shipment(1));
    await page.getByRole("button", { name: "shp-1", exact: true }).waitFor();
    await page.getByLabel("Contains").fill("polar post");
    await eventually(async () => expect(await page.locator("tbody button.link").allInnerTexts()).toEqual(["shp-1"]));
    await page.getByLabel("Contains").fill("");
    await page.getByLabel("Source").selectOption("shipments");
    await eventually(async () => expect(await page.locator("td.source-name").allInnerTexts()).toEqual(["shipments"]));
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused", { exact: true }).waitFor();
    const total = await written("shipments");
    shipments.add(shipment(2));
    await eventually(async () => expect(await written("shipments")).toBe(total + 1n));
    expect(await page.getByRole("button", { name: "shp-2", exact: true }).count()).toBe(0);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "shp-2", exact: true }).waitFor();
    await page.getByLabel("Begin").selectOption("latest");
    await eventually(async () => expect(await page.locator("tbody tr").count()).toBe(0));
    await page.getByLabel("Begin").selectOption("earliest");
    for (const id of ["shp-1", "shp-2"]) await page.getByRole("button", { name: id, exact: true }).waitFor();
  });

  it("tells what readers have not read, seeks and deletes them after asking", async () => {
    const { page } = await show("#/readers");
    await getData(stack.gatewayUrl, "reader=loader");
    const card = page.locator("[data-reader=loader]");
    const unread = card.locator(".figure").first();
    await eventually(async () => expect(await textOf(unread)).toBe("Unread 0"));
    newOrders(3);
    await eventually(async () => expect(await textOf(unread)).toBe("Unread 3"));

    await card.getByRole("button", { name: "Seek loader" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("The beginning").check();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await eventually(async () => expect((await reader.getReader({ reader: "loader" })).reader?.unread).toBe(3n));

    await card.getByRole("button", { name: "Seek loader" }).click();
    await dialog.getByLabel("The beginning").check();
    await dialog.getByRole("button", { name: "Move loader" }).click();
    await page.getByText(/loader was moved/).waitFor();
    await eventually(async () =>
      expect((await reader.getReader({ reader: "loader" })).reader?.unread).toBeGreaterThan(3n),
    );

    await card.getByRole("button", { name: "Seek loader" }).click();
    await dialog.getByLabel("Offsets").check();
    await dialog.getByLabel("orders, partition 0").fill("minus one");
    await dialog.getByRole("button", { name: "Move loader" }).click();
    expect(await dialog.getByRole("alert").innerText()).toContain("must be a whole number");
    await dialog.getByLabel("orders, partition 0").fill("2");
    await dialog.getByRole("button", { name: "Move loader" }).click();
    await eventually(async () =>
      expect((await reader.getReader({ reader: "loader" })).reader?.positions).toContainEqual(
        expect.objectContaining({ source: "orders", offset: 2n }),
      ),
    );

    await card.getByRole("button", { name: "Delete loader" }).click();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    expect((await reader.listReaders({})).readers.map(({ name }) => name)).toContain("loader");
    await card.getByRole("button", { name: "Delete loader" }).click();
    await dialog.getByRole("button", { name: "Delete loader" }).click();
    await page.getByText("loader is deleted.").waitFor();
    expect(await card.count()).toBe(0);
    expect((await reader.listReaders({})).readers.map(({ name }) => name)).not.toContain("loader");
  });

  it("shows what could not become a record, with the reason and the bytes", async () => {
    const { page } = await show("#/dead-letters?source=payments");
    await page.getByText("None. Everything that came became a record.").waitFor();
    await page.getByLabel("Source").selectOption("");
    const letter = '{"order":"ord-1","state":"lost","carrier":"Polar Post"}';
    shipments.add(letter);
    const card = page.locator(".card.letter");
    await card.getByText(/no id/).waitFor();
    await card.getByText("Raw bytes").click();
    expect(await card.locator("pre").innerText()).toBe(letter);
    await page.getByRole("link", { name: "Sources" }).click();
    await page.locator("[data-source=shipments]").getByRole("link", { name: "1", exact: true }).click();
    await page.getByRole("heading", { name: "Dead letters" }).waitFor();
    expect(await page.getByLabel("Source").inputValue()).toBe("shipments");
    const answer = await fetch(`${stack.gatewayUrl}/worker/dead-letters?source=shipments`);
    expect(await answer.json()).toMatchObject({ deadLetters: [{ source: "shipments", raw: letter }], more: false });
  });

  it("says that the gateway is gone, goes on by itself when it is back, and has missed nothing", async () => {
    const { page } = await show("#/records");
    const [id = ""] = newOrders(1);
    await page.getByRole("button", { name: id, exact: true }).waitFor();
    await proxy.cut();
    await page.getByText(/does not answer/).waitFor();
    await page.getByText("Disconnected", { exact: true }).waitFor();
    await page.getByText("Not live", { exact: true }).waitFor();
    await picture(page, "disconnected-light");
    expect(await axeViolations(page)).toEqual([]);
    const total = await written("orders");
    const ids = newOrders(2);
    await eventually(async () => expect(await written("orders")).toBe(total + 2n));
    await proxy.mend();
    for (const id of ids) await page.getByRole("button", { name: id, exact: true }).waitFor();
    await page.getByText("Connected", { exact: true }).waitFor();
    await eventually(async () => expect(await page.getByText(/does not answer/).count()).toBe(0));
    // Nor is anything shown twice.
    const shown = await page.locator("tbody button.link").allInnerTexts();
    expect(new Set(shown).size).toBe(shown.length);
  });

  it("notices a gateway that is silent", async () => {
    const { page } = await show();
    await page.locator("[data-source=orders]").getByText("Running").waitFor();
    proxy.freeze();
    await page.getByText(/does not answer/).waitFor();
    proxy.thaw();
    await page.getByText("Connected", { exact: true }).waitFor();
    const total = await written("orders");
    newOrders(1);
    await eventually(async () =>
      expect(await textOf(page.locator("[data-source=orders]"))).toContain(`Written ${total + 1n}`),
    );
  });

  it("survives a gateway that is killed and started again", async () => {
    const { page } = await show();
    await page.locator("[data-source=orders]").getByText("Running").waitFor();
    await stack.kill("gateway");
    await stack.ready();
    await page.getByText("Connected", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Stop shipments" }).click();
    await page.getByText("shipments is stopped.").waitFor();
    await page.getByRole("button", { name: "Start shipments" }).click();
    await page.getByText("shipments is started.").waitFor();
  });

  it("says so when a service behind the gateway is away", async () => {
    const { page } = await show("#/readers");
    await stack.process("reader").stop();
    await page.getByText(/The readers cannot be listed/).waitFor();
    await page.getByText("Not ready", { exact: true }).waitFor();
    stack.process("reader").start();
    await page.getByText("Connected", { exact: true }).waitFor();
    await eventually(async () => expect(await page.getByText(/The readers cannot be listed/).count()).toBe(0));
  });

  describe("for everybody", () => {
    beforeAll(async () => {
      payments.fail({ status: 503, body: '{"error":"the ledger is being rebuilt"}' });
      await worker.start({});
      // Some that cannot become records.
      shipments.add(
        '{"order":"ord-1004","state":"unknown","carrier":"Polar Post"}',
        '{"id":{"no":1},"order":"ord-1005"}',
      );
      newOrders(9);
      await eventually(async () => expect(await written("orders")).toBeGreaterThanOrEqual(9n));
      await getData(stack.gatewayUrl, "reader=dashboard");
      await getData(stack.gatewayUrl, "reader=warehouse.loader&source=orders&limit=2");
      await getData(stack.gatewayUrl, "reader=billing-export&source=payments");
      newOrders(4);
    });

    // The narrowest; the others take time, and are looked at with the pictures.
    it.each(growths > 0 ? (Object.keys(looks) as Look[]) : (["phone-dark"] as const))(
      "has no accessibility violation and fits: %s",
      async (look) => {
        const { page } = await show("", look);
        await page.locator("[data-source=payments]").getByText("Failing").waitFor();
        for (let i = 0; i < growths; i += 1) {
          newOrders(1 + ((i * 7) % 11));
          await new Promise((resolve) => setTimeout(resolve, 2000));
        }
        await check("sources");
        await page.getByRole("link", { name: "Records" }).click();
        await eventually(async () => {
          const [id = ""] = newOrders(12);
          await page.getByRole("button", { name: id, exact: true }).waitFor({ timeout: 2000 });
        });
        shipments.add(shipment(100 + made));
        await page.getByRole("button", { name: `shp-${100 + made}`, exact: true }).waitFor();
        await check("records");
        await page.locator("tbody button.link", { hasText: "ord-" }).first().click();
        await page.getByRole("dialog").waitFor();
        await check("record");
        await page.keyboard.press("Escape");
        await page.getByRole("link", { name: "Readers" }).click();
        await page.locator("[data-reader=dashboard]").waitFor();
        await check("readers");
        await page.getByRole("button", { name: "Seek dashboard" }).click();
        await page.getByLabel("Offsets").check();
        await check("seek");
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "Delete dashboard" }).click();
        await page.getByRole("dialog").waitFor();
        await check("delete");
        await page.keyboard.press("Escape");
        await page.getByRole("link", { name: "Dead letters" }).click();
        await page.locator(".card.letter").first().getByText("Raw bytes").click();
        await page.locator(".card.letter pre").waitFor();
        await check("dead-letters");

        async function check(view: string): Promise<void> {
          await picture(page, `${view}-${look}`);
          expect(await axeViolations(page)).toEqual([]);
          expect(await overflow(page)).toBe(0);
        }
      },
      180_000,
    );
  });

  it.each(growths > 0 ? (["light", "dark", "phone"] as const) : (["light"] as const))(
    "leads to /docs, where /worker and /data can be tried out (%s)",
    async (look) => {
      const { page, requests } = await show("", look);
      await page.getByRole("link", { name: "API" }).click();
      const answerOf = async (id: string): Promise<string> => {
        const operation = page.locator(`#operations-${id}`);
        await operation.locator(".opblock-summary-control").click();
        await operation.getByRole("button", { name: "Execute" }).click();
        const answer = operation.locator(".live-responses-table tbody");
        await answer.locator(".response-col_status", { hasText: "200" }).waitFor();
        await page.evaluate(`document.querySelector("#operations-${id} .live-responses-table").scrollIntoView()`);
        expect(await overflow(page)).toBe(0);
        return await answer.innerText();
      };
      await page.locator("#operations-Sources-getStatus").waitFor();
      await picture(page, `api-${look}`);
      expect(await answerOf("Sources-getStatus")).toMatch(/"source": "orders"[^]*"desiredState": "STARTED"/);
      expect(await answerOf("Sources-control")).toMatch(/"source": "payments"[^]*"desiredState": "STARTED"/);
      newOrders(1);
      expect(await answerOf("Reading-fetchUnread")).toContain('"records": [');
      await picture(page, `api-data-${look}`);
      // Of a tail that does not end what comes within a few seconds.
      if (look === "light" && growths > 0)
        expect(await answerOf("Sources-watchStatus")).toContain('data: {"sources":[');
      expect(requests.filter((url) => !url.startsWith(proxy.url) && !url.startsWith("data:"))).toEqual([]);
      await page.getByRole("link", { name: "Console" }).click();
      await page.getByRole("heading", { name: "Sources", level: 1 }).waitFor();
    },
  );

  it("is an overview in JSON for whoever takes no HTML", async () => {
    const answer = await fetch(proxy.url, { headers: { accept: "*/*" } });
    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(await answer.json()).toMatchObject({ name: "apispool" });
  });
});
