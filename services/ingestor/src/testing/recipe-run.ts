import type { SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { SourceConfig } from "../config/source-config.js";
import { GatedApi } from "./gated-api.js";
import { Harness, type TestIngestor, headerOf } from "./harness.js";
import { recipe } from "./recipes.js";

/** One ingestor for the recipes of a test file, a Kafka that is really there, and the API that they all ask. */
export class RecipeRun {
  readonly api: GatedApi;
  readonly harness: Harness;
  readonly #ingestor: TestIngestor;

  private constructor(api: GatedApi, harness: Harness, ingestor: TestIngestor) {
    this.api = api;
    this.harness = harness;
    this.#ingestor = ingestor;
  }

  /** `env` is what the recipes' variables are set to; it gets the API's address. */
  static async start(
    names: readonly string[],
    env: (url: string) => Readonly<Record<string, string>>,
    change: (source: SourceConfig) => SourceConfig = (source) => source,
  ): Promise<RecipeRun> {
    const api = await GatedApi.start();
    const harness = new Harness();
    const sources = names.flatMap((name) => recipe(name, env(api.url))).map(change);
    return new RecipeRun(api, harness, await harness.ready(sources));
  }

  async start(...sources: string[]): Promise<void> {
    await this.#ingestor.control.start({ sources });
  }

  async stop(...sources: string[]): Promise<void> {
    await this.#ingestor.control.stop({ sources });
  }

  async status(source: string): Promise<SourceStatus> {
    const { sources } = await this.#ingestor.control.getStatus({ sources: [source] });
    const [only] = sources;
    if (only === undefined) throw new Error(`no status of ${source}`);
    return only;
  }

  /** The JSON of all records, as it is in Kafka. */
  async values(source: string): Promise<string[]> {
    return await this.harness.values(source);
  }

  /** All records' ids and event times. */
  async idsAndTimes(source: string): Promise<(readonly [id: string | undefined, time: string | undefined])[]> {
    const records = await this.harness.read(this.harness.names.records(source));
    return records.map((record) => [headerOf(record, "ce_id"), headerOf(record, "ce_time")]);
  }

  async deadLetters(source: string): Promise<string[]> {
    const letters = await this.harness.read(this.harness.names.deadLetters(source));
    return letters.map((letter) => `${String(letter.value)}: ${headerOf(letter, "apispool-reason")}`);
  }

  async close(): Promise<void> {
    await this.harness.close();
    await this.api[Symbol.asyncDispose]();
  }
}
