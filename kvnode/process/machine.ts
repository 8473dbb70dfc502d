// The machine of a node, by name: two replicas of a range are never placed on one machine.

import { readAddress } from '../../common/model/address.ts';
import { isLoopback } from '../../common/model/machines.ts';

/**
 * What `--machine` says, else the host of the address by which others reach the node: names of hosts are often alike. Undefined: nodes
 * that only their own machine can reach are there to try things out, and each counts as a machine.
 */
export function machineName(given: string | null, address: string): string | undefined {
  if (given !== null) return given;
  const host = readAddress(address, null)?.host;
  return host === undefined || isLoopback(host) ? undefined : host;
}
