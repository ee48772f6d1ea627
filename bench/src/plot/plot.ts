/** A drawing that is done: an SVG file's text. */
export type Plot = string;

/** Colours by class, for light and for dark: an SVG in an <img> goes by the reader's scheme, too. */
const STYLE = `
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-size:15px;font-weight:600}.panel{font-weight:600}.faint{fill:#59636e}
.grid{stroke:#d1d9e0;stroke-width:1}.goal{stroke:#bf3989;stroke-width:2;stroke-dasharray:3 2}
.goal-text{fill:#bf3989}
.ours{fill:#0969da}.peer{fill:#9198a1}.back{fill:#ffffff}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.s0{stroke:#0969da}.s1{stroke:#bc4c00}.s2{stroke:#1a7f37}.s3{stroke:#8250df}.s4{stroke:#9a6700}.s5{stroke:#cf222e}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.faint{fill:#9198a1}.grid{stroke:#3d444d}.goal{stroke:#ff80c8}.goal-text{fill:#ff80c8}
.ours{fill:#4493f8}.peer{fill:#656c76}.back{fill:#0d1117}
.s0{stroke:#4493f8}.s1{stroke:#f0883e}.s2{stroke:#3fb950}.s3{stroke:#ab7df8}.s4{stroke:#d29922}.s5{stroke:#ff7b72}
}`;

export function svg(width: number, height: number, title: string, parts: readonly string[]): Plot {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`,
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${width}" height="${height}"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

export function label(
  x: number,
  y: number,
  text: string,
  options: { kind?: string; anchor?: "end" | "middle" } = {},
): string {
  const { kind, anchor } = options;
  const attributes = `${kind === undefined ? "" : ` class="${kind}"`}${anchor === undefined ? "" : ` text-anchor="${anchor}"`}`;
  return `<text x="${round(x)}" y="${round(y)}"${attributes}>${escape(text)}</text>`;
}

/** A tenth of a pixel is enough. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Steps of 1, 2 or 5 times a power of ten, up to at least the largest value. */
export function ticks(most: number, about = 5): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const count = Math.ceil(most / step);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** 1200 is "1,200", 2000000 is "2M". */
export function tickText(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 10_000) return `${value / 1e3}k`;
  return value.toLocaleString("en");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
