// Who leaves the in-sync set first, as a table: members are written `name:acknowledged`, with `!` where the session has ended
// and `~` where the member is late.

import test from 'ava';
import { silentMember } from '../../../../kvnode/replica/in-sync-review.ts';
import { FollowerProgress } from '../../../../kvnode/replica/progress.ts';

const leaves = test.macro({
  title: (_, members, expected) => `of ${members} ${expected ?? 'nobody'} leaves`,
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
    const found = silentMember(
      descriptor,
      followers,
      (node) => row(node)?.isGone !== true,
      ({ node }) => row(node)?.isLate === true,
    );
    t.is(found?.node ?? null, expected);
  },
});

test(leaves, 'b:9 c:9', null);
test(leaves, 'b:9 c:5~', 'c');
test(leaves, 'b:7~ c:5~', 'c');
test(leaves, 'b:9! c:9', 'b');
test(leaves, 'b:9! c:1~', 'b');
test(leaves, 'b:9! c:3!', 'c');
