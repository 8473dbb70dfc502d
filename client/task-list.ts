// The tasks that ZooKeeper keeps, for people.

import type { Logger } from '../common/base/log.ts';
import { requestText } from '../common/model/task-text.ts';
import type { ZkSession } from '../common/zk/store.ts';
import { ZnodeDecoder } from '../common/zk/znode-decoder.ts';
import { paths, taskCodec } from '../common/zk/znodes.ts';
import { taskOf } from './admin.ts';
import type { ListedTask } from './admin-api.ts';

/** The newest first. A task that cannot be decoded is logged and left out. */
export async function readTasks(session: ZkSession, log: Logger): Promise<readonly ListedTask[]> {
  const ids = (await session.children(paths.tasks)) ?? [];
  const decoder = new ZnodeDecoder(log);
  const read = await Promise.all(ids.map((id) => readTask(session, decoder, id)));
  const tasks = read.filter((task) => task !== null);
  return tasks.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? -1 : 1));
}

async function readTask(session: ZkSession, decoder: ZnodeDecoder, id: string): Promise<ListedTask | null> {
  const path = paths.task(id);
  const node = await session.get(path);
  if (node === null) return null;
  const record = decoder.decode(path, node, null, () => taskCodec.decode(node.data));
  if (record === null) return null;
  const { request, createdAt, dryRun } = record;
  return {
    ...taskOf(id, record),
    request: requestText(request),
    createdAt: new Date(createdAt),
    dryRun: dryRun === true,
  };
}
