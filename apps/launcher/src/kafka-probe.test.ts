import { once } from "node:events";
import net from "node:net";
import { expect, it } from "@jest/globals";
import { anyKafkaAnswers } from "./kafka-probe.js";
import { freePort } from "@apispool/common/free-port.js";

it("asks a broker in cleartext whether it is one, and one that speaks TLS only whether it is there", async () => {
  // As a broker that speaks TLS does with what is none.
  const server = net.createServer((socket) => socket.once("data", () => socket.destroy())).listen(0, "127.0.0.1");
  await once(server, "listening");
  const brokers = `127.0.0.1:${await freePort()}, 127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  expect(await anyKafkaAnswers(brokers, { tls: true })).toBe(true);
  expect(await anyKafkaAnswers(brokers, { tls: false })).toBe(false);
  server.close();
  await once(server, "close");
  expect(await anyKafkaAnswers(brokers, { tls: true })).toBe(false);
});
