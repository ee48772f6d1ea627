import Type, { type Static } from "typebox";
import { byType, keys, oneOf, secret, text } from "./schema-parts.js";

const kind = <const T extends string>(type: T, description: string) => Type.Literal(type, { description });

export const none = keys({ type: kind("none", "No credentials.") });

export const basic = keys({
  type: kind("basic", "User and password (RFC 7617)."),
  username: text({ description: "The user." }),
  password: secret({ description: "The password." }),
});

export const bearer = keys({
  type: kind("bearer", "`Authorization: Bearer …` (RFC 6750)."),
  token: secret({ description: "The token." }),
});

export const apiKey = keys({
  type: kind("api_key", "A key in a header or a query parameter."),
  in: Type.Optional(oneOf(["header", "query"], { description: "Where the key goes.", default: "header" })),
  name: text({ description: "The header's or parameter's name.", examples: ["X-Api-Key"] }),
  key: secret({ description: "The key." }),
});

export const oauth2 = keys({
  type: kind(
    "oauth2_client_credentials",
    "A token of a token endpoint (RFC 6749, 4.4), renewed before it ends and after a 401.",
  ),
  token_url: text({ title: "an http:// or https:// address", description: "The token endpoint." }),
  client_id: text({ description: "The client." }),
  client_secret: secret({ description: "Its secret." }),
  scopes: Type.Optional(
    Type.Array(text(), { title: "a list of scopes", description: "What is asked for.", default: [] }),
  ),
  audience: Type.Optional(text({ description: "Sent as `audience`, for servers that want it." })),
  client_auth: Type.Optional(
    oneOf(["basic", "body"], { description: "How the client says who it is: header or form.", default: "basic" }),
  ),
});

export const mtls = keys({
  type: kind("mtls", "A client certificate: the same as `tls.cert` and `tls.key`."),
  cert: text({ description: "Path of the certificate, PEM." }),
  key: text({ description: "Path of its private key, PEM." }),
});

export const auth = byType([none, basic, bearer, apiKey, oauth2, mtls], {
  title: "a map with a type: none, basic, bearer, api_key, oauth2_client_credentials or mtls",
  description: "How the API knows who asks. Credentials are never sent to another host.",
  default: { type: "none" },
});

export type AuthFile = Static<typeof auth>;
