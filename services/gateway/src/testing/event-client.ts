import http from "node:http";
import http2 from "node:http2";
import { pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";

/** An event as an EventSource dispatches it. */
export interface SeenEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** Takes an event stream apart as browsers do (WHATWG HTML, section 9.2.6); an event that is not whole is none. */
export class EventParser {
  readonly events: SeenEvent[] = [];
  lastEventId = "";
  retry: number | undefined;
  comments = 0;
  #rest = "";
  #id = "";
  #type = "";
  #data: string[] = [];

  push(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) this.comments += 1;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
    else if (field === "retry") this.retry = Number(value);
    else if (field !== "") throw new Error(`an event stream has no field "${field}"`);
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      const type = this.#type === "" ? "message" : this.#type;
      this.events.push({ type, data: this.#data.join("\n"), lastEventId: this.#id });
    }
    this.#data = [];
    this.#type = "";
  }
}

/** A client of an event stream, over either HTTP; what it is sent compressed it unpacks. */
export class EventClient extends EventParser {
  status = 0;
  headers: http.IncomingHttpHeaders = {};
  ended = false;
  #onChange: () => void = () => {};
  #close: () => void = () => {};

  static open(
    url: string,
    { http2: two = false, headers = {} }: { http2?: boolean; headers?: Readonly<Record<string, string>> } = {},
  ): EventClient {
    const client = new EventClient();
    const all = { accept: "text/event-stream", ...headers };
    if (two) {
      const session = http2.connect(new URL(url).origin);
      const { pathname, search } = new URL(url);
      const stream = session.request({ ":path": pathname + search, ...all });
      stream.on("response", (head) => client.#begin(Number(head[":status"]), head, stream));
      stream.on("error", () => client.#over());
      session.on("error", () => client.#over());
      client.#close = () => session.destroy();
    } else {
      const agent = new http.Agent({ keepAlive: true });
      const request = http.get(url, { headers: all, agent }, (response) =>
        client.#begin(response.statusCode ?? 0, response.headers, response),
      );
      request.on("error", () => client.#over());
      client.#close = () => agent.destroy();
    }
    return client;
  }

  #begin(status: number, headers: http.IncomingHttpHeaders, body: Readable): void {
    this.status = status;
    this.headers = headers;
    const text = unpacked(body, headers["content-encoding"]).setEncoding("utf8");
    text.on("data", (chunk: string) => {
      if (status === 200) this.push(chunk);
      else this.problem += chunk;
      this.#onChange();
    });
    text.on("end", () => this.#over());
    text.on("error", () => this.#over());
    this.#onChange();
  }

  /** The body of an answer that is no stream. */
  problem = "";

  #over(): void {
    this.ended = true;
    this.#onChange();
  }

  /** The records' numbers in the order of their events. */
  get numbers(): number[] {
    return this.events
      .filter(({ type }) => type === "message")
      .map(({ data }) => (JSON.parse(data) as { data: { n: number } }).data.n);
  }

  /** Resolves once it is so; fails when the stream is over before. */
  async until(enough: () => boolean): Promise<void> {
    while (!enough()) {
      if (this.ended) throw new Error(`the stream ended with ${this.status} ${this.problem}`);
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }

  async over(): Promise<void> {
    while (!this.ended) await new Promise<void>((resolve) => (this.#onChange = resolve));
  }

  /** Ends the connection, in order where everything that came has been read. */
  close(): void {
    this.#close();
  }
}

function unpacked(body: Readable, coding: string | undefined): Readable {
  if (coding === undefined) return body;
  const unpack = { gzip: createGunzip, br: createBrotliDecompress, zstd: createZstdDecompress }[coding];
  if (unpack === undefined) throw new Error(`unknown coding ${coding}`);
  // Its errors are those of the stream that comes out.
  return pipeline(body, unpack(), () => {});
}
