import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { AccessKey } from "./access-file.js";

/** By this a key is known for what it is, in a log or a repository where it should not be. */
const prefix = "apispool_";

export interface NewKey {
  readonly key: string;
  /** What the access file holds of it, in hexadecimal. */
  readonly sha256: string;
}

/** A key that nobody can guess: 256 random bits. */
export function makeKey(): NewKey {
  const key = `${prefix}${randomBytes(32).toString("base64url")}`;
  return { key, sha256: digest(key).toString("hex") };
}

/** The entry of a key; every entry is compared, in a time that tells nothing of them. */
export function findKey(key: string, keys: readonly AccessKey[]): AccessKey | undefined {
  const sha256 = digest(key);
  let found: AccessKey | undefined;
  for (const one of keys) if (timingSafeEqual(one.sha256, sha256)) found = one;
  return found;
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
