/** So many characters are looked at one by one faster than Node's own code is called for them. */
const SHORT = 64;

/** The bytes that a text takes in UTF-8. */
export function utf8Length(text: string): number {
  return isShortAscii(text) ? text.length : Buffer.byteLength(text);
}

/** Writes a text in UTF-8, of which `length` is the {@link utf8Length}; there has to be room for it. */
export function writeUtf8(to: Buffer, at: number, text: string, length: number): void {
  // A character outside ASCII takes more than one byte.
  if (length <= SHORT && length === text.length) {
    for (let i = 0; i < length; i += 1) to[at + i] = text.charCodeAt(i);
  } else {
    to.write(text, at, length);
  }
}

function isShortAscii(text: string): boolean {
  if (text.length > SHORT) return false;
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
