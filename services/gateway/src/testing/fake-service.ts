import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import { type Implementation, addService } from "@apispool/common/grpc-server.js";
import { HealthState } from "@apispool/common/health.js";
import { silentLogger } from "@apispool/common/logger.js";
import { type RunningServer, startGrpcService } from "@apispool/common/service-main.js";
import type { TlsFiles } from "@apispool/common/tls-files.js";

/** A service that the gateway calls, with something simple behind it, on a real grpc-js server. */
export abstract class FakeService<M extends GenServiceMethods> {
  /** Who calls then has to show a certificate. */
  tls: TlsFiles | undefined;
  server: RunningServer | undefined;
  health: HealthState;
  readonly #service: GenService<M>;

  constructor(service: GenService<M>) {
    this.#service = service;
    this.health = new HealthState([service.typeName]);
  }

  protected abstract implementation(): Implementation<M>;

  async start(address = "127.0.0.1:0"): Promise<string> {
    this.server = await startGrpcService({
      tls: this.tls,
      log: silentLogger,
      health: this.health,
      address,
      services: [this.#service],
      register: (server, options) => addService(server, this.#service, this.implementation(), options),
    });
    this.health.setServing(true);
    return `127.0.0.1:${this.server.port}`;
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    this.server = undefined;
  }
}
