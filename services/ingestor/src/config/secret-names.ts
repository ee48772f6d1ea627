const words = new Set(
  "apikey key token accesstoken secret password passwd passphrase auth authorization signature sig cookie credential credentials jwt bearer pat".split(
    " ",
  ),
);

/** Whether a variable's, header's or parameter's name says that its value is a secret: `API_KEY`, `accessToken`. */
export function isSecretName(name: string): boolean {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .some((word) => words.has(word.toLowerCase()));
}
