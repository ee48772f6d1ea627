import { type ExecFileException, execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { root } from "../harness/paths.js";
import { findChromium } from "../support/browser.js";
import { callInChromium } from "./chromium.js";
import { type Told, messagesIn } from "./told.js";

/** The gateway, as a client is told of it. */
export interface Target {
  /** http: or https: */
  readonly url: string;
  /** The file of the certificate authority, over TLS. */
  readonly authority?: string | undefined;
}

/** Makes the same five calls each: see {@link Told}. */
export interface ForeignClient {
  readonly name: string;
  /** Why it cannot be tried here; undefined where it can. */
  readonly missing?: string | undefined;
  call(target: Target, reader: string): Promise<Told[]>;
}

/** Where `npm run foreign-clients` puts what it makes. */
const made =
  process.env["APISPOOL_FOREIGN_CLIENTS"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "apispool", "foreign-clients");

const remedy = "(npm run foreign-clients makes it)";
const grpcurl = find("grpcurl", process.env["GRPCURL"]);
const goClient = find("go-client", process.env["APISPOOL_GO_CLIENT"]);
const python = find("python", process.env["APISPOOL_PYTHON"], join(made, "venv", "bin"));
const chromium = findChromium();
const buf = join(root, "node_modules", ".bin", "buf");

/** Every client there is, those that are missing here included. */
export const foreignClients: readonly ForeignClient[] = [
  {
    name: "grpcurl",
    missing: grpcurl === undefined ? `grpcurl is not there ${remedy}` : undefined,
    call: ({ url, authority }, reader) =>
      fiveCalls(reader, (method, request) => {
        const how = authority === undefined ? ["-plaintext"] : ["-cacert", authority];
        const args = [...how, "-d", JSON.stringify(request), new URL(url).host, method];
        // 64 and the code.
        return run(grpcurl ?? "", args, (code) => (code > 64 ? code - 64 : undefined));
      }),
  },
  ...["connect", "grpc", "grpcweb"].flatMap((protocol) =>
    // What the messages are it learns by reflection, or else from the contracts.
    ["by reflection", "by the contracts"].map((how) => ({
      name: `buf curl, ${protocol}, ${how}`,
      call: ({ url, authority }: Target, reader: string) =>
        fiveCalls(reader, (method, request) => {
          const schema = how === "by reflection" ? [] : ["--schema", join(root, "proto")];
          const trust = authority === undefined ? [] : ["--cacert", authority];
          const data = ["--data", JSON.stringify(request)];
          const args = ["curl", "--protocol", protocol, ...schema, ...trust, ...data, `${url}/${method}`];
          // The code, and three bits of its own.
          return run(buf, args, (code) => (code >= 8 ? code >> 3 : undefined));
        }),
    })),
  ),
  ...["connect", "grpcweb"].map((protocol) => ({
    name: `@connectrpc/connect-web in Node, ${protocol}`,
    call: async ({ url, authority }: Target, reader: string) => {
      const main = join(import.meta.dirname, "connect-web-main.js");
      const env = authority === undefined ? {} : { NODE_EXTRA_CA_CERTS: authority };
      return lines(await run(process.execPath, [main, protocol, url, reader], undefined, env));
    },
  })),
  ...["connect", "grpcweb"].map((protocol) => ({
    name: `@connectrpc/connect-web in Chromium, ${protocol}`,
    missing: chromium === undefined ? "Chromium is not installed" : undefined,
    call: ({ url }: Target, reader: string) => callInChromium(chromium ?? "", protocol, url, reader),
  })),
  {
    name: "Python's grpcio",
    missing: python === undefined ? `its venv is not there ${remedy}` : undefined,
    call: async ({ url, authority = "" }, reader) => {
      const main = join(root, "tools", "foreign-clients", "client.py");
      const env = { PYTHONPATH: join(made, "python"), PYTHONDONTWRITEBYTECODE: "1" };
      return lines(await run(python ?? "", [main, url, reader, authority], undefined, env));
    },
  },
  ...["connect", "grpc", "grpcweb"].map((protocol) => ({
    name: `connect-go, ${protocol}`,
    missing: goClient === undefined ? `the program is not there ${remedy}` : undefined,
    call: async ({ url, authority = "" }: Target, reader: string) =>
      lines(await run(goClient ?? "", [protocol, url, reader, authority])),
  })),
];

type Answer = { readonly text: string } | { readonly code: number };

/** With a program that makes one call, and is gone then. */
async function fiveCalls(reader: string, call: (method: string, request: object) => Promise<Answer>): Promise<Told[]> {
  const told: Told[] = [];
  for (const [name, method, request] of [
    ["start", "apispool.v1.WorkerControl/Start", {}],
    ["status", "apispool.v1.WorkerControl/GetStatus", {}],
    ["unknown", "apispool.v1.WorkerControl/Start", { sources: ["nope"] }],
    ["first", "apispool.v1.DataReader/FetchUnread", { reader }],
    ["second", "apispool.v1.DataReader/FetchUnread", { reader }],
  ] as const) {
    const answer = await call(method, request);
    if ("code" in answer) told.push({ call: name, error: answer.code === 5 ? "not_found" : `code ${answer.code}` });
    else told.push(...messagesIn(answer.text).map((message) => ({ call: name, message })));
  }
  return told;
}

function lines(answer: Answer): Told[] {
  if ("code" in answer) throw new Error(`a program that tells of codes itself ended with ${answer.code}`);
  const texts = answer.text.split("\n").slice(0, -1);
  return texts.map((line) => JSON.parse(line) as Told);
}

/** What a program wrote; or which gRPC code it ended with, where `codeOf` finds one in its exit code. */
function run(
  program: string,
  args: readonly string[],
  codeOf: (exit: number) => number | undefined = () => undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const options = { env: { ...process.env, ...env }, maxBuffer: 256 * 1024 * 1024, timeout: 120_000 };
  return new Promise((resolve, reject) => {
    const ended = (error: ExecFileException | null, text: string, said: string): void => {
      const code = typeof error?.code === "number" ? codeOf(error.code) : undefined;
      if (error === null) resolve({ text });
      else if (code !== undefined) resolve({ code });
      else reject(new Error(`${error.message}\n${said}\n${text.slice(-2000)}`));
    };
    execFile(program, args, options, ended);
  });
}

/** A program by the name that somebody gave, among those that were made, or on PATH (unless it was made for this). */
function find(name: string, given: string | undefined, folder = join(made, "bin")): string | undefined {
  const onPath = name === "grpcurl" ? (process.env["PATH"] ?? "").split(delimiter).map((one) => join(one, name)) : [];
  const places = given === undefined || given === "" ? [join(folder, name), ...onPath] : [given];
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
