// A Node.js that says it is of another version, for the checks that an old one is refused.

/** Options of node, before the file. */
export function pretendedNode(version: string): readonly string[] {
  const script = `Object.defineProperty(process.versions,'node',{value:'${version}'})`;
  return ['--import', `data:text/javascript,${script}`];
}

/** What every way into the programs and the client says then. */
export const REFUSAL = /^Rangekeeper needs Node\.js 20\.15 or newer; this is [0-9.]+ \(.*\)\n$/;
