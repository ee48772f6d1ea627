import { count, rate } from "../logic/format.js";
import { type Bucket, bucketCount, bucketMs, niceCeiling, ratesOf } from "../logic/throughput.js";

const width = 600;
const height = 120;
const step = width / bucketCount;

interface Bar {
  readonly x: number;
  readonly height: number;
}

/** Bars up to a height; pieces of time that nobody looked at have none. */
function bars(buckets: readonly Bucket[], most: number, tall: number): readonly Bar[] {
  return buckets.flatMap((bucket, index) => {
    if (bucket === undefined || bucket === 0) return [];
    const x = (bucketCount - buckets.length + index) * step;
    return [{ x, height: Math.max(1.5, (bucket / most) * tall) }];
  });
}

function path(all: readonly Bar[], base: number): string {
  return all
    .map(
      ({ x, height: tall }) =>
        `M${x.toFixed(1)} ${base}v${(-tall).toFixed(1)}h${(step - 1.5).toFixed(1)}v${tall.toFixed(1)}z`,
    )
    .join("");
}

/** The stretches of time that nothing is known of. */
function unknown(buckets: readonly Bucket[]): string {
  const missing = bucketCount - buckets.length;
  return Array.from({ length: bucketCount }, (_, index) => index)
    .filter((index) => index < missing || buckets[index - missing] === undefined)
    .map((index) => `M${(index * step).toFixed(1)} 0h${step.toFixed(1)}v${height}h${(-step).toFixed(1)}z`)
    .join("");
}

/** Records written over the last five minutes. */
export function ThroughputPlot({ buckets }: { readonly buckets: readonly Bucket[] }) {
  const { now, mean, peak, knownMs } = ratesOf(buckets);
  const top = niceCeiling(peak);
  const most = (top * bucketMs) / 1000;
  const seen = knownMs < 60_000 ? `${Math.round(knownMs / 1000)} seconds` : `${Math.round(knownMs / 60_000)} minutes`;
  const summary = `Records written a second: ${rate(now)} in the last half minute, ${rate(mean)} on average and ${rate(peak)} at most in the ${seen} that were watched.`;
  return (
    <figure class="plot">
      <div class="plot-area">
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={summary}>
          <path class="plot-unknown" d={unknown(buckets)} />
          <path class="plot-grid" d={`M0 .5h${width}M0 ${height / 2}h${width}M0 ${height - 0.5}h${width}`} />
          <path class="plot-bars" d={path(bars(buckets, most, height), height)} />
        </svg>
        <span class="plot-top" aria-hidden="true">{`${top < 1 ? rate(top) : count(top)}/s`}</span>
      </div>
      <div class="plot-axis" aria-hidden="true">
        <span>5 min ago</span>
        <span>2½ min</span>
        <span>now</span>
      </div>
      <figcaption>
        <dl class="figures">
          <div>
            <dt>Last 30 s</dt>
            <dd>{rate(now)}/s</dd>
          </div>
          <div>
            <dt>Average</dt>
            <dd>{rate(mean)}/s</dd>
          </div>
          <div>
            <dt>Peak</dt>
            <dd>{rate(peak)}/s</dd>
          </div>
        </dl>
        <p class="hint">
          Records written to Kafka, from the sources' own counters, in steps of 5 s. Shaded: not watched by this page.
        </p>
      </figcaption>
    </figure>
  );
}

/** The same for one source, small; the number beside it says what is needed. */
export function Sparkline({ buckets }: { readonly buckets: readonly Bucket[] }) {
  const most = Math.max(1, ...buckets.map((bucket) => bucket ?? 0));
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} 40`} preserveAspectRatio="none" aria-hidden="true">
      <path class="plot-bars" d={path(bars(buckets, most, 40), 40)} />
    </svg>
  );
}
