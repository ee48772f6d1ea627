/** One earthquake in the shape of the USGS GeoJSON summary feeds; fields that are not named here pass through. */
export interface Quake {
  readonly type: "Feature";
  readonly properties: QuakeProperties;
  readonly geometry: { readonly type: "Point"; readonly coordinates: readonly [number, number, number] };
  readonly id: string;
}

export interface QuakeProperties {
  readonly mag: number;
  /** When it happened, in milliseconds since 1970. */
  readonly time: number;
  /** When the entry was last changed, in milliseconds since 1970. */
  readonly updated: number;
  readonly status: string;
  readonly net: string;
  readonly code: string;
  readonly ids: string;
  readonly title: string;
  readonly [field: string]: unknown;
}

/** A USGS GeoJSON summary feed, https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php */
export interface QuakeFeed {
  readonly type: "FeatureCollection";
  readonly metadata: {
    /** When the feed's content last changed, in milliseconds since 1970. */
    readonly generated: number;
    readonly url: string;
    readonly title: string;
    readonly status: 200;
    readonly api: string;
    readonly count: number;
  };
  /** Newest first. */
  readonly features: readonly Quake[];
  /** Smallest, then largest longitude, latitude and depth; left out when there is no quake. */
  readonly bbox?: readonly number[];
}
