/**
 * Decimal numbers as text, of any length: ids and counters beyond 2^53 must not be rounded. What counts as one is what
 * JSON calls a number, a leading + and leading zeros included.
 */
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;

/** Longer ones are no numbers that anybody counts with. */
const MOST_CHARACTERS = 400;

interface Decimal {
  /** -1, 0 or 1. */
  readonly sign: number;
  /** Without zeros at either end; "" for zero. */
  readonly digits: string;
  /** The value is 0.digits times ten to this. */
  readonly magnitude: number;
}

export function isDecimal(text: string): boolean {
  return text.length <= MOST_CHARACTERS && DECIMAL.test(text);
}

/** Negative, zero or positive, as a comparator for sort. Throws RangeError where one is no decimal. */
export function compareDecimals(a: string, b: string): number {
  const x = parse(a);
  const y = parse(b);
  if (x.sign !== y.sign) return x.sign - y.sign;
  if (x.magnitude !== y.magnitude) return (x.magnitude - y.magnitude) * x.sign;
  if (x.digits === y.digits) return 0;
  // Fractions of the same magnitude: as words, character by character.
  return (x.digits < y.digits ? -1 : 1) * x.sign;
}

/** a - b without an exponent, exactly; a itself where b is too small beside it to be written out. */
export function subtractDecimals(a: string, b: string): string {
  const x = parse(a);
  const y = parse(b);
  if (y.sign === 0) return a;
  const scale = Math.max(x.digits.length - x.magnitude, y.digits.length - y.magnitude, 0);
  if (Math.max(scale, x.magnitude, y.magnitude) > MOST_CHARACTERS) return a;
  return format(scaled(x, scale) - scaled(y, scale), scale);
}

function parse(text: string): Decimal {
  const match = DECIMAL.exec(text);
  if (match === null) throw new RangeError(`"${text.slice(0, 40)}" is not a decimal number`);
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const all = whole + fraction;
  const digits = all.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return { sign: 0, digits: "", magnitude: 0 };
  return {
    sign: sign === "-" ? -1 : 1,
    digits: significant,
    magnitude: digits.length - fraction.length + Number(exponent),
  };
}

/** The value times ten to the scale, which is large enough to make it whole. */
function scaled({ sign, digits, magnitude }: Decimal, scale: number): bigint {
  if (sign === 0) return 0n;
  return BigInt(sign) * BigInt(digits) * 10n ** BigInt(magnitude - digits.length + scale);
}

function format(value: bigint, scale: number): string {
  const sign = value < 0n ? "-" : "";
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale === 0 ? "" : digits.slice(-scale).replace(/0+$/, "");
  return `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}
