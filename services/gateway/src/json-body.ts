import { invalidArgument, isAbort, rpcError } from "@apispool/common/errors.js";
import { Code } from "@connectrpc/connect";
import type { Exchange } from "./exchange.js";
import { ByteCollector } from "./limits/byte-collector.js";
import { bodyTooLarge, limitHttpError } from "./limits/exceeded.js";
import { isDeeperThan } from "./limits/json-depth.js";
import { httpError } from "./problem.js";

/** A JSON object as it came in; nothing in it has been checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a request's body as a JSON object. Fails with 415, 413 (what is over the limit is never kept), or 400 that
 * says what is wrong and, for broken JSON, where.
 */
export async function readJsonObject(exchange: Exchange, maxBytes: number): Promise<JsonObject> {
  const { jsonDepth } = exchange;
  assertJson(exchange.req.headers["content-type"], exchange.req.headers["content-encoding"]);
  const bytes = await readBody(exchange, maxBytes);
  if (bytes.length === 0) throw invalidArgument([{ field: "body", problem: "is empty; it must be a JSON object" }]);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalidArgument([{ field: "body", problem: "is not UTF-8, as JSON has to be" }]);
  }
  assertDepth(bytes, jsonDepth);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidArgument([{ field: "body", problem: `is not JSON: ${(error as Error).message}` }]);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const kind = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
    throw invalidArgument([{ field: "body", problem: `is ${kind}; it must be a JSON object` }]);
  }
  return value as JsonObject;
}

function assertJson(type: string | undefined, encoding: string | undefined): void {
  const [mediaType = "", ...parameters] = (type ?? "").split(";").map((part) => part.trim().toLowerCase());
  const is = type === undefined ? "is missing" : `is "${type}"`;
  if (mediaType !== "application/json") {
    throw httpError(415, "content-type", `${is}; it must be application/json`, { accept: "application/json" });
  }
  const charset = parameters
    .find((parameter) => parameter.startsWith("charset="))
    ?.slice(8)
    .replaceAll('"', "");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") {
    throw httpError(415, "content-type", `${is}; the charset of JSON is utf-8`);
  }
  if (encoding !== undefined && encoding !== "identity") {
    throw httpError(415, "content-encoding", `is "${encoding}"; send the body as it is`, {
      "accept-encoding": "identity",
    });
  }
}

/** Throws 400 where lists and objects stand deeper in each other than is allowed. */
export function assertDepth(bytes: Buffer, jsonDepth: number): void {
  if (!isDeeperThan(bytes, jsonDepth)) return;
  const problem = `lists and objects stand more than ${jsonDepth} deep in each other`;
  throw limitHttpError({ field: "body", problem, setting: "MAX_JSON_DEPTH", status: 400 });
}

/** The body as it came; fails with 413 where it is larger. */
export async function readBody(exchange: Exchange, maxBytes: number): Promise<Buffer> {
  const { req } = exchange;
  const tooLarge = (): Error => limitHttpError(bodyTooLarge(maxBytes), { connection: "close" });
  if (Number(req.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  exchange.expectBody();
  return new Promise((resolve, reject) => {
    const collected = new ByteCollector();
    const onData = (chunk: Buffer): void => {
      if (collected.length + chunk.length > maxBytes) {
        req.off("data", onData);
        reject(tooLarge());
      } else collected.push(chunk);
    };
    req.on("data", onData);
    req.once("end", () => resolve(collected.bytes));
    req.once("error", (error: unknown) => {
      reject(isAbort(error) ? error : rpcError(Code.Canceled, "INVALID_FIELD", "the body broke off", { cause: error }));
    });
    exchange.signal.addEventListener("abort", () => reject(exchange.signal.reason as Error));
  });
}
