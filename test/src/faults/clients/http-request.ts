import http from "node:http";
import { Refused } from "./reading-client.js";

export interface Asked {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly agent: http.Agent | false;
  readonly signal: AbortSignal;
}

/** Statuses that pass by themselves. */
const passing = new Set([409, 429, 502, 503, 504]);

/** Resolves with the head of a 200; rejects with {@link Refused} where asking again would not help. */
export async function ask({
  url,
  method = "GET",
  headers = {},
  body,
  agent,
  signal,
}: Asked): Promise<http.IncomingMessage> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const request = http.request(url, { method, headers: { ...headers, ...json }, agent, signal }, resolve);
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
  response.on("error", () => undefined);
  if (response.statusCode === 200) return response;
  const problem = await textOf(response);
  const text = `${method} ${url} answered ${response.statusCode}: ${problem}`;
  if (passing.has(response.statusCode ?? 0)) throw new Error(text);
  throw new Refused(text);
}

/** Rejects where the answer is broken off. */
export async function textOf(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (!response.complete) throw new Error("the answer was broken off");
  return Buffer.concat(chunks).toString("utf8");
}
