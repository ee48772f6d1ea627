import { count } from "../logic/format.js";
import { type HistoryForm, type Stretch, stretchName } from "../logic/history.js";
import { niceCeiling } from "../logic/throughput.js";

const width = 600;
const height = 100;
/** Few bars are no wider than these would be. */
const leastBars = 20;

/** How many records each stretch of time has; the same as a list for who cannot see bars. */
export function CountPlot({
  bars,
  bucket,
}: {
  readonly bars: readonly Stretch[];
  readonly bucket: HistoryForm["bucket"];
}) {
  const [first] = bars;
  const last = bars.at(-1);
  if (first === undefined || last === undefined) return null;
  const top = niceCeiling(Math.max(...bars.map((bar) => bar.count)));
  const step = width / Math.max(leastBars, bars.length);
  const path = bars
    .map(({ count: value }, i) => {
      const tall = value === 0 ? 0 : Math.max(1.5, (value / top) * height);
      return tall === 0
        ? ""
        : `M${(i * step).toFixed(1)} ${height}v${(-tall).toFixed(1)}h${(step - 1.5).toFixed(1)}v${tall.toFixed(1)}z`;
    })
    .join("");
  const named = (bar: Stretch): string => stretchName(bar.fromMs, bucket);
  return (
    <figure class="plot">
      <div class="plot-area low">
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`Records by ${bucket}, ${named(first)} to ${named(last)} UTC`}
        >
          <path class="plot-grid" d={`M0 .5h${width}M0 ${height - 0.5}h${width}`} />
          <path class="plot-bars" d={path} />
        </svg>
        <span class="plot-top" aria-hidden="true">
          {count(top)}
        </span>
      </div>
      <div class="plot-axis" aria-hidden="true">
        <span>
          {bars.length < leastBars && first !== last ? `${named(first)} to ${named(last)}` : named(first)} UTC
        </span>
        {bars.length >= leastBars && <span>{named(last)} UTC</span>}
      </div>
      <details>
        <summary>As a list</summary>
        <ul class="counts">
          {bars
            .filter((bar) => bar.count > 0)
            .map((bar) => (
              <li key={bar.fromMs}>
                {named(bar)}: {count(bar.count)}
              </li>
            ))}
        </ul>
      </details>
    </figure>
  );
}
