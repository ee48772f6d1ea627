const quote = 0x22;
const backslash = 0x5c;

/**
 * Whether lists and objects stand more than `most` deep in each other in a JSON text. Only that is looked at; whether it
 * is JSON at all is for the parser to say. Of a megabyte of `[` a parser makes fifty megabytes of lists.
 */
export function isDeeperThan(text: Uint8Array, most: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === quote) at = endOfString(text, at + 1);
    // [ and {, ] and }: the same but for one bit.
    else if ((byte | 0x20) === 0x7b) {
      depth += 1;
      if (depth > most) return true;
    } else if ((byte | 0x20) === 0x7d) depth -= 1;
  }
  return false;
}

/** Where the quote stands that ends a string; the end of the text where none does. */
function endOfString(text: Uint8Array, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === backslash) at += 1;
    else if (text[at] === quote) return at;
  }
  return text.length;
}
