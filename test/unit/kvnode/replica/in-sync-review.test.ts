// Which member is removed from the in-sync set first, as a table. Members are written `name:acked`, with `!` if the session has ended
// and `~` if the member is late.

import test from 'ava';
import { memberToRemove } from '../../../../kvnode/replica/in-sync-review.ts';
import { FollowerProgress } from '../../../../kvnode/replica/progress.ts';

const removed = test.macro({
  title: (_, members, expected) => `${expected ?? 'no member'} is removed from ${members}`,
  exec: (t, members: string, expected: string | null) => {
    const rows = members.split(' ').map((text) => {
      const [node = '', acked = ''] = text.replace(/[!~]/g, '').split(':');
      return { node, acked: Number(acked), isGone: text.endsWith('!'), isLate: text.endsWith('~') };
    });
    const followers = new Map<string, FollowerProgress>();
    for (const { node, acked } of rows) {
      const follower = new FollowerProgress(node, 1, { epoch: 1, seq: 0 }, 0);
      follower.acknowledged(acked, 0);
      followers.set(node, follower);
    }
    const row = (node: string) => rows.find((one) => one.node === node);
    const descriptor = { inSync: ['owner', ...rows.map(({ node }) => node)] };
    const found = memberToRemove(
      descriptor,
      followers,
      (node) => row(node)?.isGone !== true,
      ({ node }) => row(node)?.isLate === true,
    );
    t.is(found?.node ?? null, expected);
  },
});

test(removed, 'b:9 c:9', null);
test(removed, 'b:9 c:5~', 'c');
test(removed, 'b:7~ c:5~', 'c');
test(removed, 'b:9! c:9', 'b');
test(removed, 'b:9! c:1~', 'b');
test(removed, 'b:9! c:3!', 'c');
