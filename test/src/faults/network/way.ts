/** What can be done to bytes on their way. Names and meanings are toxiproxy's, whose README defines them. */
export type Toxic =
  | { readonly type: "latency"; readonly latencyMs: number; readonly jitterMs: number }
  /** Kilobytes a second. */
  | { readonly type: "bandwidth"; readonly rate: number }
  /** Nothing passes any more; 0: and nothing closes either. */
  | { readonly type: "timeout"; readonly timeoutMs: number }
  /** The connection closes once so many bytes have passed. */
  | { readonly type: "limit_data"; readonly bytes: number }
  /** Small pieces, a pause (microseconds) between two. */
  | { readonly type: "slicer"; readonly averageSize: number; readonly sizeVariation: number; readonly delayUs: number }
  /** A connection is reset so long after something came to be passed on. (toxiproxy resets only those that come after this did.) */
  | { readonly type: "reset_peer"; readonly timeoutMs: number };

/** Upstream: towards the server; downstream: towards the client. */
export type Stream = "upstream" | "downstream";

/** A TCP proxy between a client and a server of ours. */
export interface Way {
  /** Who to whom: "gateway → reader-1". */
  readonly name: string;
  /** host:port for the client. */
  readonly address: string;
  /** Ends all connections, and refuses new ones, until it has been mended as often as it was cut. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Closes the connections that are there; new ones are welcome. */
  hangUp(): Promise<void>;
  /** For the connections that are there and those that come; the function takes it off again. */
  add(toxic: Toxic, stream: Stream): Promise<() => Promise<void>>;
}

/** Makes ways. */
export interface Ways extends AsyncDisposable {
  /** Which proxy carries them, for the output. */
  readonly carrier: string;
  /** `target` is host:port; `port` is where the client will look for it, 0 or undefined for any. */
  open(name: string, target: string, port?: number): Promise<Way>;
}
