// connect-web-main.js <connect|grpcweb> <url> <reader>: a process of its own, for it is by NODE_EXTRA_CA_CERTS that Node's fetch trusts a
// certificate authority. Prints what it is told, a line each.
import { callWithConnectWeb } from "./connect-web.js";

const [protocol = "", url = "", reader = ""] = process.argv.slice(2);
for (const told of await callWithConnectWeb(protocol, url, reader)) console.log(JSON.stringify(told));
