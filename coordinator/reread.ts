// R7 [safety]: before a promotion the descriptor is read again, and after it, in the same session, the live znodes. The promotion
// is decided on this read. The observers' data is only the reason for it.

import type { DescriptorImage } from '../common/model/descriptor.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { LiveNode } from '../common/model/records.ts';
import type { ZkSession } from '../common/zk/store.ts';
import { decodeImage, decodeLive, paths } from '../common/zk/znodes.ts';
import type { ClusterView } from './cluster-view.ts';

/** The view with these descriptors read again, and with the live nodes read after them. Rejects with a ZkError. */
export async function rereadForPromotion(
  session: ZkSession,
  view: ClusterView,
  images: readonly DescriptorImage[],
): Promise<ClusterView> {
  const fresh = new Map<RangeId, DescriptorImage | null>();
  await Promise.all(
    images.map(async (image) => fresh.set(image.descriptor.id, await rereadRange(session, image))),
  );
  const live = await readLive(session);
  const ranges = view.ranges.flatMap((image) => {
    const reread = fresh.get(image.descriptor.id);
    if (reread === undefined) return [image];
    return reread?.descriptor.state === 'serving' ? [reread] : [];
  });
  return { ...view, live, ranges };
}

async function rereadRange(
  session: ZkSession,
  { descriptor }: DescriptorImage,
): Promise<DescriptorImage | null> {
  const node = await session.get(paths.range(descriptor.namespace, descriptor.id));
  if (node === null) return null;
  try {
    return decodeImage(descriptor.namespace, descriptor.id, node);
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    // It has become unreadable since the view was taken. The watcher logs that; the range is left alone.
    return null;
  }
}

async function readLive(session: ZkSession): Promise<ReadonlyMap<NodeId, LiveNode>> {
  const ids = (await session.children(paths.lives)) ?? [];
  const read = await Promise.all(
    ids.map(async (id) => {
      const node = await session.get(paths.live(id));
      return node === null ? null : decodeLive(id, node);
    }),
  );
  return new Map(read.flatMap((node) => (node === null ? [] : [[node.id, node]])));
}
