import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { onPath } from "./programs.js";
import { type RivalJob, rivals } from "./rivals.js";

const job: RivalJob = {
  url: "http://127.0.0.1:1234/pages/1",
  brokers: "127.0.0.1:1,127.0.0.1:2",
  topic: "rival-1",
  records: 2500,
  perPage: 1000,
};

const configOf = (part: string): string => {
  const found = rivals.filter(({ name }) => name.includes(part));
  expect(found).toHaveLength(1);
  return found[0]?.config(job) ?? "";
};

describe("what the rivals are told", () => {
  it("every rival gets all brokers and its topic", () => {
    for (const { config } of rivals) {
      for (const word of ["127.0.0.1:1", "127.0.0.1:2", '"rival-1"', job.url]) expect(config(job)).toContain(word);
    }
  });

  it("Benthos follows the next page of the answer before", () => {
    expect(JSON.parse(configOf("following"))).toMatchObject({
      input: { http_client: { url: 'http://127.0.0.1:1234/pages/1${! ("?page=" + this.next.not_null()) | "" }' } },
      output: { kafka_franz: { seed_brokers: ["127.0.0.1:1", "127.0.0.1:2"], topic: "rival-1" } },
    });
  });

  it("Benthos makes a request for each page, a last one that is not full too", () => {
    expect(JSON.parse(configOf("Benthos, JSON pages, their numbers"))).toMatchObject({
      input: { generate: { count: 3 } },
    });
  });

  it("Telegraf has an address for each page and room for all records", () => {
    const config = configOf("Telegraf");
    expect(config.match(/\?page=\d+/g)).toEqual(["?page=0", "?page=1", "?page=2"]);
    expect(Number(/metric_buffer_limit = (\d+)/.exec(config)?.[1])).toBeGreaterThanOrEqual(job.records);
  });
});

describe("finding a program", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "apispool-path-"))));
  afterEach(async () => rm(folder, { recursive: true }));

  it("gives the first place on the path where it can be run", async () => {
    const file = join(folder, "rival");
    const path = ["", join(folder, "nowhere"), folder].join(delimiter);
    expect(await onPath("rival", path)).toBeUndefined();
    await writeFile(file, "#!/bin/sh\n");
    expect(await onPath("rival", path)).toBeUndefined();
    await chmod(file, 0o755);
    expect(await onPath("rival", path)).toBe(file);
  });
});
