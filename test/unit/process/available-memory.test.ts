// The memory of machine and container. In each case the files are as Linux has them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { availableMemory } from '../../../common/process/available-memory.ts';

const MACHINE = 8_000_000_000;
/** The limit that version 1 shows if none is set. */
const UNSET = '9223372036854771712\n';

const finds = test.macro({
  exec(t, files: Readonly<Record<string, string>>, containerBytes: number | null) {
    const root = mkdtempSync(join(tmpdir(), 'rangekeeper-memory-'));
    t.teardown(() => rmSync(root, { recursive: true }));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    t.deepEqual(availableMemory(root, MACHINE), { machineBytes: MACHINE, containerBytes });
  },
  title: (title = '') => title,
});

const V1 = '4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n';
const V1_ROOT = 'sys/fs/cgroup/memory';

test('neither /proc nor /sys', finds, {}, null);
test(
  'version 2, no limit',
  finds,
  { 'proc/self/cgroup': '0::/user.slice\n', 'sys/fs/cgroup/user.slice/memory.max': 'max\n' },
  null,
);
test(
  'version 2, a container that sees its own group as the root',
  finds,
  { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': '268435456\n' },
  268_435_456,
);
test(
  'version 2, a limit further up that is smaller',
  finds,
  {
    'proc/self/cgroup': '0::/a.slice/b.service\n',
    'sys/fs/cgroup/a.slice/b.service/memory.max': '500000000\n',
    'sys/fs/cgroup/a.slice/memory.max': '300000000\n',
  },
  300_000_000,
);
test(
  'version 2, where the kernel begins to throttle counts as well',
  finds,
  {
    'proc/self/cgroup': '0::/b.service\n',
    'sys/fs/cgroup/b.service/memory.max': '500000000\n',
    'sys/fs/cgroup/b.service/memory.high': '400000000\n',
  },
  400_000_000,
);
test(
  'version 1, the group by its path',
  finds,
  {
    'proc/self/cgroup': V1,
    [`${V1_ROOT}/docker/abc/memory.limit_in_bytes`]: '268435456\n',
    [`${V1_ROOT}/memory.limit_in_bytes`]: UNSET,
  },
  268_435_456,
);
test(
  'version 1, a container where its group is mounted as the root',
  finds,
  { 'proc/self/cgroup': V1, [`${V1_ROOT}/memory.limit_in_bytes`]: '268435456\n' },
  268_435_456,
);
test(
  'version 1, no limit',
  finds,
  { 'proc/self/cgroup': V1, [`${V1_ROOT}/docker/abc/memory.limit_in_bytes`]: UNSET },
  null,
);
test(
  'a limit above what the machine has is none',
  finds,
  { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': String(MACHINE + 1) },
  null,
);

test('this machine has memory', (t) => {
  t.true(availableMemory().machineBytes > 0);
});
