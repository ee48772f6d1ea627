import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { TokenIssuer, issuer } from "./testing/access-harness.js";
import { KeysUnavailable, Tokens, WrongToken } from "./tokens.js";

describe("an issuer's keys at an address", () => {
  let keys: readonly unknown[] = [];
  let status = 200;
  let asked = 0;
  const server = http.createServer((_, res) => {
    asked += 1;
    res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
  });
  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => void server.close());

  const tokens = (cooldownMs: number): Tokens =>
    new Tokens(
      {
        issuer,
        audience: "apispool",
        algorithms: ["RS256"],
        jwks: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks` },
        clockToleranceSeconds: 0,
        nameClaim: "sub",
        roleClaim: "realm.roles",
      },
      cooldownMs,
    );

  it("are asked for once, and again for a key that is new", async () => {
    const [one, two] = [await TokenIssuer.create("one"), await TokenIssuer.create("two")];
    keys = [one.publicJwk];
    const checked = tokens(0);
    for (let time = 0; time < 3; time += 1) {
      expect(await checked.verify(await one.token())).toMatchObject({ name: "ada", roles: ["boss"] });
    }
    expect(asked).toBe(1);
    keys = [two.publicJwk];
    expect(await checked.verify(await two.token({ kid: "two" }))).toMatchObject({ name: "ada" });
    expect(asked).toBe(2);
    // The old key is withdrawn with the new one.
    await expect(checked.verify(await one.token())).rejects.toThrow(WrongToken);
  });

  it("are not asked for at everybody's wish", async () => {
    const one = await TokenIssuer.create("one");
    keys = [one.publicJwk];
    const checked = tokens(60_000);
    await checked.verify(await one.token());
    const before = asked;
    for (let time = 0; time < 5; time += 1) {
      await expect(checked.verify(await one.token({ kid: `guess ${time}` }))).rejects.toThrow("unknown key");
    }
    expect(asked).toBe(before);
  });

  it("that cannot be had are no reason to call a token wrong, nor right", async () => {
    const one = await TokenIssuer.create("one");
    status = 500;
    await expect(tokens(0).verify(await one.token())).rejects.toThrow(KeysUnavailable);
    status = 200;
    keys = ["nonsense"];
    await expect(tokens(0).verify(await one.token())).rejects.toThrow();
  });
});
