import http from "node:http";

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One request over kept-alive connections; the answer is read to its end, whatever its status is. */
export function httpCall(
  agent: http.Agent,
  method: string,
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly json?: unknown } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = options.json === undefined ? undefined : JSON.stringify(options.json);
    const request = http.request(url, { method, agent, headers: options.headers ?? {} }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** As {@link httpCall}; an answer with another status than 2xx is an error that quotes it. */
export async function httpOk(...call: Parameters<typeof httpCall>): Promise<Buffer> {
  const { status, body } = await httpCall(...call);
  if (status >= 200 && status < 300) return body;
  throw new Error(`${call[1]} ${call[2]} answered ${status}: ${body.toString("utf8", 0, 300)}`);
}
