// `npm run test:openapi [-- schemathesis's options]`: puts thousands of requests, right and wrong ones, to a real stack of its own, and
// checks every answer against /openapi.json. schemathesis (PyPI) does it, which has to be installed: SCHEMATHESIS says where.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cuttingProxy } from "./openapi/cutting-proxy.mjs";
import { build, fail, install, root, run } from "./setup.mjs";

const schemathesis = process.env.SCHEMATHESIS ?? "schemathesis";
try {
  execFileSync(schemathesis, ["--version"], { stdio: "ignore" });
} catch {
  console.error(
    `apispool │ ${schemathesis} is not there. Install it (python3 -m venv ~/schemathesis && ~/schemathesis/bin/pip install ` +
      "schemathesis==4.32.5) and say where it is: SCHEMATHESIS=~/schemathesis/bin/schemathesis npm run test:openapi",
  );
  process.exit(1);
}
try {
  await install();
  await build();
} catch (error) {
  fail(error);
}

/** Something of everything: numbers beyond 2^53, other letters, and an item that cannot become a record. */
const items = Array.from(
  { length: 40 },
  (_, n) => `{"id":"r${n}","n":${n},"big":9007199254740993,"name":"Zoë","tags":["a"]}`,
);
const api = createServer((_req, res) => {
  res.setHeader("content-type", "application/json");
  res.end(`[${items.join(",")},{"name":"without an id"}]`);
});
await new Promise((resolve) => api.listen(0, "127.0.0.1", resolve));

const { startTestStack } = await import("../test/dist/harness/stack.js");
const stack = await startTestStack({
  sourceUrl: `http://127.0.0.1:${api.address().port}/`,
  sourceName: "quakes",
  serviceEnv: {
    ingestor: { SOURCE_AUTOSTART: "true", SOURCE_ID: "id" },
    reader: { READER_WAIT: "300ms" },
    gateway: { DELIVERY_IDLE: "20ms" },
  },
});
const proxy = await cuttingProxy(stack.gatewayUrl);

/** Every form of /data by itself: schemathesis takes whatever it is given first. */
const passes = [
  { form: "application/json", options: [] },
  { form: "application/x-ndjson", options: ["--include-path=/data"] },
  { form: "text/event-stream", options: ["--include-path=/data"] },
];

const memory = mkdtempSync(join(tmpdir(), "apispool-schemathesis-"));
let worst = 0;
try {
  while (!(await (await fetch(`${stack.gatewayUrl}/data?since=earliest`)).text()).includes('"r39"')) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const { form, options } of passes) {
    console.log(`\napispool │ answers as ${form}`);
    const accept = form === "application/json" ? [] : ["--header", `Accept: ${form}`];
    const code = await run(
      schemathesis,
      [
        `--config-file=${join(root, "tools", "openapi", "schemathesis.toml")}`,
        "run",
        `${proxy.url}/openapi.json`,
        "--checks=all",
        "--continue-on-failure",
        "--max-examples=200",
        "--workers=1",
        "--request-timeout=20",
        "--header=Accept-Encoding: gzip",
        "--generation-database=none",
        "--no-color",
        // Its stack has no store, so all of it is 501 there.
        "--exclude-path-regex=^/records",
        ...accept,
        ...options,
        ...process.argv.slice(2),
      ],
      {
        // It leaves what it remembers where it runs.
        cwd: memory,
        env: {
          ...process.env,
          SCHEMATHESIS_HOOKS: "hooks",
          PYTHONPATH: join(root, "tools", "openapi"),
          PYTHONDONTWRITEBYTECODE: "1",
          APISPOOL_TEST_URL: stack.gatewayUrl,
          APISPOOL_TEST_FORM: form,
        },
      },
    );
    worst = Math.max(worst, code);
  }
} finally {
  proxy.close();
  api.close();
  await stack.stop();
  rmSync(memory, { recursive: true, force: true });
}
process.exit(worst);
