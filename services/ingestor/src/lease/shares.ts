/** What a member of the group tells of itself. */
export interface Candidate {
  readonly memberId: string;
  /** The sources that it could poll: those in its configuration. */
  readonly sources: readonly string[];
  /** The sources that it polls now. */
  readonly holds: readonly string[];
}

/**
 * Divides the sources among the members: each to one that knows it, evenly, and where it is polled already if that is
 * even enough. A source moves only when it has to.
 */
export function share(candidates: readonly Candidate[]): ReadonlyMap<string, readonly string[]> {
  const shares = new Map(candidates.map(({ memberId }) => [memberId, [] as string[]]));
  const knownBy = new Map<string, Set<string>>();
  for (const { memberId, sources } of candidates) {
    for (const source of sources) {
      const members = knownBy.get(source);
      if (members === undefined) knownBy.set(source, new Set([memberId]));
      else members.add(memberId);
    }
  }
  const even = Math.floor(knownBy.size / Math.max(candidates.length, 1));
  let larger = knownBy.size % Math.max(candidates.length, 1);
  const taken = new Set<string>();
  // Those with most keep most; so many of them may have one more than the others.
  for (const { memberId, holds, sources } of candidates.toSorted((a, b) => b.holds.length - a.holds.length)) {
    const list = shares.get(memberId) ?? [];
    const known = new Set(sources);
    for (const source of holds) {
      if (taken.has(source) || !known.has(source)) continue;
      if (list.length >= even) {
        if (list.length > even || larger === 0) break;
        larger -= 1;
      }
      list.push(source);
      taken.add(source);
    }
  }
  for (const [source, members] of [...knownBy].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (taken.has(source)) continue;
    let least: string[] | undefined;
    for (const memberId of members) {
      const list = shares.get(memberId);
      if (list !== undefined && (least === undefined || list.length < least.length)) least = list;
    }
    least?.push(source);
  }
  return shares;
}
