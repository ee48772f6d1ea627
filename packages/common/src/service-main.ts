import type { DescService } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type * as grpc from "@grpc/grpc-js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { ConfigError, EnvReader } from "./env.js";
import { describeError, rpcError } from "./errors.js";
import { type CallObserver, type ServerOptions, addService, createGrpcServer, listen } from "./grpc-server.js";
import { type HealthState, healthService } from "./health.js";
import { type Logger, createLogger } from "./logger.js";
import { processSettingsFromEnv } from "./process-settings.js";
import { mutualTls } from "./service-tls.js";
import type { TlsFiles } from "./tls-files.js";
import { WatchedTls } from "./watched-tls.js";
import { reflectionService, reflectionServices } from "./reflection.js";

/** Something that was started and can be stopped. */
export interface Running {
  /** Ends in order: no new work, the work under way finished or abandoned as a whole. */
  stop(): Promise<void>;
}

/**
 * The life of a process: reads its configuration, starts, stops on SIGINT and SIGTERM (or when the launcher that
 * started it is gone), and exits. Only here and in main files are process.env, process.on and process.exit touched.
 */
export async function runProcess<C>(
  name: string,
  configure: (env: EnvReader) => C,
  start: (config: C, log: Logger) => Promise<Running>,
): Promise<void> {
  const env = new EnvReader(process.env);
  const { stopTimeoutMs, ...logging } = processSettingsFromEnv(env);
  const log = createLogger({ name, ...logging });
  const die = (error: unknown, what: string): never => {
    log.fatal({ err: error }, what);
    process.exit(1);
  };
  process.on("uncaughtException", (error) => die(error, "uncaught exception"));
  process.on("unhandledRejection", (error) => die(error, "unhandled rejection"));

  let config: C;
  try {
    config = configure(env);
    env.done();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(2);
  }

  let running: Running | undefined;
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log.info(`stopping: ${why}`);
    setTimeout(
      () => die(new Error(`did not stop within ${stopTimeoutMs} ms`), "forced to exit"),
      stopTimeoutMs,
    ).unref();
    Promise.resolve(running?.stop()).then(
      () => process.exit(0),
      (error: unknown) => die(error, "failed to stop in order"),
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("disconnect", () => stop("the launcher is gone"));
  try {
    running = await start(config, log);
  } catch (error) {
    die(error, `failed to start: ${describeError(error)}`);
  }
}

export interface GrpcServiceOptions {
  readonly log: Logger;
  readonly health: HealthState;
  /** host:port; port 0 takes a free one. */
  readonly address: string;
  /** Who calls has to have a certificate of the same authority; undefined: cleartext. */
  readonly tls?: TlsFiles | undefined;
  readonly services: readonly DescService[];
  /** Told of every call of these services. */
  readonly observe?: CallObserver | undefined;
  /** Adds the implementations. */
  readonly register: (server: grpc.Server, options: ServerOptions) => void;
}

export interface RunningServer extends Running {
  readonly port: number;
}

/** A grpc-js server with health and reflection beside the services given. */
export async function startGrpcService(options: GrpcServiceOptions): Promise<RunningServer> {
  const { log, health, address, tls, services, register } = options;
  const shutdown = new AbortController();
  const serverOptions: ServerOptions = { log, shutdownSignal: shutdown.signal };
  const server = createGrpcServer(serverOptions);
  // Health and reflection are asked all day long: they are not what anybody wants to see.
  register(server, { ...serverOptions, observe: options.observe });
  addService(server, Health, healthService(health), serverOptions);
  const reflection = reflectionService([...services, Health, ...reflectionServices]);
  addService(server, reflectionServices[0], reflection, serverOptions);
  addService(server, reflectionServices[1], reflection, serverOptions);
  const watched = tls && new WatchedTls(tls, log);
  const port = await listen(server, address, watched && mutualTls(watched));
  return {
    port,
    async stop() {
      health.setServing(false);
      // grpc-js asks Node to close a session that its client has just broken off, and Node then never answers: so what was
      // broken off before gets a turn to go first, and the answer is not waited for longer than for a forced end.
      await new Promise((resolve) => setTimeout(resolve, 10));
      let forced: () => void = () => {};
      const gone = new Promise<void>((resolve) => {
        forced = resolve;
        server.tryShutdown(() => resolve());
      });
      // Unary calls get a moment to finish; streams are told to come back, which clients do by themselves.
      const timer = setTimeout(() => {
        shutdown.abort(
          rpcError(Code.Unavailable, "SHUTTING_DOWN", "the service is stopping; call again", { retryAfterMs: 1000 }),
        );
      }, 200);
      const force = setTimeout(() => {
        server.forceShutdown();
        forced();
      }, 3000);
      await gone;
      clearTimeout(timer);
      clearTimeout(force);
      watched?.close();
    },
  };
}
