import type { CursorConfig, ExtractConfig } from "../config/source-config.js";
import { toBatches } from "./batches.js";
import { charsetOf, toUtf8, toUtf8Stream } from "./charset.js";
import { contentHash, RunningHash } from "./content-hash.js";
import { csvItems } from "./csv-items.js";
import { peek, type PeekedBody, refuseJson, refuseWebPage } from "./head.js";
import { readJson } from "./json-items.js";
import { type LineLimits, ndjsonItems } from "./ndjson-items.js";
import type { ItemBatch, OpenPage, Page, ResumeAt } from "./page.js";
import type { RawItem } from "./raw-item.js";
import { type RecordMaker, recordMaker } from "./record-maker.js";
import { ResumeMismatch } from "./resume-mismatch.js";
import { readXml } from "./xml-items.js";

/**
 * Reads answers as a source's configuration says. Opening fails with a PollError where the answer as a whole is not what
 * it should be; what breaks later fails in `batches`, and what was handed out before stays good. There, and only for the
 * formats that are streamed, {@link ResumeMismatch} may be thrown too.
 */
export function createExtractor(config: ExtractConfig, cursor?: CursorConfig): OpenPage {
  const make = recordMaker(config, cursor);
  return async (response, resume) => {
    if (response.status === 204 || response.status === 304) {
      // Read to its end, which is at once: a body that is destroyed takes its connection with it.
      response.body.on("error", () => undefined).resume();
      return wholePage(undefined, [], contentHash(Buffer.alloc(0)), make, resume);
    }
    try {
      const body = await peek(response.body);
      const contentType = response.headers["content-type"];
      const charset = charsetOf({ configured: config.charset, contentType, head: body.head });
      return config.format === "json" || config.format === "xml"
        ? await openWhole(body, config, charset, make, resume)
        : openStream(body, config, charset, contentType, make, resume);
    } catch (error) {
      response.body.destroy();
      throw error;
    }
  };
}

async function openWhole(
  { chunks }: PeekedBody,
  config: ExtractConfig,
  charset: string,
  make: RecordMaker,
  resume: ResumeAt | undefined,
): Promise<Page> {
  const pieces: Buffer[] = [];
  for await (const chunk of chunks) pieces.push(chunk);
  const body = Buffer.concat(pieces);
  const hash = contentHash(body);
  const text = toUtf8(body, charset, config.charset);
  if (isBlank(text)) return wholePage(undefined, [], hash, make, resume);
  const { document, items } = config.format === "json" ? readJson(text, config) : readXml(text, config);
  return wholePage(document, items, hash, make, resume);
}

function wholePage(
  document: unknown,
  items: Iterable<RawItem>,
  hash: string,
  make: RecordMaker,
  resume: ResumeAt | undefined,
): Page {
  return { batches: wholeBatches(items, make, resume), document: () => document, hash: () => hash };
}

/** The whole page is at hand: where it is not the one that was begun, it is read from its beginning at once. */
async function* wholeBatches(
  items: Iterable<RawItem>,
  make: RecordMaker,
  resume: ResumeAt | undefined,
): AsyncGenerator<ItemBatch> {
  try {
    yield* toBatches([items], make, resume);
  } catch (error) {
    if (!(error instanceof ResumeMismatch)) throw error;
    yield* toBatches([items], make);
  }
}

function openStream(
  { head, chunks }: PeekedBody,
  config: ExtractConfig,
  charset: string,
  contentType: string | undefined,
  make: RecordMaker,
  resume: ResumeAt | undefined,
): Page {
  const expected = config.format === "csv" ? "CSV" : "NDJSON";
  refuseWebPage(head, expected);
  if (config.format === "csv") refuseJson(head, contentType, expected);
  const limits: LineLimits = {
    maxRecordBytes: config.maxRecordBytes,
    transcoded: charset === "utf-8" ? undefined : charset,
  };
  const hash = new RunningHash();
  const text = toUtf8Stream(hashed(chunks, hash), charset);
  const groups = config.format === "csv" ? csvItems(text, config.csv, limits) : ndjsonItems(text, limits);
  return { batches: toBatches(groups, make, resume), document: () => undefined, hash: () => hash.value() };
}

async function* hashed(chunks: AsyncIterable<Buffer>, hash: RunningHash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.add(chunk);
    yield chunk;
  }
}

function isBlank(text: Buffer): boolean {
  return text.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}
