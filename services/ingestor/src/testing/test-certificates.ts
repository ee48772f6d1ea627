import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const haveOpenssl = ((): boolean => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A certificate authority of a test's own, in a folder that goes away with it. */
export class TestCertificates {
  readonly #folder = mkdtempSync(join(tmpdir(), "apispool-certificates-"));
  readonly authority: TestCertificate;

  constructor() {
    this.authority = this.#make("authority", ["-x509", "-subj", "/CN=Test authority", "-days", "2"]);
  }

  /** Signed by the authority. `names` as openssl has them: DNS:localhost, IP:127.0.0.1. */
  signed(name: string, names: string, { expired = false } = {}): TestCertificate {
    const request = this.#path(`${name}.csr`);
    const key = this.#path(`${name}.key`);
    const cert = this.#path(`${name}.pem`);
    const extensions = this.#path(`${name}.ext`);
    const { certFile, keyFile } = this.authority;
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    this.#openssl("req", "-new", ...newKey, "-subj", `/CN=${name}`, "-keyout", key, "-out", request);
    if (expired) {
      this.#signExpired(request, cert, extensions);
    } else {
      const signer = ["-CA", certFile, "-CAkey", keyFile, "-CAcreateserial", "-extfile", extensions];
      this.#openssl("x509", "-req", "-in", request, ...signer, "-days", "2", "-out", cert);
    }
    return load(cert, key);
  }

  selfSigned(name: string, names: string): TestCertificate {
    return this.#make(name, ["-x509", "-subj", `/CN=${name}`, "-addext", `subjectAltName=${names}`, "-days", "2"]);
  }

  /** `openssl x509` of version 3.0 cannot set the dates; `openssl ca` can. */
  #signExpired(request: string, cert: string, extensions: string): void {
    const { certFile, keyFile } = this.authority;
    const config = this.#path("ca.cnf");
    writeFileSync(this.#path("index.txt"), "");
    writeFileSync(this.#path("serial"), "1000\n");
    writeFileSync(
      config,
      [
        "[ca]\ndefault_ca=it\n[it]",
        `dir=${this.#folder}\ndatabase=$dir/index.txt\nserial=$dir/serial\nnew_certs_dir=$dir`,
        "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n",
      ].join("\n"),
    );
    const dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
    const signer = ["-config", config, "-cert", certFile, "-keyfile", keyFile, "-extfile", extensions];
    this.#openssl("ca", "-batch", "-notext", ...signer, ...dates, "-in", request, "-out", cert);
  }

  #make(name: string, options: readonly string[]): TestCertificate {
    const key = this.#path(`${name}.key`);
    const cert = this.#path(`${name}.pem`);
    this.#openssl("req", ...newKey, ...options, "-keyout", key, "-out", cert);
    return load(cert, key);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function load(certFile: string, keyFile: string): TestCertificate {
  return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
}
