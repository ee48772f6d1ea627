// `npm run foreign-clients`: makes the clients of other languages that test/src/foreign-clients.test.ts calls the gateway with, at the
// versions below, outside of the checkout. The folder is APISPOOL_FOREIGN_CLIENTS, or ~/.cache/apispool/foreign-clients. Go (1.26
// or newer) and Python (3.10 or newer) have to be there; where one is not, its clients are left out, and that is said.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fail, install, root } from "./setup.mjs";

const GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4";
/** The generators' versions are those that tools/foreign-clients/go.mod takes the libraries in. */
const GO_GENERATORS = [
  "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
  "connectrpc.com/connect/cmd/protoc-gen-connect-go@v1.21.1",
];
const PYTHON = ["grpcio==1.85.3", "grpcio-tools==1.85.1", "protobuf==7.36.2"];

const cache =
  process.env.APISPOOL_FOREIGN_CLIENTS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "apispool", "foreign-clients");
const bin = join(cache, "bin");
const sources = join(root, "tools", "foreign-clients");
const buf = join(root, "node_modules", ".bin", "buf");
const say = (text) => console.log(`apispool │ ${text}`);

function sh(command, args, options = {}) {
  execFileSync(command, args, { stdio: "inherit", ...options });
}

/** Whether a program is there at all. */
function has(command, ...args) {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** grpcurl, and a program that calls with connect-go, its stubs generated from the contracts as they are now. */
function makeGo() {
  const env = { ...process.env, GOBIN: bin, PATH: `${bin}${delimiter}${process.env.PATH}` };
  for (const tool of [GRPCURL, ...GO_GENERATORS]) {
    const [path, version] = tool.split("@");
    const program = join(bin, path.slice(path.lastIndexOf("/") + 1));
    if (existsSync(program) && isOfVersion(program, version)) continue;
    say(`go install ${tool} …`);
    sh("go", ["install", tool], { env, cwd: cache });
  }
  const module = join(cache, "go");
  rmSync(module, { recursive: true, force: true });
  mkdirSync(module);
  for (const file of ["main.go", "go.mod", "go.sum"]) cpSync(join(sources, file), join(module, file));
  const plugin = (name) => ({ local: name, out: join(module, "gen"), opt: ["paths=source_relative"] });
  const template = {
    version: "v2",
    managed: { enabled: true, override: [{ file_option: "go_package_prefix", value: "foreign/gen" }] },
    plugins: [plugin("protoc-gen-go"), plugin("protoc-gen-connect-go")],
  };
  const wanted = ["--path", "proto/apispool/v1"];
  sh(buf, ["generate", "--template", JSON.stringify(template), ...wanted], { cwd: root, env });
  sh("go", ["build", "-o", join(bin, "go-client"), "."], { env, cwd: module });
}

/** What a program of Go's says of itself. */
function isOfVersion(program, version) {
  return execFileSync("go", ["version", "-m", program], { encoding: "utf8" }).split(/\s/).includes(version);
}

/** A venv with grpcio, and the contracts' stubs. */
function makePython() {
  const venv = join(cache, "venv");
  const python = join(venv, "bin", "python");
  if (!existsSync(python)) sh("python3", ["-m", "venv", venv]);
  sh(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PYTHON]);
  const stubs = join(cache, "python");
  rmSync(stubs, { recursive: true, force: true });
  mkdirSync(stubs);
  const protos = ["record", "dead_letter", "data_reader", "worker_control"].map((name) => `apispool/v1/${name}.proto`);
  const out = [`--python_out=${stubs}`, `--grpc_python_out=${stubs}`];
  sh(python, ["-m", "grpc_tools.protoc", "-I", join(root, "proto"), ...out, ...protos]);
}

try {
  await install();
  mkdirSync(bin, { recursive: true });
  let complete = true;
  for (const { language, program, version, make } of [
    { language: "Go", program: "go", version: "version", make: makeGo },
    { language: "Python", program: "python3", version: "--version", make: makePython },
  ]) {
    if (has(program, version)) {
      make();
    } else {
      complete = false;
      say(`${language} is not installed: its clients are left out`);
    }
  }
  say(`the clients are in ${cache}; APISPOOL_TEST_FOREIGN=1 npm test integration -- foreign-clients tries them`);
  process.exitCode = complete ? 0 : 1;
} catch (error) {
  fail(error);
}
