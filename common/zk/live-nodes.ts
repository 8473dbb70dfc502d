// Watches the live nodes in `/live`, with their sessions, and with their addresses if those can be decoded. For the leader, nodes,
// clients and the webserver.

import type { Logger } from '../base/log.ts';
import type { LiveNode } from '../model/records.ts';
import type { Zk } from './store.ts';
import { ZnodeChildren } from './znode-children.ts';
import { decodeLive, paths } from './znodes.ts';

/** @param changed called after every change, with the nodes whose znodes have changed */
export function watchLiveNodes(
  zk: Zk,
  logger: Logger,
  changed: (nodes: readonly string[]) => void,
  watchedMax?: () => number,
): ZnodeChildren<LiveNode> {
  return new ZnodeChildren<LiveNode>({
    zk,
    logger,
    path: paths.lives,
    decode: (id, node) => {
      const live = decodeLive(id, node);
      if (live === null) logger.warn({ node: id }, 'ignoring a live znode that is persistent');
      else if (live.address === null)
        logger.warn({ node: id }, 'a live znode cannot be decoded: the address of the node is not known');
      return live;
    },
    changed,
    ...(watchedMax === undefined ? {} : { watchedMax }),
  });
}
