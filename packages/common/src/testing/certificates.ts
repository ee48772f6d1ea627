import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface IssueOptions {
  /** What the certificate is for: localhost and 127.0.0.1 unless given. */
  readonly names?: string;
  readonly usage?: "serverAuth" | "clientAuth" | "serverAuth,clientAuth";
  /** It was valid until yesterday. */
  readonly expired?: boolean;
  readonly passphrase?: string;
}

/** Files of a certificate. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

/** A private certificate authority in a temporary folder, by the openssl of this machine. */
export class TestAuthority {
  readonly dir: string;
  readonly ca: string;

  constructor(name = "Apispool tests", dir = mkdtempSync(join(tmpdir(), "apispool-ca-"))) {
    this.dir = dir;
    this.ca = join(dir, "ca.crt");
    const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
    this.#certificate("ca", name, 30, extensions);
  }

  /** A certificate with the common name `name`, in `<name>.crt` and `<name>.key`. */
  issue(name: string, options: IssueOptions = {}): Issued {
    const {
      names = "DNS:localhost,IP:127.0.0.1",
      usage = "serverAuth,clientAuth",
      expired = false,
      passphrase,
    } = options;
    const extensions = [`subjectAltName=${names}`, `extendedKeyUsage=${usage}`, "basicConstraints=CA:FALSE"];
    const seal = passphrase === undefined ? ["-nodes"] : ["-passout", `pass:${passphrase}`];
    const by = ["-CA", this.ca, "-CAkey", join(this.dir, "ca.key")];
    const issued = this.#certificate(name, name, 30, extensions, [...by, ...seal]);
    if (expired) {
      const request = join(this.dir, `${name}.csr`);
      const openssl = (...args: string[]): unknown => execFileSync("openssl", args, { stdio: "pipe" });
      openssl("req", "-new", "-config", this.#noConfig(), "-key", issued.key, "-subj", `/CN=${name}`, "-out", request);
      openssl("x509", "-req", "-in", request, ...by, "-set_serial", "7", "-days", "-1", "-out", issued.cert);
    }
    return issued;
  }

  file(name: string, content: string): string {
    const file = join(this.dir, name);
    writeFileSync(file, content);
    return file;
  }

  get caText(): string {
    return readFileSync(this.ca, "utf8");
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #certificate(file: string, cn: string, days: number, extensions: string[], more: string[] = ["-nodes"]): Issued {
    const issued = { cert: join(this.dir, `${file}.crt`), key: join(this.dir, `${file}.key`) };
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    const what = ["-subj", `/CN=${cn}`, "-days", String(days), ...extensions.flatMap((one) => ["-addext", one])];
    // Its own settings file may add extensions that are there already.
    const plain = ["-config", this.#noConfig()];
    const out = ["-keyout", issued.key, "-out", issued.cert];
    execFileSync("openssl", ["req", "-x509", ...plain, ...curve, ...what, ...more, ...out], { stdio: "pipe" });
    return issued;
  }

  #noConfig(): string {
    return this.file("openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n");
  }
}
