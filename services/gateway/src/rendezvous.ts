import { createHash } from "node:crypto";

/**
 * The members in the order in which a name prefers them: rendezvous hashing (highest random weight; Thaler and Ravishankar,
 * 1998). Whoever knows the same members comes to the same order, without talking to anybody. A member that goes moves only
 * its own names, one that comes takes its share of everybody's.
 */
export function inOrderOfPreference<M extends { readonly address: string }>(
  name: string,
  members: readonly M[],
): readonly M[] {
  if (members.length < 2) return members;
  return members
    .map((member) => ({ member, weight: weightOf(name, member.address) }))
    .toSorted((a, b) => b.weight - a.weight || (a.member.address < b.member.address ? -1 : 1))
    .map(({ member }) => member);
}

/** 48 bits that look random: as many as a number holds exactly. */
function weightOf(name: string, address: string): number {
  return createHash("sha1").update(`${address}\n${name}`).digest().readUIntBE(0, 6);
}
