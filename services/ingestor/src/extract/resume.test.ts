import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ExtractConfig } from "../config/source-config.js";
import { answer, cutAt, extractConfig, readAll } from "../testing/pages.js";
import { createExtractor } from "./open-page.js";

type Format = ExtractConfig["format"];

const bodies: Record<Format, (ids: readonly number[]) => string> = {
  json: (ids) => JSON.stringify(ids.map((id) => ({ id }))),
  ndjson: (ids) => ids.map((id) => `{"id":${id}}\n`).join(""),
  csv: (ids) => `id\n${ids.map((id) => `${id}\n`).join("")}`,
  xml: (ids) => `<r>${ids.map((id) => `<i><id>${id}</id></i>`).join("")}</r>`,
};
const formats = Object.keys(bodies) as Format[];
const ids = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

describe.each(formats)("a page of %s of which a part was committed", (format) => {
  const open = createExtractor(extractConfig({ format }));
  const page = (of: readonly number[]): ReturnType<typeof answer> => answer(bodies[format](of));

  it("goes on behind that part, wherever it ended", async () => {
    const whole = await readAll(await open(page(ids(2500))));
    expect(whole.batches.length).toBeGreaterThan(2);
    for (const [i, { itemsDone, rolling }] of whole.batches.entries()) {
      const rest = await readAll(await open(page(ids(2500)), { itemsDone, rolling }));
      const expected = whole.batches.slice(i + 1);
      if (expected.length > 0) expect(rest.batches).toEqual(expected);
      // All of it was: what is told is how many there are.
      else expect(rest.batches).toEqual([{ records: [], deadLetters: [], filtered: 0, itemsDone, rolling }]);
    }
  });

  it("is read from its beginning where it has become another one", async () => {
    const { batches } = await readAll(await open(page(ids(1500))));
    const resume = { itemsDone: 1000, rolling: batches[0]?.rolling ?? "" };
    for (const other of [ids(1500, 1), ids(900), [], [...ids(999), 7]]) {
      const read = async (): Promise<string[]> =>
        (await readAll(await open(page(other), resume))).records.map(({ id }) => id);
      const expected = other.map(String);
      // A stream cannot be read twice: it says so before it gives anything, and the caller asks again.
      if (format === "json" || format === "xml") expect(await read()).toEqual(expected);
      else await expect(read()).rejects.toMatchObject({ name: "ResumeMismatch" });
    }
  });
});

describe("the hash of the items so far", () => {
  it("does not depend on where the body was cut, and on nothing else but the items", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.json()), fc.array(fc.nat()), async (values, places) => {
        const open = createExtractor(extractConfig({ format: "ndjson" }));
        const body = Buffer.from(values.map((value) => `{"id":${value}}\n`).join(""));
        const cut = await open(answer(cutAt(body, places)));
        const whole = await open(answer(body));
        expect((await readAll(cut)).batches).toEqual((await readAll(whole)).batches);
        expect(cut.hash()).toBe(whole.hash());
      }),
    );
  });
});
