import { describeError } from "@apispool/common/errors.js";
import type { Interceptor } from "@connectrpc/connect";
import { Failure } from "./failure.js";
import type { Surroundings } from "./surroundings.js";

/**
 * The key or token to show the gateway: of a file, or as it is. Undefined where there is none. Throws {@link Failure}, which
 * never quotes it.
 */
export function credentialFrom(
  file: string | undefined,
  key: string | undefined,
  { read }: Pick<Surroundings, "read">,
): string | undefined {
  if (file === undefined) return key === undefined ? undefined : checked(key, "APISPOOL_KEY");
  let text: string;
  try {
    text = read(file);
  } catch (error) {
    throw new Failure(`the key file cannot be read: ${describeError(error)}`, 2);
  }
  return checked(text, `the key file ${file}`);
}

function checked(text: string, where: string): string {
  const key = text.trim();
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new Failure(`${where} must hold a key or token and nothing else`, 2);
}

/** Sends it with every call, as a header; an address ends up in logs. */
export function showing(key: string | undefined): Interceptor[] {
  if (key === undefined) return [];
  return [
    (next) => async (request) => {
      request.header.set("authorization", `Bearer ${key}`);
      return next(request);
    },
  ];
}
