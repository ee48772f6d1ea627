/** A record as `GET /data` gives it. */
export interface JsonRecord {
  readonly source: string;
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  readonly data: { readonly id: string; readonly version: number };
}

export interface DataAnswer {
  readonly records: readonly JsonRecord[];
  readonly cursor: string;
  readonly gaps: readonly unknown[];
}

/** GET /data; any status but 200 is an error that carries the problem. */
export async function getData(gatewayUrl: string, query: string): Promise<DataAnswer> {
  const response = await fetch(`${gatewayUrl}/data?${query}`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`GET /data?${query} answered ${response.status}: ${text}`);
  return JSON.parse(text) as DataAnswer;
}

/** POST /worker with any body; gives the status and the parsed answer. */
export async function postWorker(
  gatewayUrl: string,
  body: unknown,
  contentType = "application/json",
): Promise<{ status: number; type: string | null; body: Record<string, unknown> }> {
  const response = await fetch(`${gatewayUrl}/worker`, {
    method: "POST",
    headers: contentType === "" ? {} : { "content-type": contentType },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}
