/**
 * A source as the ingestor runs it: compiled from `apispool.yaml` or SOURCE_* variables, every default filled in, every
 * duration in milliseconds and every size in bytes. Nothing behind the border has to ask whether a key was given.
 */
export interface SourceConfig {
  readonly name: string;
  readonly request: RequestConfig;
  readonly auth: AuthConfig;
  readonly network: NetworkConfig;
  readonly schedule: ScheduleConfig;
  readonly retry: RetryConfig;
  readonly rateLimit: RateLimitConfig | undefined;
  readonly pagination: PaginationConfig;
  readonly cursor: CursorConfig | undefined;
  readonly extract: ExtractConfig;
  /** How many ids are remembered, so that an unchanged record is not written again. */
  readonly dedupWindow: number;
  readonly topic: TopicConfig;
  /** The source whose records this one's requests are made for. */
  readonly parent: ParentConfig | undefined;
  /** Whether to poll where nobody ever said Start or Stop. */
  readonly autostart: boolean;
  /**
   * Hash of everything that decides what an answer means (request, pagination, cursor, extraction): state that was kept
   * under another one is not used for the next request.
   */
  readonly fingerprint: string;
  /** Hash of the whole source, secrets included; only to be compared, and only within this process. */
  readonly revision: string;
}

/** Text with places to fill in: `{{ cursor | default('2020-01-01') }}`. Compiled once, rendered for every request. */
export interface Template {
  /** As it stands in the file, no variable filled in: for showing, never for sending. */
  readonly text: string;
  /** Whether there is nothing to fill in. */
  readonly constant: boolean;
  /** Throws PollError (kind "config") where a value is missing that has no default. */
  render(values: TemplateValues): string;
}

/** What templates can speak of. Times are milliseconds since the Unix epoch. */
export interface TemplateValues {
  /**
   * The high-water mark less its overlap; undefined before the first record. A time may come in any form: templates
   * write it in the source's.
   */
  readonly cursor: string | undefined;
  readonly lastPoll: number | undefined;
  readonly now: number;
  /** The parent's record, parsed; undefined for a source without a parent. */
  readonly parent: unknown;
}

export interface RequestConfig {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly url: Template;
  /** The address as it can be shown and written into records: secrets hidden, placeholders as they are. */
  readonly shownUrl: string;
  /** The whole address comes out of the parent's record: to be sent as `fromAnswer`. */
  readonly urlFromAnswer: boolean;
  /** Names as they were written. */
  readonly headers: readonly (readonly [name: string, value: Template])[];
  readonly query: readonly (readonly [name: string, value: Template])[];
  readonly body: BodyConfig | undefined;
}

export type BodyConfig =
  /** A JSON value whose strings are templates; numbers and structure stay (GraphQL: query and variables). */
  | { readonly kind: "json"; readonly value: JsonTemplate }
  | { readonly kind: "form"; readonly fields: readonly (readonly [name: string, value: Template])[] }
  | { readonly kind: "text"; readonly text: Template; readonly contentType: string };

export type JsonTemplate =
  | null
  | boolean
  | number
  | Template
  | readonly JsonTemplate[]
  | { readonly [name: string]: JsonTemplate };

/** A secret that may change while the process runs. */
export type SecretSource =
  | { readonly kind: "value"; readonly value: string }
  /** Read again when the file changes. */
  | { readonly kind: "file"; readonly path: string }
  /** Standard output of a program, run again after `ttlMs` and after a 401. */
  | { readonly kind: "command"; readonly command: readonly string[]; readonly ttlMs: number };

export type AuthConfig =
  | { readonly type: "none" }
  | { readonly type: "basic"; readonly username: string; readonly password: SecretSource }
  | { readonly type: "bearer"; readonly token: SecretSource }
  | { readonly type: "api_key"; readonly in: "header" | "query"; readonly name: string; readonly key: SecretSource }
  | {
      readonly type: "oauth2_client_credentials";
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: SecretSource;
      readonly scopes: readonly string[];
      readonly audience: string | undefined;
      /** How the client says who it is (RFC 6749, 2.3.1). */
      readonly clientAuth: "basic" | "body";
    };

export interface NetworkConfig {
  readonly connectTimeoutMs: number;
  /** The longest a whole request may take, its body included. */
  readonly timeoutMs: number;
  /** The largest answer that is taken, decompressed. */
  readonly maxBytes: number;
  readonly maxRedirects: number;
  /** http(s) proxy; "environment": HTTPS_PROXY and so on; undefined: none. */
  readonly proxy: string | undefined;
  readonly tls: TlsConfig;
  /** Hosts beside the configured one that addresses out of answers may name; `*.example.com` for all below. */
  readonly allowHosts: readonly string[];
}

/** Paths of PEM files; a client certificate makes it mTLS. */
export interface TlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly serverName: string | undefined;
}

export type ScheduleConfig = {
  /** At once after a full page, and slower while there is nothing new, up to the interval. */
  readonly adaptive: boolean;
  /** Share of the interval by which each poll is moved at random, 0 to 1. */
  readonly jitter: number;
} & (
  | { readonly kind: "interval"; readonly intervalMs: number }
  /** Five or six fields, as cron has them; in the time zone given (IANA), UTC unless told otherwise. */
  | { readonly kind: "cron"; readonly expression: string; readonly timeZone: string }
);

export interface RetryConfig {
  /** Tries of one request within a poll, the first included. */
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
  /** Failed polls in a row after which the circuit opens: one probe at a time, `maxMs` apart. */
  readonly openAfter: number;
}

export interface RateLimitConfig {
  readonly requests: number;
  readonly perMs: number;
}

export type PaginationConfig = {
  /** The most pages of one poll; the next poll goes on behind them. */
  readonly maxPages: number;
  /** A JMESPath over the page's document: true ends the poll after this page. */
  readonly stopWhen: Expression | undefined;
} & (
  | { readonly type: "none" }
  /** Tries Link header, next URL in the body, cursor in the body, in this order, at the first page. */
  | { readonly type: "auto" }
  /** RFC 8288, rel="next". */
  | { readonly type: "link_header" }
  | { readonly type: "next_url"; readonly path: Expression }
  | {
      readonly type: "cursor";
      /** Where the next cursor is: an expression over the document, or a response header. */
      readonly from: { readonly body: Expression } | { readonly header: string };
      /** Where it goes: a query parameter, a field of the JSON body, or a header. */
      readonly into: { readonly query: string } | { readonly body: string } | { readonly header: string };
      /** False or null at this place means that there is no further page. */
      readonly hasMore: Expression | undefined;
    }
  | {
      readonly type: "page";
      readonly param: string;
      readonly first: number;
      readonly sizeParam: string | undefined;
      readonly size: number | undefined;
      readonly totalPages: Expression | undefined;
    }
  | {
      readonly type: "offset";
      readonly param: string;
      /** The offset of the first item. */
      readonly first: number;
      readonly limitParam: string;
      readonly limit: number;
      readonly total: Expression | undefined;
    }
);

/** A JMESPath or JSON Pointer, compiled. */
export interface Expression {
  readonly text: string;
  /** The names on the way, where it is a plain path: then a value's own bytes can be found. */
  readonly path: readonly string[] | undefined;
  /** Null where there is nothing. Throws PollError (kind "config") where it cannot be evaluated. */
  evaluate(document: unknown): unknown;
}

export interface CursorConfig {
  /** The field whose greatest value is remembered. */
  readonly field: Expression;
  readonly type: "time" | "number" | "string";
  /** Before the first record; times as RFC 3339. */
  readonly initial: string | undefined;
  /** How far back the next request begins, for what arrives late: milliseconds for times, a number for numbers. */
  readonly overlap: number;
  /** How times are written into requests. */
  readonly format: "rfc3339" | "unix" | "unix_ms";
}

export interface ExtractConfig {
  readonly format: "json" | "ndjson" | "csv" | "xml";
  /** Overrides the Content-Type's charset. */
  readonly charset: string | undefined;
  /** Where the list of records is; undefined: the document itself, or its only list. For xml: over the parsed document. */
  readonly records: Expression | undefined;
  /** Undefined: `id` where there is one, else the content's hash. Several are joined. */
  readonly id: readonly Expression[] | undefined;
  readonly eventTime: Expression | undefined;
  /** The Kafka key; undefined: the id. */
  readonly key: Expression | undefined;
  /** Records for which this is false or null are passed over. */
  readonly filter: Expression | undefined;
  /** What is kept of a record; undefined: all of it, byte for byte. */
  readonly project: Expression | undefined;
  readonly csv: {
    readonly delimiter: string;
    readonly header: boolean;
    readonly columns: readonly string[] | undefined;
  };
  readonly maxRecordBytes: number;
}

export interface TopicConfig {
  readonly partitions: number;
  /** Undefined: for ever. */
  readonly retentionMs: number | undefined;
  /** Undefined: the broker's default. */
  readonly replication: number | undefined;
}

export interface ParentConfig {
  readonly source: string;
}
