/** What runs, as far as a person wants to know it. */
export interface Ready {
  readonly gatewayUrl: string;
  /** Each service's own address (host:port); undefined where only the gateway can be reached. */
  readonly services?: { readonly ingestor: string; readonly reader: string; readonly store?: string | undefined };
  /** Where Kafka is, and whose it is. */
  readonly kafka: string;
  readonly source: { readonly name: string; readonly url: string; readonly demo: boolean };
}

export interface BannerOptions {
  /** Whether grpcurl is there; otherwise it is said how to get it. */
  readonly grpcurl: boolean;
  /** How long the start took, in milliseconds. */
  readonly tookMs: number;
  readonly bold: (text: string) => string;
}

/** What a person can type next. */
export function banner(
  { gatewayUrl, services, kafka, source }: Ready,
  { grpcurl, tookMs, bold }: BannerOptions,
): string {
  const at = gatewayUrl.replace("http://", "").replace("127.0.0.1", "localhost");
  const lines = [
    "",
    bold(`Apispool is ready (${(tookMs / 1000).toFixed(1)} s).`),
    "",
    `  gateway    http://${at}  HTTP/JSON, gRPC, gRPC-Web, Connect; in a browser the console`,
    ...(services === undefined
      ? []
      : [
          `  ingestor   ${services.ingestor}  gRPC`,
          `  reader     ${services.reader}  gRPC`,
          ...(services.store === undefined ? [] : [`  store      ${services.store}  gRPC`]),
        ]),
    `  Kafka      ${kafka}`,
    `  source     ${source.name}: ${withoutSecrets(source.url)}`,
    ...(source.demo
      ? [
          "             the demo: a week of real earthquakes (USGS), faster than in life; SOURCE_URL=… npm start polls yours",
        ]
      : []),
    "",
    bold("In another terminal:"),
    "",
    `  curl -X POST ${at}/worker -H 'content-type: application/json' -d '{"command":"start"}'`,
    `  curl ${at}/data                      # what you have not read yet; again: only what is newer`,
    `  curl '${at}/data?reader=other'       # another reader gets all of it`,
    `  curl ${at}/worker                    # how the polling goes`,
    `  curl -X POST ${at}/worker -H 'content-type: application/json' -d '{"command":"stop"}'`,
    "",
    "  npx apispool --help                      # the same and more, without curl",
    "",
    `  grpcurl -plaintext ${at} list`,
    `  grpcurl -plaintext ${at} describe apispool.v1.DataReader`,
    `  grpcurl -plaintext ${at} apispool.v1.WorkerControl/Start`,
    `  grpcurl -plaintext ${at} apispool.v1.WorkerControl/GetStatus`,
    `  grpcurl -plaintext -d '{"reader":"me","limit":5}' ${at} apispool.v1.DataReader/FetchUnread`,
    `  grpcurl -plaintext ${at} apispool.v1.WorkerControl/Stop`,
    ...(grpcurl ? [] : ["  (no grpcurl here: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest)"]),
    "",
    "Ctrl-C stops everything.",
    "",
  ];
  return lines.join("\n");
}

/** An address without user, password and query: any of them may hold a secret, and terminals are shared and recorded. */
function withoutSecrets(address: string): string {
  if (!URL.canParse(address)) return address;
  const { origin, pathname } = new URL(address);
  return `${origin}${pathname}`;
}
